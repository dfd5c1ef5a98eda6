/* SPDX-License-Identifier: Apache-2.0 */
/* moduledata.c -- runtime.moduledata (runtime/symtab.go): one struct per image that says
 * where its text, data, types and tables are. Found as the words of the image's data that
 * point at pclntab and begin a struct whose ranges make sense. */
#include "find.h"
#include <string.h>

#define MODULEDATA_MAX 1024 /* Bytes; the largest is 592. */

static uint64_t word_of(const struct go_runtime *rt, const uint8_t *bytes, enum go_field field)
{
	return go_pick(&rt->layout, bytes, MODULEDATA_MAX, field);
}

static struct go_slice slice_of(const struct go_runtime *rt, const uint8_t *bytes,
				enum go_field field)
{
	struct go_slice slice = {0};

	if (go_has(&rt->layout, field) && rt->layout.at[field] + sizeof(slice) <= MODULEDATA_MAX)
		memcpy(&slice, bytes + rt->layout.at[field], sizeof(slice));
	return slice;
}

/* bitvector: n int32, bytedata *uint8. */
static struct go_slice mask_of(const struct go_runtime *rt, const uint8_t *bytes,
			       enum go_field field)
{
	struct go_slice pair = slice_of(rt, bytes, field);
	struct go_slice mask = {.ptr = pair.len, .len = (uint32_t)pair.ptr};

	return mask;
}

static void read_ranges(const struct go_runtime *rt, const uint8_t *bytes, struct go_moduledata *md)
{
	md->minpc = word_of(rt, bytes, GO_MD_MINPC);
	md->maxpc = word_of(rt, bytes, GO_MD_MAXPC);
	md->text = word_of(rt, bytes, GO_MD_TEXT);
	md->etext = word_of(rt, bytes, GO_MD_ETEXT);
	md->noptrdata = word_of(rt, bytes, GO_MD_NOPTRDATA);
	md->enoptrdata = word_of(rt, bytes, GO_MD_ENOPTRDATA);
	md->data = word_of(rt, bytes, GO_MD_DATA);
	md->edata = word_of(rt, bytes, GO_MD_EDATA);
	md->bss = word_of(rt, bytes, GO_MD_BSS);
	md->ebss = word_of(rt, bytes, GO_MD_EBSS);
	md->noptrbss = word_of(rt, bytes, GO_MD_NOPTRBSS);
	md->enoptrbss = word_of(rt, bytes, GO_MD_ENOPTRBSS);
	md->end = word_of(rt, bytes, GO_MD_END);
	md->gcdata = word_of(rt, bytes, GO_MD_GCDATA);
	md->gcbss = word_of(rt, bytes, GO_MD_GCBSS);
	md->types = word_of(rt, bytes, GO_MD_TYPES);
	md->etypes = word_of(rt, bytes, GO_MD_ETYPES);
	md->rodata = word_of(rt, bytes, GO_MD_RODATA);
	md->gofunc = word_of(rt, bytes, GO_MD_GOFUNC);
	md->findfunctab = word_of(rt, bytes, GO_MD_FINDFUNCTAB);
	md->typemap = word_of(rt, bytes, GO_MD_TYPEMAP);
	md->next = word_of(rt, bytes, GO_MD_NEXT);
}

static void read_tables(const struct go_runtime *rt, const uint8_t *bytes, struct go_moduledata *md)
{
	md->pclntab = word_of(rt, bytes, GO_MD_PCHEADER);
	md->pclntable = slice_of(rt, bytes, GO_MD_PCLNTABLE);
	md->funcnametab = slice_of(rt, bytes, GO_MD_FUNCNAMETAB);
	md->cutab = slice_of(rt, bytes, GO_MD_CUTAB);
	md->filetab = slice_of(rt, bytes, GO_MD_FILETAB);
	md->pctab = slice_of(rt, bytes, GO_MD_PCTAB);
	md->ftab = slice_of(rt, bytes, GO_MD_FTAB);
	md->textsectmap = slice_of(rt, bytes, GO_MD_TEXTSECTMAP);
	md->typelinks = slice_of(rt, bytes, GO_MD_TYPELINKS);
	md->itablinks = slice_of(rt, bytes, GO_MD_ITABLINKS);
	md->gcdatamask = mask_of(rt, bytes, GO_MD_GCDATAMASK);
	md->gcbssmask = mask_of(rt, bytes, GO_MD_GCBSSMASK);
	if (go_has(&rt->layout, GO_MD_PCHEADER))
		return;
	md->pclntab = md->pclntable.ptr;
	md->funcnametab = md->pctab = md->pclntable;
}

