/* SPDX-License-Identifier: Apache-2.0 */
/* pclntab.c -- functions by pc, pc tables, funcdata. names.c has what is text. */
#include "pclntab.h"
#include <string.h>

/* By version: which function a raw funcID is. runtime/symtab.go; from 1.21 on
 * internal/abi/symtab.go. */
static const uint8_t ids_112[] = {
    GO_ID_NORMAL,
    GO_ID_RUNTIME_MAIN,
    GO_ID_GOEXIT,
    GO_ID_JMPDEFER,
    GO_ID_MCALL,
    GO_ID_MORESTACK,
    GO_ID_MSTART,
    GO_ID_RT0_GO,
    GO_ID_ASMCGOCALL,
    GO_ID_SIGPANIC,
    GO_ID_RUNFINQ,
    GO_ID_GCBGMARKWORKER,
    GO_ID_SYSTEMSTACK_SWITCH,
    GO_ID_SYSTEMSTACK,
    GO_ID_CGOCALLBACK,
    GO_ID_GOGO,
    GO_ID_EXTERNALTHREADHANDLER,
    GO_ID_DEBUGCALL,
    GO_ID_GOPANIC,
    GO_ID_PANICWRAP,
    GO_ID_WRAPPER,
};
static const uint8_t ids_114[] = {
    GO_ID_NORMAL,
    GO_ID_RUNTIME_MAIN,
    GO_ID_GOEXIT,
    GO_ID_JMPDEFER,
    GO_ID_MCALL,
    GO_ID_MORESTACK,
    GO_ID_MSTART,
    GO_ID_RT0_GO,
    GO_ID_ASMCGOCALL,
    GO_ID_SIGPANIC,
    GO_ID_RUNFINQ,
    GO_ID_GCBGMARKWORKER,
    GO_ID_SYSTEMSTACK_SWITCH,
    GO_ID_SYSTEMSTACK,
    GO_ID_CGOCALLBACK,
    GO_ID_GOGO,
    GO_ID_EXTERNALTHREADHANDLER,
    GO_ID_DEBUGCALL,
    GO_ID_GOPANIC,
    GO_ID_PANICWRAP,
    GO_ID_HANDLEASYNCEVENT,
    GO_ID_ASYNCPREEMPT,
    GO_ID_WRAPPER,
};
static const uint8_t ids_117[] = {
    GO_ID_NORMAL,
    GO_ID_ABORT,
    GO_ID_ASMCGOCALL,
    GO_ID_ASYNCPREEMPT,
    GO_ID_CGOCALLBACK,
    GO_ID_DEBUGCALL,
    GO_ID_GCBGMARKWORKER,
    GO_ID_GOEXIT,
    GO_ID_GOGO,
    GO_ID_GOPANIC,
    GO_ID_HANDLEASYNCEVENT,
    GO_ID_JMPDEFER,
    GO_ID_MCALL,
    GO_ID_MORESTACK,
    GO_ID_MSTART,
    GO_ID_PANICWRAP,
    GO_ID_RT0_GO,
    GO_ID_RUNFINQ,
    GO_ID_RUNTIME_MAIN,
    GO_ID_SIGPANIC,
    GO_ID_SYSTEMSTACK,
    GO_ID_SYSTEMSTACK_SWITCH,
    GO_ID_WRAPPER,
};
static const uint8_t ids_118[] = {
    GO_ID_NORMAL,
    GO_ID_ABORT,
    GO_ID_ASMCGOCALL,
    GO_ID_ASYNCPREEMPT,
    GO_ID_CGOCALLBACK,
    GO_ID_DEBUGCALL,
    GO_ID_GCBGMARKWORKER,
    GO_ID_GOEXIT,
    GO_ID_GOGO,
    GO_ID_GOPANIC,
    GO_ID_HANDLEASYNCEVENT,
    GO_ID_MCALL,
    GO_ID_MORESTACK,
    GO_ID_MSTART,
    GO_ID_PANICWRAP,
    GO_ID_RT0_GO,
    GO_ID_RUNFINQ,
    GO_ID_RUNTIME_MAIN,
    GO_ID_SIGPANIC,
    GO_ID_SYSTEMSTACK,
    GO_ID_SYSTEMSTACK_SWITCH,
    GO_ID_WRAPPER,
};
static const uint8_t ids_122[] = {
    GO_ID_NORMAL,       GO_ID_ABORT,
    GO_ID_ASMCGOCALL,   GO_ID_ASYNCPREEMPT,
    GO_ID_CGOCALLBACK,  GO_ID_COROSTART,
    GO_ID_DEBUGCALL,    GO_ID_GCBGMARKWORKER,
    GO_ID_GOEXIT,       GO_ID_GOGO,
    GO_ID_GOPANIC,      GO_ID_HANDLEASYNCEVENT,
    GO_ID_MCALL,        GO_ID_MORESTACK,
    GO_ID_MSTART,       GO_ID_PANICWRAP,
    GO_ID_RT0_GO,       GO_ID_RUNFINQ,
    GO_ID_RUNTIME_MAIN, GO_ID_SIGPANIC,
    GO_ID_SYSTEMSTACK,  GO_ID_SYSTEMSTACK_SWITCH,
    GO_ID_WRAPPER,
};
static const uint8_t ids_125[] = {
    GO_ID_NORMAL,
    GO_ID_ABORT,
    GO_ID_ASMCGOCALL,
    GO_ID_ASYNCPREEMPT,
    GO_ID_CGOCALLBACK,
    GO_ID_COROSTART,
    GO_ID_DEBUGCALL,
    GO_ID_GCBGMARKWORKER,
    GO_ID_GOEXIT,
    GO_ID_GOGO,
    GO_ID_GOPANIC,
    GO_ID_HANDLEASYNCEVENT,
    GO_ID_MCALL,
    GO_ID_MORESTACK,
    GO_ID_MSTART,
    GO_ID_PANICWRAP,
    GO_ID_RT0_GO,
    GO_ID_RUNTIME_MAIN,
    GO_ID_RUNFINQ,
    GO_ID_RUNCLEANUPS,
    GO_ID_SIGPANIC,
    GO_ID_SYSTEMSTACK,
    GO_ID_SYSTEMSTACK_SWITCH,
    GO_ID_WRAPPER,
};

