/* SPDX-License-Identifier: Apache-2.0 */
/* rootstacks.c -- the pointers on goroutine stacks, as runtime/mgcmark.go scanstack() finds
 * them: the words that the compiler's maps name for the pc of each frame, and those of stack
 * objects (variables whose address is taken) that something live points at. Where the runtime
 * has no map either it is conservative, and so are we: frames that asyncPreempt interrupted,
 * and, since a core may stop anywhere, the innermost frame of a goroutine that runs, with the
 * registers of its thread and its system stack. */
#include "roots.h"
#include "sites.h"
#include <stdlib.h>
#include <string.h>

enum {
	WORDS_MAX = 1 << 20, /* Bits of a stack map. */
	SHARING_MAX = 64,    /* Stack objects that one word of a stack may be a part of. */
	ARGS_UNKNOWN = INT32_MIN,
};

/* A variable on the stack. */
struct object {
	hw_addr base;
	uint64_t size;
	uint64_t ptrdata;
	hw_addr mask;    /* 0: every word of it. */
	hw_addr pc, cfa; /* Of its frame. */
	uint32_t frame;
	bool is_scanned;
};

struct stack {
	struct go_rooting *r;
	const struct go_g *g;
	struct object *objects;
	uint64_t object_count, object_room;
	hw_addr *queue; /* Pointers into this stack. */
	uint64_t queue_count, queue_room;
	struct go_frame frame;
	struct go_records records;
	uint32_t number;
	bool is_conservative; /* The next frame, too. */
	bool was_panic;       /* The frame below was sigpanic's. */
};

static bool reserve(struct stack *s, void **array, uint64_t *room, uint64_t count, uint64_t size)
{
	const struct hw_host *host = s->r->rt->host;
	void *more;

	if (count < *room)
		return true;
	more = host->resize(host->self, *array, *room, *room ? *room * 2 : 64, size);
	if (!more) {
		s->r->no_memory = s->r->is_over = true;
		return false;
	}
	*array = more;
	*room = *room ? *room * 2 : 64;
	return true;
}

static void take_slot(struct stack *s, hw_addr slot)
{
	uint64_t word;

	if (!go_word(s->r->rt, slot, &word))
		return;
	if (word < s->g->stack_lo || word >= s->g->stack_hi) {
		go_records_see(&s->records, word);
		go_root_slot(s->r, slot);
		return;
	}
	if (reserve(s, (void **)&s->queue, &s->queue_room, s->queue_count, sizeof(*s->queue)))
		s->queue[s->queue_count++] = word;
}

static void take_range(struct stack *s, hw_addr from, hw_addr to)
{
	from = from < s->g->stack_lo ? s->g->stack_lo : (from + 7) & ~(hw_addr)7;
	to = to > s->g->stack_hi ? s->g->stack_hi : to;
	for (; from < to && to - from >= 8 && !s->r->is_over; from += 8)
		take_slot(s, from);
}

/* Words of base by a mask. False: it is not there, or leaves the stack. */
static bool take_mask(struct stack *s, hw_addr base, hw_addr mask, uint64_t count)
{
	const uint8_t *bits = go_bytes(s->r->rt, mask, (count + 7) / 8);

	if (!bits || base < s->g->stack_lo || base > s->g->stack_hi ||
	    count > (s->g->stack_hi - base) / 8) {
		s->r->unread++;
		return false;
	}
	for (uint64_t i = 0; i < count && !s->r->is_over; i++)
		if (bits[i / 8] >> (i % 8) & 1)
			take_slot(s, base + i * 8);
	return true;
}

/* runtime/symtab.go: stackmap: n, nbit, then n maps of nbit bits. False: none for the pc; the
 * runtime would throw, but for assembly without locals, which has no map. */
static bool take_map(struct stack *s, hw_addr map, int32_t index, hw_addr base, bool ends_at_base)
{
	uint32_t n, nbit;

	if (!map)
		return false;
	if (!go_u32(s->r->rt, map, &n) || !go_u32(s->r->rt, map + 4, &nbit) || nbit > WORDS_MAX ||
	    n > WORDS_MAX || (nbit && (index < 0 || (uint32_t)index >= n))) {
		s->r->unread++;
		return false;
	}
	return !nbit || take_mask(s, ends_at_base ? base - (uint64_t)nbit * 8 : base,
				  map + 8 + (uint64_t)(uint32_t)index * ((nbit + 7) / 8), nbit);
}

