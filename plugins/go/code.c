/* SPDX-License-Identifier: Apache-2.0 */
/* code.c -- the second way to the runtime's variables: the instructions of functions that
 * pclntab names. amd64 code reaches a global by an offset from rip, so a variable is an
 * operand that all functions known to use it share. No decoder is needed: every byte that
 * could begin such an instruction is taken, what is none of them does not survive the
 * intersection. Which functions: FORMAT.md. */
#include "code.h"
#include "globals.h"
#include "pclntab.h"
#include <string.h>

enum {
	NAMES_MAX = 6,        /* Functions of one rule. */
	TARGETS_MAX = 512,    /* Operands kept of one rule. */
	FUNCTION_MAX = 65536, /* Bytes of one function looked at. */
	NAME_MAX_BYTES = 64,
	RUNTIME_MIN = 800,  /* Functions of package runtime that every program has. */
	RUNTIME_GAP = 4000, /* Of other packages between two of runtime. */
	MADV_DONTNEED_VALUE = 4,
	MADV_FREE_VALUE = 8,
};

enum { LEA = 0x8d, XCHG = 0x87, CMP_BYTE = 0x83, LOAD = 0x8b };

enum pick {
	PICK_ONLY,   /* The one that is left. */
	PICK_LOWEST, /* Others are fields of the same or a later variable. */
	PICK_HIGHEST,
	PICK_PAIR,  /* The lower of the two that are less than a schedt apart. */
	PICK_SLICE, /* The one whose length and capacity are operands, too. */
};

struct rule {
	uint32_t offset; /* Of the result in struct go_globals. */
	uint8_t opcode;  /* Only operands of this one, when not 0. */
	enum pick pick;
	const char *names[NAMES_MAX]; /* Without "runtime."; an inlined one is passed over. */
};

#define GLOBAL(member) offsetof(struct go_globals, member)

static const struct rule rules[] = {
    {GLOBAL(mheap),
     LEA,
     PICK_ONLY,
     {"mallocinit", "(*mcentral).grow", "stackpoolalloc", "stackpoolfree", "gcSweep",
      "gcResetMarkState"}},
    {GLOBAL(allgs), 0, PICK_SLICE, {"allgadd"}},
    {GLOBAL(allp),
     0,
     PICK_ONLY,
     {"gcMark", "gcMarkTinyAllocs", "flushmcache", "gcStart", "(*gcControllerState).startCycle"}},
    {GLOBAL(work),
     0,
     PICK_ONLY,
     {"gcMarkDone", "gcMark", "gcDrain", "gcDrainN", "putfull", "trygetfull"}},
    {GLOBAL(m0), LEA, PICK_ONLY, {"main", "mstart1", "mexit", "rt0_go"}},
    {GLOBAL(mbuckets), 0, PICK_ONLY, {"stkbucket", "mProf_FlushLocked"}},
    {GLOBAL(allm), 0, PICK_LOWEST, {"mcommoninit", "mexit", "schedtrace"}},
    {GLOBAL(sched), LEA, PICK_PAIR, {"newproc1", "oneNewExtraM"}},
    {GLOBAL(gc_controller), LEA, PICK_HIGHEST, {"gcStart", "gcMarkDone"}},
    {GLOBAL(modules),
     LEA,
     PICK_ONLY,
     {"modulesinit", "SetFinalizer", "resolveNameOff", "resolveTypeOff"}},
    {GLOBAL(gcphase),
     0,
     PICK_ONLY,
     {"gcMark", "gcMarkDone", "freeSomeWbufs", "stackfree", "queuefinalizer", "gcWaitOnMark"}},
    {GLOBAL(gcpercent),
     0,
     PICK_ONLY,
     {"gcStart", "sysmon", "gcSetTriggerRatio", "(*gcControllerState).revise"}},
    {GLOBAL(memprofile_rate), 0, PICK_ONLY, {"allocmcache", "profilealloc"}},
    {GLOBAL(mprof_cycle), LOAD, PICK_ONLY, {"mProf_Malloc", "mProf_Free", "mProf_PostSweep"}},
    {GLOBAL(scavenge), XCHG, PICK_LOWEST, {"gcPaceScavenger"}}, /* 1.19 and later */
    {GLOBAL(allfin), 0, PICK_LOWEST, {"queuefinalizer", "markroot"}},
    {GLOBAL(cleanups),
     LEA,
     PICK_ONLY,
     {"(*activeSweep).end", "freeSpecial", "runCleanups"}},      /* 1.25 and later */
    {GLOBAL(timers), LEA, PICK_ONLY, {"addtimer", "timeSleep"}}, /* up to 1.13 */
};
enum { RULES = sizeof(rules) / sizeof(*rules) };

/* An operand and how many of the rule's functions have it. */
struct target {
	hw_addr addr;
	uint32_t hits;
	uint32_t last; /* The function that counted last, + 1. */
};