static const struct {
	uint32_t since;
	const uint8_t *ids;
	uint32_t count;
} id_tables[] = {
    {25, ids_125, sizeof(ids_125)}, {22, ids_122, sizeof(ids_122)}, {18, ids_118, sizeof(ids_118)},
    {17, ids_117, sizeof(ids_117)}, {14, ids_114, sizeof(ids_114)}, {0, ids_112, sizeof(ids_112)},
};

static enum go_func_id id_of(const struct go_runtime *rt, uint8_t raw)
{
	for (size_t i = 0; i < sizeof(id_tables) / sizeof(*id_tables); i++)
		if (rt->layout.minor >= id_tables[i].since)
			return raw < id_tables[i].count ? id_tables[i].ids[raw] : GO_ID_NORMAL;
	return GO_ID_NORMAL;
}

/* FUNCDATA and PCDATA numbers, runtime/symtab.go and internal/abi/symtab.go; -1: none. */
static int pcdata_number(uint32_t minor, enum go_pcdata table)
{
	switch (table) {
	case GO_PCDATA_STACKMAP:
		return minor <= 12 ? 0 : 1;
	case GO_PCDATA_INLTREE:
		return minor <= 12 ? 1 : 2;
	case GO_PCDATA_ARGLIVE:
		return minor >= 18 ? 3 : -1;
	}
	return -1;
}

static int funcdata_number(uint32_t minor, enum go_funcdata index)
{
	switch (index) {
	case GO_FUNCDATA_ARGS:
		return 0;
	case GO_FUNCDATA_LOCALS:
		return 1;
	case GO_FUNCDATA_STACKOBJECTS:
		return minor <= 12 ? 4 : minor <= 15 ? 3 : 2;
	case GO_FUNCDATA_INLTREE:
		return minor <= 12 ? 2 : minor <= 15 ? 4 : 3;
	case GO_FUNCDATA_ARGINFO:
		return minor >= 17 ? 5 : -1;
	}
	return -1;
}

/* ftab: pairs of pc and offset into pclntable, the last one only a pc. */
static bool is_short(const struct go_runtime *rt)
{
	return rt->layout.minor >= 18;
}

static bool read_pair(const struct go_runtime *rt, const struct go_moduledata *md, uint64_t index,
		      hw_addr *pc_ret, uint64_t *offset_ret)
{
	if (is_short(rt)) {
		uint32_t pair[2] = {0, 0};

		/* The end has no offset. */
		if (!go_read(rt, md->ftab.ptr + index * 8, pair, index + 1 < md->ftab.len ? 8 : 4))
			return false;
		*pc_ret = md->text + pair[0];
		*offset_ret = pair[1];
	} else {
		uint64_t pair[2] = {0, 0};

		if (!go_read(rt, md->ftab.ptr + index * 16, pair,
			     index + 1 < md->ftab.len ? 16 : 8))
			return false;
		*pc_ret = pair[0];
		*offset_ret = pair[1];
	}
	return true;
}