/* reflect's stubs take the map of their arguments from the method value they were called with;
 * its words are taken as they are. */
static void take_reflect_args(struct stack *s)
{
	uint64_t value, bytes;

	if (go_word(s->r->rt, s->frame.sp, &value) && go_word(s->r->rt, value + 16, &bytes) &&
	    bytes < s->g->stack_hi - s->frame.argp)
		take_range(s, s->frame.argp, s->frame.argp + bytes);
}

static void take_frame_all(struct stack *s)
{
	take_range(s, s->frame.sp, s->frame.varp);
	if (s->frame.func.args > 0)
		take_range(s, s->frame.argp, s->frame.argp + (uint32_t)s->frame.func.args);
	else if (s->frame.func.args == ARGS_UNKNOWN)
		take_reflect_args(s);
}

static bool read_record(struct stack *s, hw_addr at, hw_addr rodata, int64_t *offset,
			struct object *ret)
{
	const struct go_runtime *rt = s->r->rt;
	uint32_t words[6];
	struct go_type type;
	hw_addr addr;

	if (rt->layout.minor <= 16) {
		if (!go_word(rt, at, (uint64_t *)offset) || !go_word(rt, at + 8, &addr) ||
		    !go_type_read(rt, addr, &type))
			return false;
		ret->size = type.size;
		ret->ptrdata = type.ptrdata;
		ret->mask = go_type_mask(rt, &type);
		return true;
	}
	if (!go_read(rt, at, words, rt->layout.minor == 17 ? 24 : 16))
		return false;
	*offset = (int32_t)words[0];
	ret->size = words[1];
	ret->ptrdata = words[2];
	if ((int32_t)words[2] < 0) { /* A program. */
		ret->ptrdata = (uint64_t)(-(int64_t)(int32_t)words[2]);
		ret->mask = 0;
	} else if (rt->layout.minor == 17) {
		memcpy(&ret->mask, &words[4], 8);
	} else {
		ret->mask = rodata + words[3];
	}
	return true;
}

/* They cannot be told: all of the frame may be pointers. */
static void drop_objects(struct stack *s)
{
	s->r->unread++;
	take_frame_all(s);
}

static void add_objects(struct stack *s)
{
	const struct go_runtime *rt = s->r->rt;
	const uint64_t bytes = rt->layout.minor == 17 ? 24 : 16;
	const uint64_t most = (s->g->stack_hi - s->g->stack_lo) / 8 * SHARING_MAX;
	hw_addr at = go_funcdata(rt, &s->frame.func, GO_FUNCDATA_STACKOBJECTS);
	uint64_t count;

	if (!at)
		return;
	if (!go_word(rt, at, &count) || count > most - s->object_count) {
		drop_objects(s);
		return;
	}
	at += 8;
	for (uint64_t i = 0; i < count; i++, at += bytes) {
		struct object object = {
		    .frame = s->number, .pc = s->frame.sym_pc, .cfa = s->frame.fp};
		int64_t offset = 0;

		if (!read_record(s, at, s->frame.func.module->rodata, &offset, &object)) {
			drop_objects(s);
			return;
		}
		object.base = (offset < 0 ? s->frame.varp : s->frame.argp) + (uint64_t)offset;
		if (object.base < s->frame.sp || object.base >= s->g->stack_hi ||
		    object.ptrdata > object.size || object.size > s->g->stack_hi - object.base)
			continue; /* Not in the frame yet. */
		if (!reserve(s, (void **)&s->objects, &s->object_room, s->object_count,
			     sizeof(object)))
			return;
		s->objects[s->object_count++] = object;
	}
}

