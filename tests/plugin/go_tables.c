/* SPDX-License-Identifier: Apache-2.0 */
#include "go_tables.h"
#include <check.h>
#include <string.h>

static uint32_t offset_of(const struct go_tables *t, hw_addr addr)
{
	return (uint32_t)(addr - t->piece->base);
}

static void put_varint(const struct go_tables *t, uint32_t value)
{
	for (; value >= 0x80; value >>= 7)
		go_target_put(t->piece, &(uint8_t){(uint8_t)(value | 0x80)}, 1, 1);
	go_target_put(t->piece, &(uint8_t){(uint8_t)value}, 1, 1);
}

uint32_t go_tables_pcs(const struct go_tables *t, const int32_t (*pairs)[2])
{
	const uint32_t at = (uint32_t)t->piece->used;
	int32_t value = -1, pc = 0;

	for (; (*pairs)[1]; pairs++) {
		const int32_t delta = (*pairs)[0] - value;

		put_varint(t, (uint32_t)delta << 1 ^ (uint32_t)(delta >> 31));
		put_varint(t, (uint32_t)((*pairs)[1] - pc));
		value = (*pairs)[0];
		pc = (*pairs)[1];
	}
	put_varint(t, 0);
	return at;
}

/* The raw number of an id in this version. */
static uint8_t raw_id(uint32_t minor, enum go_func_id id)
{
	switch (id) {
	case GO_ID_GOEXIT:
		return minor < 17 ? 2 : minor < 22 ? 7 : 8;
	case GO_ID_SIGPANIC:
		return minor < 17 ? 9 : minor < 18 ? 19 : minor < 22 ? 18 : minor < 25 ? 19 : 20;
	default:
		ck_assert_int_eq(id, GO_ID_NORMAL);
		return 0;
	}
}

uint32_t go_tables_function(const struct go_tables *t, const struct go_table_function *f)
{
	const struct go_layout *l = &t->m->rt.layout;
	const uint32_t minor = l->minor, size = l->at[GO_FUNC_NFUNCDATA] + 1;
	const uint32_t objects = minor <= 12 ? 4 : minor <= 15 ? 3 : 2;
	const uint32_t inl = minor <= 12 ? 2 : minor <= 15 ? 4 : 3;
	uint32_t pcdata[3] = {0}, data[5] = {f->args_map, f->locals_map};
	const hw_addr name = go_target_put_text(t->piece, f->name);
	const hw_addr at = go_target_room(t->piece, size, 8);

	pcdata[minor <= 12 ? 0 : 1] = f->stackmap;
	pcdata[minor <= 12 ? 1 : 2] = f->inltree;
	data[objects] = f->objects;
	data[inl] = f->inldata;
	go_target_set(t->m, at, GO_FUNC_ENTRY, t->text + f->entry);
	if (minor >= 18)
		go_target_store(t->m, at, f->entry, 4);
	go_target_set(t->m, at, GO_FUNC_NAMEOFF, offset_of(t, name));
	go_target_set(t->m, at, GO_FUNC_ARGS, f->args);
	go_target_set(t->m, at, GO_FUNC_DEFERRETURN, f->deferreturn);
	go_target_set(t->m, at, GO_FUNC_PCSP, f->pcsp);
	go_target_set(t->m, at, GO_FUNC_PCFILE, f->pcfile);
	go_target_set(t->m, at, GO_FUNC_PCLN, f->pcln);
	go_target_set(t->m, at, GO_FUNC_NPCDATA, 3);
	go_target_set(t->m, at, GO_FUNC_FUNCID, raw_id(minor, f->id));
	go_target_set(t->m, at, GO_FUNC_FLAG, f->flag);
	go_target_set(t->m, at, GO_FUNC_NFUNCDATA, 5);
	go_target_put(t->piece, pcdata, sizeof(pcdata), 4);
	for (uint32_t i = 0; i < G_N_ELEMENTS(data); i++) {
		const uint64_t pointer = data[i] ? t->piece->base + data[i] : 0;
		const uint32_t offset = data[i] ? data[i] : UINT32_MAX;

		if (minor >= 18)
			go_target_put(t->piece, &offset, 4, 4);
		else
			go_target_put(t->piece, &pointer, 8, 8);
	}
	return offset_of(t, at);
}

void go_tables_finish(const struct go_tables *t, const uint32_t (*pairs)[2], uint32_t count,
		      uint32_t files, uint32_t file_count, struct go_moduledata *md)
{
	const uint32_t minor = t->m->rt.layout.minor;

	for (uint32_t i = 0; i < count; i++) {
		const uint64_t wide[2] = {t->text + pairs[i][0], pairs[i][1]};
		const hw_addr at = minor >= 18 ? go_target_put(t->piece, pairs[i], 8, 8)
					       : go_target_put(t->piece, wide, 16, 8);

		if (!i)
			md->ftab.ptr = at;
	}
	md->ftab.len = md->ftab.cap = count;
	md->text = md->minpc = t->text;
	md->etext = md->maxpc = t->text + pairs[count - 1][0];
	md->gofunc = t->piece->base;
	md->pclntable = (struct go_slice){t->piece->base, t->piece->used, t->piece->used};
	md->funcnametab = md->pctab = md->pclntable;
	md->cutab = (struct go_slice){t->piece->base + files, file_count, file_count};
	md->filetab = minor < 16 ? md->cutab : md->pclntable;
}