/* What the linker guarantees (cmd/link symtab.go): text is one range, data and bss follow
 * each other, and the function table has entries. */
static bool is_sane(const struct go_moduledata *md)
{
	return md->text && md->text <= md->minpc && md->minpc < md->maxpc &&
	       md->maxpc <= md->etext && md->noptrdata <= md->enoptrdata && md->data <= md->edata &&
	       md->edata <= md->bss && md->bss <= md->ebss && md->noptrbss <= md->enoptrbss &&
	       md->types <= md->etypes && md->ftab.len > 1 && md->ftab.len <= md->ftab.cap;
}

static bool read_moduledata(const struct go_runtime *rt, hw_addr addr, struct go_moduledata *ret)
{
	struct go_moduledata md = {.addr = addr};
	uint8_t bytes[MODULEDATA_MAX] = {0};

	/* The struct may end before the last of these bytes does. */
	if (rt->host->read(rt->host->self, addr, bytes, sizeof(bytes)) < rt->layout.at[GO_MD_SIZE])
		return false;
	read_ranges(rt, bytes, &md);
	read_tables(rt, bytes, &md);
	if (!is_sane(&md))
		return false;
	*ret = md;
	return true;
}

/* Which versions of a group have this layout: the later members move, so the ones at the
 * end must make sense, too. */
static bool fits_version(const struct go_runtime *rt, const struct go_moduledata *md)
{
	uint8_t flags;

	return (md->next == 0 || md->next % 8 == 0) &&
	       go_read(rt, go_at(rt, md->addr, GO_MD_HASMAIN), &flags, 1) && flags <= 1 &&
	       md->typelinks.len <= md->typelinks.cap && md->itablinks.len <= md->itablinks.cap &&
	       md->textsectmap.len <= md->textsectmap.cap;
}

static bool try_at(struct go_runtime *rt, hw_addr addr, struct go_moduledata *ret)
{
	const struct go_version *v = &rt->version;

	for (uint32_t minor = v->highest; minor >= v->lowest; minor--) {
		if (v->lowest != v->highest)
			go_layout_init(&rt->layout, minor);
		if (read_moduledata(rt, addr, ret) && ret->pclntab == rt->pclntab &&
		    fits_version(rt, ret))
			return true;
	}
	return false;
}

static void follow_list(struct go_runtime *rt)
{
	while (rt->module_count < GO_MODULES_MAX) {
		struct go_moduledata *last = &rt->modules[rt->module_count - 1];

		if (!last->next)
			return;
		if (!read_moduledata(rt, last->next, &rt->modules[rt->module_count])) {
			rt->host->damage(rt->host->self, last->next,
					 "moduledata behind the one at 0x%llx makes no sense",
					 (unsigned long long)last->addr);
			return;
		}
		for (uint32_t i = 0; i < rt->module_count; i++)
			if (rt->modules[i].addr == last->next)
				return;
		rt->module_count++;
	}
}

void go_find_moduledata(struct go_runtime *rt)
{
	const struct hw_host *host = rt->host;

	for (uint32_t s = 0; s < rt->image.segment_count; s++) {
		const struct go_segment *segment = &rt->image.segments[s];
		hw_addr start, end;

		if (segment->perm & HW_PERM_X)
			continue;
		for (hw_addr at = segment->start;
		     host->data(host->self, at, segment->end, &start, &end); at = end) {
			uint64_t size;
			const uint8_t *bytes = host->peek(host->self, start, &size);

			if (!bytes || host->stopped(host->self))
				break;
			for (uint64_t i = -start & 7; i + 8 <= size && i < end - start; i += 8) {
				if (memcmp(bytes + i, &rt->pclntab, 8) != 0 ||
				    !try_at(rt, start + i, &rt->modules[0]))
					continue;
				rt->module_count = 1;
				follow_list(rt);
				return;
			}
		}
	}
}

const struct go_moduledata *go_module_of(const struct go_runtime *rt, hw_addr pc)
{
	for (uint32_t i = 0; i < rt->module_count; i++)
		if (pc >= rt->modules[i].minpc && pc < rt->modules[i].maxpc)
			return &rt->modules[i];
	return NULL;
}