/* A place in the frame of a function that goes on at pc. */
static void name_place(struct stack *s, const struct go_func *func, hw_addr pc, hw_addr cfa,
		       uint32_t number)
{
	struct go_rooting *r = s->r;

	r->root = (struct hw_root){.struct_size = sizeof(r->root),
				   .kind = "goroutine",
				   .function = r->function,
				   .file = r->file,
				   .module = r->rt->image.name,
				   .frame = (int32_t)number,
				   .goroutine = s->g->goid,
				   .cfa = cfa,
				   .pc = pc};
	go_func_name(r->rt, func->module, func->name, r->function, sizeof(r->function));
	/* Every goroutine that waits has the same variables there. */
	if (!strncmp(r->function, "runtime.", 8))
		r->root.cfa = r->root.pc = 0;
	go_name_clean(r->function);
	r->file[0] = 0;
	if (!go_func_line(r->rt, func, pc, r->file, sizeof(r->file), &r->root.line))
		r->root.file = NULL;
}

static void name_frame(struct stack *s)
{
	name_place(s, &s->frame.func, s->frame.sym_pc, s->frame.fp, s->number);
	s->r->root.name = "locals";
	s->r->root.addr = s->frame.sp;
	s->r->root.size = s->frame.fp - s->frame.sp;
}

/* The pc at which the frame goes on, for its maps; false: it never does. A frame in which a
 * signal became a panic goes on in its deferred calls (traceback.go: continpc). */
static bool go_on_pc(const struct stack *s, hw_addr *ret)
{
	*ret = s->frame.sym_pc;
	if (!s->was_panic)
		return true;
	*ret = s->frame.func.entry + s->frame.func.deferreturn;
	return s->frame.func.deferreturn != 0;
}

static void take_frame(struct stack *s, bool is_running)
{
	const struct go_runtime *rt = s->r->rt;
	const struct go_func *func = &s->frame.func;
	const bool interrupted = func->id == GO_ID_ASYNCPREEMPT || func->id == GO_ID_DEBUGCALL;
	hw_addr pc;
	int32_t index;
	bool ok = true;

	name_frame(s);
	if (s->is_conservative || interrupted || is_running) {
		take_frame_all(s);
		s->is_conservative = interrupted;
		add_objects(s);
		return;
	}
	if (!go_on_pc(s, &pc))
		return;
	index = pc == func->entry ? -1 : go_pcdata(rt, func, GO_PCDATA_STACKMAP, pc);
	if (index < 0) /* stkframe.go: most likely the prologue. */
		index = 0;
	if (s->frame.varp > s->frame.sp)
		ok = take_map(s, go_funcdata(rt, func, GO_FUNCDATA_LOCALS), index, s->frame.varp,
			      true);
	if (!ok)
		take_range(s, s->frame.sp, s->frame.varp);
	if (func->args > 0) {
		if (!take_map(s, go_funcdata(rt, func, GO_FUNCDATA_ARGS), index, s->frame.argp,
			      false))
			take_range(s, s->frame.argp, s->frame.argp + (uint32_t)func->args);
	} else if (func->args == ARGS_UNKNOWN) {
		take_reflect_args(s);
	}
	add_objects(s);
}

static struct object *find_object(struct stack *s, hw_addr addr)
{
	uint64_t low = 0, high = s->object_count;

