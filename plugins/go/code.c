/* SPDX-License-Identifier: Apache-2.0 */
/* code.c -- the second way to the runtime's variables: the instructions of functions that
 * pclntab names. amd64 code reaches a global by an offset from rip, so a variable is an
 * operand that all functions known to use it share. No decoder is needed: every byte that
 * could begin such an instruction is taken, what is none of them does not survive the
 * intersection. Which functions: FORMAT.md. */
#include "globals.h"
#include <string.h>

enum {
	NAMES_MAX = 6,        /* Functions of one rule. */
	TARGETS_MAX = 512,    /* Operands kept of one rule. */
	FUNCTION_MAX = 65536, /* Bytes of one function looked at. */
	NAME_MAX_BYTES = 64,
};

enum pick {
	PICK_ONLY,   /* The one that is left. */
	PICK_LOWEST, /* Others are fields of the same or a later variable. */
	PICK_HIGHEST,
	PICK_PAIR,  /* The lower of the two that are less than a schedt apart. */
	PICK_SLICE, /* The one whose length and capacity are operands, too. */
};

/* Which instructions count: one that makes a pointer (lea), one that does not. */
enum uses { USES_ANY, USES_LEA, USES_NO_LEA };

struct rule {
	uint32_t offset; /* Of the result in struct go_globals. */
	enum uses uses;
	enum pick pick;
	const char *names[NAMES_MAX]; /* Without "runtime."; an inlined one is passed over. */
};

#define GLOBAL(member) offsetof(struct go_globals, member)

static const struct rule rules[] = {
    {GLOBAL(mheap),
     USES_LEA,
     PICK_ONLY,
     {"mallocinit", "(*mcentral).grow", "stackpoolalloc", "stackpoolfree", "gcSweep",
      "gcResetMarkState"}},
    {GLOBAL(allgs), USES_ANY, PICK_SLICE, {"allgadd"}},
    {GLOBAL(allp),
     USES_ANY,
     PICK_ONLY,
     {"gcMark", "gcMarkTinyAllocs", "flushmcache", "gcStart", "(*gcControllerState).startCycle"}},
    {GLOBAL(work),
     USES_ANY,
     PICK_ONLY,
     {"gcMarkDone", "gcMark", "gcDrain", "gcDrainN", "putfull", "trygetfull"}},
    {GLOBAL(m0), USES_LEA, PICK_ONLY, {"main", "mstart1", "mexit", "rt0_go"}},
    {GLOBAL(mbuckets), USES_ANY, PICK_ONLY, {"stkbucket", "mProf_FlushLocked"}},
    {GLOBAL(mprof_cycle),
     USES_NO_LEA,
     PICK_ONLY,
     {"mProf_Malloc", "mProf_Free", "mProf_PostSweep"}},
    {GLOBAL(memprofile_rate), USES_NO_LEA, PICK_ONLY, {"profilealloc", "allocmcache"}},
    {GLOBAL(allm), USES_ANY, PICK_LOWEST, {"mcommoninit", "mexit", "schedtrace"}},
    {GLOBAL(sched), USES_LEA, PICK_PAIR, {"newproc1", "oneNewExtraM"}},
    {GLOBAL(gc_controller), USES_LEA, PICK_HIGHEST, {"gcStart", "gcMarkDone"}},
    {GLOBAL(modules),
     USES_LEA,
     PICK_ONLY,
     {"modulesinit", "SetFinalizer", "resolveNameOff", "resolveTypeOff"}},
    {GLOBAL(madvdontneed), USES_ANY, PICK_ONLY, {"sysUnused"}},
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

static void scan_function(struct search *s, uint32_t rule, hw_addr entry, hw_addr end)
{
	uint64_t there, size = end - entry;
	const uint8_t *code = s->rt->host->peek(s->rt->host->self, entry, &there);

	if (!code)
		return;
	size = size < there ? size : there;
	size = size < FUNCTION_MAX ? size : FUNCTION_MAX;
	s->functions[rule]++;
	for (uint64_t i = 0; i + 6 <= size; i++) {
		int extra = (code[i + 1] & 0xc7) == 5 ? immediate(code + i) : -1;
		int32_t distance;
		hw_addr addr;

		if (extra < 0 || (rules[rule].uses == USES_LEA && code[i] != 0x8d) ||
		    (rules[rule].uses == USES_NO_LEA && code[i] == 0x8d))
			continue;
		memcpy(&distance, code + i + 2, sizeof(distance));
		addr = entry + i + 6 + (uint64_t)extra + (uint64_t)(int64_t)distance;
		if (is_data(s->rt, addr))
			add_target(s, rule, addr);
	}
}

/* Up to 1.18 a function of one kernel's own; since 1.19 behind a wrapper. */
static bool is_named(const char *name, const char *wanted)
{
	size_t length = strlen(wanted);

	return !strcmp(name, wanted) ||
	       (!strncmp(name, wanted, length) &&
		(!strcmp(name + length, ".abi0") || !strcmp(name + length, "OS")));
}

static void scan_named(struct search *s, const char *name, hw_addr entry, hw_addr end)
{
	for (uint32_t r = 0; r < RULES; r++)
		for (uint32_t n = 0; n < NAMES_MAX && rules[r].names[n]; n++)
			if (is_named(name, rules[r].names[n]))
				scan_function(s, r, entry, end);
}

/* One row of ftab: (pc, offset of _func), words up to 1.17, then 32-bit from text. */
static bool read_row(const struct go_runtime *rt, const struct go_moduledata *md, uint64_t index,
		     hw_addr *entry_ret, uint64_t *offset_ret)
{
	uint32_t pair[2];
	uint64_t words[2];

	if (rt->layout.minor >= 18) {
		if (!go_read(rt, md->ftab.ptr + index * sizeof(pair), pair, sizeof(pair)))
			return false;
		*entry_ret = md->text + pair[0];
		*offset_ret = pair[1];
		return true;
	}
	if (!go_read(rt, md->ftab.ptr + index * sizeof(words), words, sizeof(words)))
		return false;
	*entry_ret = words[0];
	*offset_ret = words[1];
	return true;
}

static void scan_module(struct search *s, const struct go_moduledata *md)
{
	const struct go_runtime *rt = s->rt;
	uint64_t offset, next_offset;
	hw_addr entry, end;

	if (!read_row(rt, md, 0, &entry, &offset))
		return;
	for (uint64_t i = 1; i < md->ftab.len; i++, entry = end, offset = next_offset) {
		char name[NAME_MAX_BYTES] = {0};
		uint64_t nameoff = 0;

		if (!read_row(rt, md, i, &end, &next_offset) || rt->host->stopped(rt->host->self))
			return;
		if (end <= entry || !go_in_image(&rt->image, entry) ||
		    !go_in_image(&rt->image, end - 1) ||
		    !go_get(rt, md->pclntable.ptr + offset, GO_FUNC_NAMEOFF, &nameoff))
			continue;
		rt->host->read(rt->host->self, md->funcnametab.ptr + nameoff, name,
			       sizeof(name) - 1);
		if (!strncmp(name, "runtime.", 8))
			scan_named(s, name + 8, entry, end);
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
	host->resize(host->self, s, 1, 0, sizeof(*s));
}