struct search {
	const struct go_runtime *rt;
	struct target targets[RULES][TARGETS_MAX];
	uint32_t counts[RULES];
	uint32_t functions[RULES];
	hw_addr madvdontneed;
	hw_addr advise;
};

/* Bytes of the immediate that follows the operand; -1: no instruction that matters.
 * 8d lea, 8b/89/8a/88 mov, 39/3b/38/3a cmp, 83/81/80 groups with an immediate, c7/c6 mov of
 * one, 03/01/2b/29 add and sub, 87 xchg, b1/c1 behind 0f cmpxchg and xadd, b6 movzx. */
static int immediate(const uint8_t *at)
{
	switch (at[0]) {
	case 0x8d:
	case 0x8b:
	case 0x89:
	case 0x8a:
	case 0x88:
	case 0x39:
	case 0x3b:
	case 0x38:
	case 0x3a:
	case 0x03:
	case 0x01:
	case 0x2b:
	case 0x29:
	case 0x87:
	case 0xb1:
	case 0xc1:
	case 0xb6:
	case 0xff:
	case 0x85:
	case 0x63:
		return 0;
	case 0x83:
	case 0x80:
	case 0xc6:
		return 1;
	case 0x81:
	case 0xc7:
		return 4;
	default:
		return -1;
	}
}

static void add_target(struct search *s, uint32_t rule, hw_addr addr)
{
	struct target *list = s->targets[rule];

	for (uint32_t i = 0; i < s->counts[rule]; i++) {
		if (list[i].addr != addr)
			continue;
		list[i].hits += list[i].last != s->functions[rule];
		list[i].last = s->functions[rule];
		return;
	}
	if (s->counts[rule] < TARGETS_MAX)
		list[s->counts[rule]++] = (struct target){addr, 1, s->functions[rule]};
}

static bool is_data(const struct go_runtime *rt, hw_addr addr)
{
	for (uint32_t i = 0; i < rt->image.segment_count; i++) {
		const struct go_segment *segment = &rt->image.segments[i];

		if (addr >= segment->start && addr < segment->end)
			return segment->perm & HW_PERM_W;
	}
	return false;
}

/* False of fn: enough. */
typedef bool (*operand_fn)(void *arg, hw_addr addr);

static void each_operand(const struct go_runtime *rt, hw_addr entry, hw_addr end, uint8_t opcode,
			 operand_fn fn, void *arg)
{
	uint64_t there, size = end - entry;
	const uint8_t *code = rt->host->peek(rt->host->self, entry, &there);

	if (!code)
		return;
	size = size < there ? size : there;
	size = size < FUNCTION_MAX ? size : FUNCTION_MAX;
	for (uint64_t i = 0; i + 6 <= size; i++) {
		int extra = (code[i + 1] & 0xc7) == 5 ? immediate(code + i) : -1;
		int32_t distance;
		hw_addr addr;

		if (extra < 0 || (opcode && code[i] != opcode))
			continue;
		memcpy(&distance, code + i + 2, sizeof(distance));
		addr = entry + i + 6 + (uint64_t)extra + (uint64_t)(int64_t)distance;
		if (is_data(rt, addr) && !fn(arg, addr))
			return;
	}
}

struct scanned {
	struct search *search;
	uint32_t rule;
};

static bool add_scanned(void *arg, hw_addr addr)
{
	const struct scanned *s = arg;

	add_target(s->search, s->rule, addr);
	return true;
}

static void scan_function(struct search *s, uint32_t rule, hw_addr entry, hw_addr end)
{
	struct scanned scanned = {s, rule};
	uint64_t there;

	if (!s->rt->host->peek(s->rt->host->self, entry, &there))
		return;
	s->functions[rule]++;
	each_operand(s->rt, entry, end, rules[rule].opcode, add_scanned, &scanned);
}

struct operands {
	hw_addr *list;
	uint32_t count, most;
};

static bool add_operand(void *arg, hw_addr addr)
{
	struct operands *o = arg;

	for (uint32_t i = 0; i < o->count; i++)
		if (o->list[i] == addr)
			return true;
	if (o->count < o->most)
		o->list[o->count++] = addr;
	return o->count < o->most;
}

uint32_t go_code_operands(const struct go_runtime *rt, const struct go_func *func, hw_addr *ret,
			  uint32_t most)
{
	struct operands operands = {ret, 0, most};

	each_operand(rt, func->entry, func->end, 0, add_operand, &operands);
	return operands.count;
}

/* sysUnused (1.18 and before) or sysUnusedOS (runtime/mem_linux.go) compares
 * debug.madvdontneed with 0 before anything else of debug, and loads adviseUnused. */