	while (low < high) { /* The first one above addr. */
		uint64_t middle = low + (high - low) / 2;

		if (s->objects[middle].base <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || addr - s->objects[low - 1].base >= s->objects[low - 1].size)
		return NULL;
	return &s->objects[low - 1];
}

static int compare_objects(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->size < y->size ? -1 : x->size > y->size;
}

static void take_objects(struct stack *s)
{
	if (s->object_count)
		qsort(s->objects, s->object_count, sizeof(*s->objects), compare_objects);
	while (s->queue_count && !s->r->is_over) {
		struct object *object = find_object(s, s->queue[--s->queue_count]);
		struct go_func func;

		if (!object || object->is_scanned)
			continue;
		object->is_scanned = true;
		if (go_func_find(s->r->rt, object->pc, &func))
			name_place(s, &func, object->pc, object->cfa, object->frame);
		s->r->root.addr = object->base;
		s->r->root.size = object->size;
		s->r->root.name = "variable";
		if (!object->mask || !take_mask(s, object->base, object->mask, object->ptrdata / 8))
			take_range(s, object->base, object->base + object->ptrdata);
	}
}

/* Up to 1.17 the arguments of the call stand behind the record, as many bytes as its first
 * word says. */
static void take_defer_args(struct stack *s, hw_addr defer)
{
	const uint32_t minor = s->r->rt->layout.minor;
	const hw_addr args = defer + (minor < 14 ? 48 : 72);
	uint32_t size;

	if (minor > 17 || !go_u32(s->r->rt, defer, &size) || size > 65536)
		return;
	for (uint32_t at = 0; at + 8 <= size; at += 8)
		take_slot(s, args + at);
}

/* _defer: flags, sp, pc, fn and link stand one behind the other; up to 1.21 _panic before link.
 * The records themselves are kept, too. */
static void take_defers(struct stack *s)
{
	/* runtime2.go: what stands before sp fits into one word in all versions. */
	const uint64_t fn = 24;
	const uint64_t link = s->r->rt->layout.minor < 22 ? fn + 16 : fn + 8;
	const struct hw_host *host = s->r->rt->host;
	struct go_loop loop = {0};
	uint64_t defer = 0;
	hw_addr slot = go_at(s->r->rt, s->g->addr, GO_G_DEFER);

	s->r->root.name = "deferred calls";
	s->r->root.addr = slot;
	s->r->root.size = 8;
	s->r->root.frame = -1;
	s->r->root.function = s->r->root.file = NULL;
	s->r->root.line = 0;
	for (;;) {
		if (!go_word(s->r->rt, slot, &defer) || (defer && go_loops(&loop, defer))) {
			host->damage(host->self, slot,
				     "the deferred calls of goroutine %llu loop or are not there",
				     (unsigned long long)s->g->goid);
			break;
		}
		if (!defer)
			break;
		take_slot(s, slot);
		take_slot(s, defer + fn);
		take_defer_args(s, defer);
		slot = defer + link;
	}
	take_slot(s, go_at(s->r->rt, s->g->addr, GO_G_PANIC));
	take_slot(s, go_at(s->r->rt, s->g->addr, GO_G_SCHED_CTXT));
}

/* The registers of the thread, and its system stack when it is there now. */
static void take_thread(struct stack *s, int32_t tid)
{
	static const char *const names[] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",
					    "r9",  "r8",  "rax", "rcx", "rdx", "rsi", "rdi"};
	struct go_rooting *r = s->r;
	struct hw_thread_info thread;
	uint64_t g0 = 0, hi = 0;

	if (!go_sites_thread(r->sites, tid, &thread))
		return;
	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names) && !r->is_over; i++) {
		if (!go_span_find(r->rt, thread.regs[i]))
			continue;
		r->root = (struct hw_root){.struct_size = sizeof(r->root),
					   .tid = tid,
					   .kind = "register",
					   .name = names[i],
					   .value = thread.regs[i],
					   .frame = -1,
					   .goroutine = s->g->goid};
		r->is_over = !r->rt->host->root(r->rt->host->self, &r->root);
	}
	if (!go_get(r->rt, s->g->m, GO_M_G0, &g0) || !go_get(r->rt, g0, GO_G_STACK_HI, &hi) ||
	    thread.sp >= hi || hi - thread.sp > (uint64_t)1 << 30 ||
	    (thread.sp >= s->g->stack_lo && thread.sp < s->g->stack_hi))
		return;
	r->root = (struct hw_root){.struct_size = sizeof(r->root),
				   .tid = tid,
				   .kind = "stack",
				   .name = "system stack",
				   .addr = thread.sp,
				   .size = hi - thread.sp,
				   .frame = -1,
				   .goroutine = s->g->goid};
	go_root_range(r, thread.sp, hi);
}

static void take_stack(struct stack *s)
{
	struct go_walk walk;
	struct go_rooting *r = s->r;

	s->frame.fp = s->g->syscall_sp ? s->g->syscall_sp : s->g->sched_sp;
	if (go_walk_start(&walk, r->rt, r->sites, s->g)) {
		for (;; s->number++) {
			const bool is_running = walk.is_exact && s->number == 0;

			if (!go_walk_next(&walk, &s->frame) || r->is_over)
				break;
			take_frame(s, is_running);
			s->was_panic = s->frame.func.id == GO_ID_SIGPANIC;
		}
		if (walk.tid && s->g->status == GO_STATUS_RUNNING)
			take_thread(s, walk.tid);
	}
	if (walk.is_cut) {
		r->cut++;
		r->why = walk.why;
		r->root = (struct hw_root){.struct_size = sizeof(r->root),
					   .kind = "goroutine",
					   .name = "stack that could not be followed",
					   .addr = s->g->stack_lo,
					   .size = s->g->stack_hi - s->g->stack_lo,
					   .frame = -1,
					   .goroutine = s->g->goid};
		take_range(s, s->frame.fp, s->g->stack_hi);
	}
	r->root = (struct hw_root){.struct_size = sizeof(r->root),
				   .kind = "goroutine",
				   .frame = -1,
				   .goroutine = s->g->goid};
	take_defers(s);
	take_objects(s);
	go_records_name(&s->records);
}