/* The last entry that starts at or before pc, in *low_ret. */
static bool search(const struct go_runtime *rt, const struct go_moduledata *md, hw_addr pc,
		   uint64_t *low_ret)
{
	uint64_t low = 0, high = md->ftab.len - 1, offset;
	hw_addr at;

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (!read_pair(rt, md, mid, &at, &offset))
			return false;
		if (at <= pc)
			low = mid;
		else
			high = mid;
	}
	*low_ret = low;
	return true;
}

static void decode(const struct go_runtime *rt, const uint8_t *bytes, uint64_t size,
		   struct go_func *f)
{
	const struct go_layout *l = &rt->layout;

	f->name = (uint32_t)go_pick(l, bytes, size, GO_FUNC_NAMEOFF);
	f->args = (int32_t)go_pick(l, bytes, size, GO_FUNC_ARGS);
	f->deferreturn = (uint32_t)go_pick(l, bytes, size, GO_FUNC_DEFERRETURN);
	f->pcsp = (uint32_t)go_pick(l, bytes, size, GO_FUNC_PCSP);
	f->pcfile = (uint32_t)go_pick(l, bytes, size, GO_FUNC_PCFILE);
	f->pcln = (uint32_t)go_pick(l, bytes, size, GO_FUNC_PCLN);
	f->npcdata = (uint32_t)go_pick(l, bytes, size, GO_FUNC_NPCDATA);
	f->cu = (uint32_t)go_pick(l, bytes, size, GO_FUNC_CUOFFSET);
	f->start_line = (uint32_t)go_pick(l, bytes, size, GO_FUNC_STARTLINE);
	f->nfuncdata = (uint8_t)go_pick(l, bytes, size, GO_FUNC_NFUNCDATA);
	f->flag = (uint8_t)go_pick(l, bytes, size, GO_FUNC_FLAG);
	f->id = id_of(rt, (uint8_t)go_pick(l, bytes, size, GO_FUNC_FUNCID));
}

bool go_func_find(const struct go_runtime *rt, hw_addr pc, struct go_func *ret)
{
	const struct go_moduledata *md = go_module_of(rt, pc);
	const uint64_t size = rt->layout.at[GO_FUNC_NFUNCDATA] + UINT64_C(1);
	struct go_func f = {.module = md};
	uint64_t index, offset, ignored;
	uint8_t bytes[64];

	if (!md || md->ftab.len < 2 || md->ftab.len > UINT32_MAX || size > sizeof(bytes) ||
	    !search(rt, md, pc, &index) || !read_pair(rt, md, index, &f.entry, &offset) ||
	    !read_pair(rt, md, index + 1, &f.end, &ignored))
		return false;
	/* Up to 1.17 all ones stand for code of other languages between the functions. */
	if (f.entry > pc || pc >= f.end || offset > md->pclntable.len ||
	    size > md->pclntable.len - offset)
		return false;
	f.addr = md->pclntable.ptr + offset;
	if (!go_read(rt, f.addr, bytes, size))
		return false;
	decode(rt, bytes, size, &f);
	*ret = f;
	return true;
}

/* The bytes of a table, one by one. */
struct stream {
	const struct go_runtime *rt;
	hw_addr at, end;
	const uint8_t *bytes;
	uint64_t held;
};

static bool next_byte(struct stream *s, uint8_t *ret)
{
	if (!s->held) {
		if (s->at >= s->end)
			return false;
		s->bytes = s->rt->host->peek(s->rt->host->self, s->at, &s->held);
		if (!s->bytes || !s->held)
			return false;
		if (s->held > s->end - s->at)
			s->held = s->end - s->at;
	}
	s->at++;
	s->held--;
	*ret = *s->bytes++;
	return true;
}