static void scan_sys_unused(struct search *s, const struct go_func *f)
{
	uint64_t there, size = f->end - f->entry;
	const uint8_t *code = s->rt->host->peek(s->rt->host->self, f->entry, &there);

	size = code && size > there ? there : size;
	for (uint64_t i = 0; code && i + 7 <= size; i++) {
		int32_t distance;
		hw_addr addr;
		uint32_t value;

		memcpy(&distance, code + i + 2, sizeof(distance));
		addr = f->entry + i + 6 + (uint64_t)(int64_t)distance;
		if (!s->madvdontneed && code[i] == CMP_BYTE && code[i + 1] == 0x3d &&
		    code[i + 6] == 0 && is_data(s->rt, addr + 1))
			s->madvdontneed = addr + 1;
		if (!s->advise && code[i] == LOAD && (code[i + 1] & 0xc7) == 5 &&
		    is_data(s->rt, addr) && go_u32(s->rt, addr, &value) &&
		    (value == MADV_DONTNEED_VALUE || value == MADV_FREE_VALUE))
			s->advise = addr;
	}
}

static void scan_named(struct search *s, const char *name, const struct go_func *f)
{
	for (uint32_t r = 0; r < RULES; r++)
		for (uint32_t n = 0; n < NAMES_MAX && rules[r].names[n]; n++)
			if (!strcmp(name, rules[r].names[n]))
				scan_function(s, r, f->entry, f->end);
	if (!strcmp(name, s->rt->layout.minor >= 19 ? "sysUnusedOS" : "sysUnused"))
		scan_sys_unused(s, f);
}

/* The functions of package runtime lie together: behind the last of them the rest of a large
 * program need not be looked at. */
static void scan_module(struct search *s, const struct go_moduledata *md)
{
	const struct go_runtime *rt = s->rt;
	uint32_t seen = 0, others = 0;
	struct go_func f;

	for (hw_addr pc = md->minpc; pc < md->maxpc && go_func_find(rt, pc, &f); pc = f.end) {
		char name[NAME_MAX_BYTES];

		if (f.end <= pc || rt->host->stopped(rt->host->self) ||
		    (seen > RUNTIME_MIN && others > RUNTIME_GAP))
			return;
		go_func_name(rt, md, f.name, name, sizeof(name));
		if (strncmp(name, "runtime.", 8) != 0) {
			others++;
			continue;
		}
		seen++;
		others = 0;
		if (go_in_image(&rt->image, f.entry) && go_in_image(&rt->image, f.end - 1))
			scan_named(s, name + 8, &f);
	}
}

static bool has(const struct search *s, uint32_t rule, hw_addr addr)
{
	for (uint32_t i = 0; i < s->counts[rule]; i++)
		if (s->targets[rule][i].addr == addr)
			return true;
	return false;
}

static hw_addr choose(const struct search *s, uint32_t rule)
{
	uint64_t near = s->rt->layout.at[GO_SCHED_SIZE];
	hw_addr found = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->counts[rule]; i++) {
		const struct target *t = &s->targets[rule][i];
		bool is_better = !found;

		if (t->hits < s->functions[rule])
			continue;
		switch (rules[rule].pick) {
		case PICK_ONLY:
			break;
		case PICK_SLICE:
			if (!has(s, rule, t->addr + 8) || !has(s, rule, t->addr + 16))
				continue;
			break;
		case PICK_LOWEST:
			is_better = is_better || t->addr < found;
			break;
		case PICK_HIGHEST:
			is_better = is_better || t->addr > found;
			break;
		case PICK_PAIR: {
			bool is_pair = false;

			for (uint32_t j = 0; j < s->counts[rule]; j++)
				is_pair =
				    is_pair || (s->targets[rule][j].hits == s->functions[rule] &&
						s->targets[rule][j].addr > t->addr &&
						s->targets[rule][j].addr - t->addr < near);
			if (!is_pair)
				continue;
			break;
		}
		}
		count++;
		found = is_better ? t->addr : found;
	}
	if ((rules[rule].pick == PICK_ONLY || rules[rule].pick == PICK_SLICE ||
	     rules[rule].pick == PICK_PAIR) &&
	    count != 1)
		return 0;
	return found;
}

void go_globals_by_code(const struct go_runtime *rt, struct go_globals *ret)
{
	const struct hw_host *host = rt->host;
	struct search *s;

	if (!rt->module_count)
		return;
	s = host->resize(host->self, NULL, 0, 1, sizeof(*s));
	if (!s)
		return;
	s->rt = rt;
	scan_module(s, &rt->modules[0]);
	for (uint32_t r = 0; r < RULES; r++) {
		hw_addr addr = choose(s, r);

		memcpy((char *)ret + rules[r].offset, &addr, sizeof(addr));
	}
	ret->madvdontneed = s->madvdontneed;
	ret->advise_unused = s->advise;
	host->resize(host->self, s, 1, 0, sizeof(*s));
}