/* runtime/stack.go: a stack is a power of two of bytes, and all of it lies in one span. */
static void check_stack(const struct stack *s)
{
	const struct hw_host *host = s->r->rt->host;
	const uint64_t size = s->g->stack_hi - s->g->stack_lo;
	const struct go_span *span = go_span_find(s->r->rt, s->g->stack_lo);

	if (s->g->stack_hi > s->g->stack_lo && !(size & (size - 1)) && span &&
	    span->state == GO_SPAN_MANUAL && s->g->stack_hi - span->start <= go_span_bytes(span))
		return;
	host->damage(host->self, s->g->addr,
		     "goroutine %llu has an impossible stack: 0x%llx to 0x%llx",
		     (unsigned long long)s->g->goid, (unsigned long long)s->g->stack_lo,
		     (unsigned long long)s->g->stack_hi);
}

static void take_goroutine(struct stack *s, hw_addr addr)
{
	const struct hw_host *host = s->r->rt->host;
	struct go_g g;

	if (!go_g_read(s->r->rt, addr, &g)) {
		host->damage(host->self, addr, "a goroutine is not in the target");
		return;
	}
	if (g.status == GO_STATUS_DEAD || g.status == GO_STATUS_IDLE ||
	    g.status == GO_STATUS_DEADEXTRA)
		return;
	s->g = &g;
	go_records_init(&s->records, s->r, &g);
	s->object_count = s->queue_count = 0;
	s->number = 0;
	s->is_conservative = s->was_panic = false;
	check_stack(s);
	if (g.stack_lo < g.stack_hi)
		take_stack(s);
}

/* Threads without a goroutine of a program hold nothing that the collector would see; what C
 * code holds is the generic scan's business. */
static void skip_threads(struct go_rooting *r)
{
	const struct hw_host *host = r->rt->host;
	struct hw_module_info module = {.struct_size = sizeof(module)};
	struct hw_thread_info thread = {.struct_size = sizeof(thread)};
	bool has_c = false;

	for (uint32_t i = 0; host->module(host->self, i, &module); i++) {
		has_c = has_c || module.exports_malloc;
		module.struct_size = sizeof(module);
	}
	for (uint32_t i = 0; host->thread(host->self, i, &thread); i++) {
		if (!has_c || go_span_find(r->rt, thread.sp))
			host->skip_thread(host->self, thread.tid);
		thread.struct_size = sizeof(thread);
	}
}

void go_root_stacks(struct go_rooting *r)
{
	const struct hw_host *host = r->rt->host;
	struct stack s = {.r = r};
	struct go_slice allgs;

	if (!go_allgs(r->rt, &allgs)) {
		host->warn(host->self, "go-no-goroutines", true,
			   "the list of goroutines was not found: what only their stacks hold "
			   "counts as pending");
		return;
	}
	for (uint64_t i = 0; i < allgs.len && !r->is_over; i++) {
		hw_addr addr;

		if (!go_word(r->rt, allgs.ptr + i * 8, &addr)) {
			host->warn(host->self, "go-no-goroutines", true,
				   "%llu of %llu goroutines are not in the target",
				   (unsigned long long)(allgs.len - i),
				   (unsigned long long)allgs.len);
			break;
		}
		take_goroutine(&s, addr);
		if (i % 4096 == 0 && host->stopped(host->self))
			break;
	}
	host->resize(host->self, s.objects, s.object_room, 0, sizeof(*s.objects));
	host->resize(host->self, s.queue, s.queue_room, 0, sizeof(*s.queue));
	skip_threads(r);
}