static bool next_varint(struct stream *s, uint32_t *ret)
{
	uint32_t value = 0;
	uint8_t byte;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		if (!next_byte(s, &byte))
			return false;
		if (shift < 32)
			value |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

bool go_pcvalue(const struct go_runtime *rt, const struct go_func *func, uint32_t offset,
		hw_addr pc, int32_t *ret)
{
	const struct go_slice *tab = &func->module->pctab;
	struct stream s = {.rt = rt, .at = tab->ptr + offset, .end = tab->ptr + tab->len};
	uint32_t value = UINT32_MAX; /* -1; sums wrap as the runtime's do. */
	hw_addr at = func->entry;
	bool is_first = true;

	if (!offset || offset >= tab->len || s.end < tab->ptr)
		return false;
	while (at < func->end || is_first) {
		uint32_t value_delta, pc_delta;

		if (!next_varint(&s, &value_delta) || (!value_delta && !is_first) ||
		    !next_varint(&s, &pc_delta) || (!pc_delta && !is_first))
			return false;
		value += -(value_delta & 1) ^ (value_delta >> 1);
		at += pc_delta;
		is_first = false;
		if (pc < at) {
			*ret = (int32_t)value;
			return true;
		}
	}
	return false;
}

bool go_func_spdelta(const struct go_runtime *rt, const struct go_func *func, hw_addr pc,
		     int32_t *ret)
{
	int32_t delta;

	if (!go_pcvalue(rt, func, func->pcsp, pc, &delta) || delta < 0 || delta % 8 != 0)
		return false;
	*ret = delta;
	return true;
}

/* pcdata offsets follow nfuncdata, the last field: 1.16 and 1.17 pad the struct behind it. */
static hw_addr tables_of(const struct go_runtime *rt, const struct go_func *func)
{
	return func->addr + rt->layout.at[GO_FUNC_NFUNCDATA] + 1;
}

int32_t go_pcdata(const struct go_runtime *rt, const struct go_func *func, enum go_pcdata table,
		  hw_addr pc)
{
	int number = pcdata_number(rt->layout.minor, table);
	uint32_t offset;
	int32_t value;

	if (number < 0 || (uint32_t)number >= func->npcdata ||
	    !go_u32(rt, tables_of(rt, func) + (uint32_t)number * 4, &offset) ||
	    !go_pcvalue(rt, func, offset, pc, &value))
		return -1;
	return value;
}

hw_addr go_funcdata(const struct go_runtime *rt, const struct go_func *func, enum go_funcdata index)
{
	int number = funcdata_number(rt->layout.minor, index);
	hw_addr at = tables_of(rt, func) + (uint64_t)func->npcdata * 4;
	hw_addr pointer;
	uint32_t offset;

	if (number < 0 || number >= func->nfuncdata)
		return 0;
	if (!is_short(rt)) {
		at = (at + 7) & ~UINT64_C(7);
		return go_word(rt, at + (uint32_t)number * 8, &pointer) ? pointer : 0;
	}
	if (!go_u32(rt, at + (uint32_t)number * 4, &offset) || offset == UINT32_MAX)
		return 0;
	return func->module->gofunc + offset;
}

/* runtime/symtab.go inlinedCall: 20 bytes up to 1.19, 16 since. */
static bool read_inlined(const struct go_runtime *rt, hw_addr tree, uint32_t index,
			 struct go_call *ret, uint32_t *parent_ret)
{
	const bool is_old = rt->layout.minor < 20;
	const uint32_t size = is_old ? 20 : 16;
	uint32_t words[5];
	const uint8_t *bytes = (const uint8_t *)words;

	if (!go_read(rt, tree + (uint64_t)index * size, words, size))
		return false;
	ret->is_inlined = true;
	ret->id = id_of(rt, is_old ? bytes[2] : bytes[0]);
	ret->name = is_old ? words[3] : words[1];
	*parent_ret = is_old ? words[4] : words[2];
	return true;
}

uint32_t go_func_calls(const struct go_runtime *rt, const struct go_func *func, hw_addr pc,
		       struct go_call calls[GO_CALLS_MAX])
{
	hw_addr tree = go_funcdata(rt, func, GO_FUNCDATA_INLTREE);
	uint32_t count = 0, parent;

	while (tree && count < GO_CALLS_MAX - 1) {
		int32_t index = go_pcdata(rt, func, GO_PCDATA_INLTREE, pc);

		if (index < 0 || !read_inlined(rt, tree, (uint32_t)index, &calls[count], &parent))
			break;
		calls[count++].pc = pc;
		/* An instruction of the caller, whose own inlining is asked next. */
		if (parent >= func->end - func->entry)
			break;
		pc = func->entry + parent;
	}
	calls[count] = (struct go_call){.pc = pc, .name = func->name, .id = func->id};
	return count + 1;
}
