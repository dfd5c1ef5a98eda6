/* SPDX-License-Identifier: Apache-2.0 */
/* roottimers.c -- timers, and what else hangs on the runtime's Ps.
 *
 * A P is an object of the heap that allp and every m's snapshot of it lead to, so nothing
 * alone would retain what it holds. As with g's (rootrecords.c) its words are named as roots of
 * their own, and the graph does not follow the P any more. The same goes for the arrays of its
 * timers: each timer is held by what it will call.
 *
 *   to 1.13   runtime.timers, 64 buckets of 128 bytes: timersBucket.t is a []*timer
 *   to 1.22   p.timers, a []*timer
 *   1.23-     p.timers.heap, a []timerWhen {timer, when}
 *
 * A channel's timer of 1.23 and later is there only while a goroutine waits for it. */
#include "clock.h"
#include "ledger.h"
#include "pclntab.h"
#include "roots.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PS_MAX = 1 << 16,
	BUCKETS = 64, /* 1.12, runtime/time.go: timersLen. */
	BUCKET = 128, /* A timersBucket on cache lines of its own. */
	PIECE_WORDS = 4096,
	TIMERS_MAX = 1 << 26,
	NAME_ROOM = GO_ROOT_NAME + 64,
	STATUS_DELETED = 3, /* timerDeleted, timerRemoving, timerRemoved follow each other. */
	STATUS_REMOVED = 5,
	STATE_ZOMBIE = 4,
};

enum what { CALLS = 0, TICKS, SENDS, WAKES, OTHER };

/* One timer in an array of them. */
struct timer {
	hw_addr slot; /* The word that points at it. */
	hw_addr code; /* Entry of what it will call: of the program's function where known. */
	int64_t when; /* Of nanotime(). */
	uint8_t what; /* enum what */
	bool is_stopped;
};

struct timers {
	struct go_rooting *r;
	struct timer *all;
	uint64_t count, room;
	struct go_clock clock;
};

/* The code of a func value. */
static hw_addr code_of(const struct go_runtime *rt, hw_addr func)
{
	uint64_t entry = 0;

	return func && go_word(rt, func, &entry) ? entry : 0;
}

/* time/sleep.go, runtime/time.go: what the timers that package time makes have for f. */
static enum what what_of(const struct go_runtime *rt, hw_addr code, uint64_t period)
{
	char name[64];
	struct go_func func;

	if (!go_func_find(rt, code, &func))
		return OTHER;
	go_func_name(rt, func.module, func.name, name, sizeof(name));
	if (!strcmp(name, "time.goFunc"))
		return CALLS;
	if (!strcmp(name, "time.sendTime"))
		return period ? TICKS : SENDS;
	return strcmp(name, "runtime.goroutineReady") ? OTHER : WAKES;
}

/* Deleted from the heap of timers only when its P comes to it. */
static bool is_stopped(const struct go_runtime *rt, hw_addr timer)
{
	uint64_t value;

	if (go_get(rt, timer, GO_TIMER_STATUS, &value))
		return value >= STATUS_DELETED && value <= STATUS_REMOVED;
	return go_get(rt, timer, GO_TIMER_STATE, &value) && value & STATE_ZOMBIE;
}

static void add_timer(struct timers *t, hw_addr slot, hw_addr addr)
{
	const struct hw_host *host = t->r->rt->host;
	const struct go_runtime *rt = t->r->rt;
	uint64_t when = 0, period = 0, f = 0, arg = 0;
	struct timer timer = {.slot = slot};

	if (t->count == t->room) {
		const uint64_t room = t->room ? t->room * 2 : 64;
		void *more = host->resize(host->self, t->all, t->room, room, sizeof(*t->all));

		if (!more || t->count >= TIMERS_MAX) {
			t->r->no_memory = t->r->is_over = true;
			return;
		}
		t->all = more;
		t->room = room;
	}
	go_get(rt, addr, GO_TIMER_WHEN, &when);
	go_get(rt, addr, GO_TIMER_PERIOD, &period);
	go_get(rt, addr, GO_TIMER_F, &f);
	timer.code = code_of(rt, f);
	timer.what = (uint8_t)what_of(rt, timer.code, period);
	/* A func value is stored in the interface directly. */
	if (timer.what == CALLS && go_word(rt, go_at(rt, addr, GO_TIMER_ARG) + 8, &arg))
		timer.code = code_of(rt, arg);
	timer.when = (int64_t)when;
	timer.is_stopped = is_stopped(rt, addr);
	t->all[t->count++] = timer;
}

static int compare(const void *a, const void *b)
{
	const struct timer *x = a, *y = b;

	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	if (x->is_stopped != y->is_stopped)
		return x->is_stopped ? 1 : -1;
	if ((x->what == CALLS || x->what == OTHER) && x->code != y->code)
		return x->code < y->code ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static bool is_alike(const struct timer *x, const struct timer *y)
{
	return x->what == y->what && x->is_stopped == y->is_stopped &&
	       ((x->what != CALLS && x->what != OTHER) || x->code == y->code);
}

static void function_name(const struct go_runtime *rt, hw_addr code, char *buf, size_t size)
{
	struct go_func func;

	snprintf(buf, size, "a function");
	if (!go_func_find(rt, code, &func))
		return;
	go_func_name(rt, func.module, func.name, buf, size);
	go_name_clean(buf);
}

/* "timers main.main.func1 (AfterFunc)": the same name for all that will do the same. */
static void name_timers(const struct go_runtime *rt, const struct timer *timer, char *buf,
			size_t size)
{
	static const char *const words[] = {[CALLS] = " (AfterFunc)",
					    [TICKS] = " (time.Ticker)",
					    [SENDS] = " (time.Timer)",
					    [WAKES] = " (time.Sleep)",
					    [OTHER] = ""};
	char function[GO_ROOT_NAME] = "";

	if (timer->what == CALLS || timer->what == OTHER)
		function_name(rt, timer->code, function, sizeof(function));
	snprintf(buf, size, "%s%s%s%s", timer->is_stopped ? "stopped timers" : "timers",
		 *function ? " " : "", function, words[timer->what]);
}

/* "30 timers, the next in 59m58s". The time is that of the clock's last reading. */
static void note_timers(const struct timers *t, const struct timer *first, uint64_t count,
			char *buf, size_t size)
{
	int64_t next = INT64_MAX, left;
	int n =
	    snprintf(buf, size, "%llu timer%s", (unsigned long long)count, count == 1 ? "" : "s");

	for (uint64_t i = 0; i < count; i++)
		next = first[i].when < next ? first[i].when : next;
	if (n < 0 || (size_t)n >= size || first->is_stopped || !t->clock.now ||
	    next <= t->clock.now || next == INT64_MAX)
		return;
	left = (next - t->clock.now) / 1000000000;
	snprintf(buf + n, size - (size_t)n, "%s in about %lldh%02lldm%02llds",
		 count == 1 ? "," : ", the next", (long long)(left / 3600),
		 (long long)(left / 60 % 60), (long long)(left % 60));
}

/* Those alike are one root. */
static void name_all(struct timers *t)
{
	struct go_rooting *r = t->r;
	char name[NAME_ROOM], note[96];

	if (t->count)
		qsort(t->all, t->count, sizeof(*t->all), compare);
	for (uint64_t i = 0, end; i < t->count && !r->is_over; i = end) {
		for (end = i + 1; end < t->count && is_alike(&t->all[i], &t->all[end]);)
			end++;
		name_timers(r->rt, &t->all[i], name, sizeof(name));
		note_timers(t, &t->all[i], end - i, note, sizeof(note));
		r->root = (struct hw_root){.struct_size = sizeof(r->root),
					   .kind = "special",
					   .name = name,
					   .addr = t->all[i].slot,
					   .size = (end - i) * 8,
					   .frame = -1,
					   .note = note};
		for (uint64_t n = i; n < end && !r->is_over; n++)
			go_root_slot(r, t->all[n].slot);
	}
}

typedef void (*word_fn)(struct timers *t, hw_addr slot, const struct go_slice *list);

/* The words of a block that are pointers; the graph does not follow it then. False: it is no
 * block of the heap. */
static bool each_pointer(struct timers *t, hw_addr addr, word_fn fn, const struct go_slice *list)
{
	const struct go_runtime *rt = t->r->rt;
	const struct go_span *span = go_span_find(rt, addr);
	uint64_t bits[PIECE_WORDS / 64];
	hw_addr block, end;

	if (!span || span->state != GO_SPAN_IN_USE || span->flags & GO_SPAN_BAD || !span->elemsize)
		return false;
	block = span->start + (addr - span->start) / span->elemsize * span->elemsize;
	end = block + span->elemsize;
	for (hw_addr at = block; at < end && !t->r->is_over; at += PIECE_WORDS * 8) {
		const struct go_wanted wanted = {
		    at, end - at < PIECE_WORDS * 8 ? end : at + PIECE_WORDS * 8, bits};

		memset(bits, 0, sizeof(bits));
		go_wanted_span(rt, &wanted, span);
		for (uint64_t i = 0; i < (wanted.end - at) / 8 && !t->r->is_over; i++)
			if (bits[i / 64] >> (i % 64) & 1)
				fn(t, at + i * 8, list);
	}
	rt->host->named_block(rt->host->self, block);
	return true;
}

static void take_word(struct timers *t, hw_addr slot, const struct go_slice *list)
{
	(void)list;
	go_root_slot(t->r, slot);
}

static void take_timer(struct timers *t, hw_addr slot, const struct go_slice *list)
{
	const uint64_t stride = t->r->rt->layout.minor >= 23 ? 16 : 8;
	uint64_t word;

	if (slot - list->ptr < list->len * stride && (slot - list->ptr) % stride == 0 &&
	    go_word(t->r->rt, slot, &word) && word)
		add_timer(t, slot, word);
	else
		go_root_slot(t->r, slot); /* Behind the last one: what a timer left there. */
}

static void take_list(struct timers *t, hw_addr at)
{
	struct go_slice list;

	if (go_slice_read(t->r->rt, at, &list) && list.ptr && list.len <= list.cap &&
	    list.cap <= TIMERS_MAX)
		each_pointer(t, list.ptr, take_timer, &list);
}

static void take_p(struct timers *t, hw_addr p, uint64_t number)
{
	const struct go_runtime *rt = t->r->rt;
	char name[32];

	snprintf(name, sizeof(name), "runtime.p %llu", (unsigned long long)number);
	t->r->root = (struct hw_root){.struct_size = sizeof(t->r->root),
				      .kind = "special",
				      .name = name,
				      .addr = p,
				      .size = rt->layout.at[GO_P_SIZE],
				      .type = "runtime.p",
				      .frame = -1};
	if (!each_pointer(t, p, take_word, NULL))
		return;
	if (go_has(&rt->layout, GO_P_TIMERS_HEAP))
		take_list(t, go_at(rt, p, GO_P_TIMERS_HEAP));
	else if (go_has(&rt->layout, GO_P_TIMERS))
		take_list(t, go_at(rt, p, GO_P_TIMERS));
}

/* The buckets of 1.12 and 1.13. */
static void take_buckets(struct timers *t)
{
	const struct hw_host *host = t->r->rt->host;
	hw_addr at = t->r->rt->globals.timers;

	if (!at && !host->symbol(host->self, t->r->rt->image.module, "runtime.timers", &at))
		return;
	t->r->root = (struct hw_root){.struct_size = sizeof(t->r->root),
				      .kind = "special",
				      .name = "runtime.timers",
				      .frame = -1};
	for (uint32_t i = 0; i < BUCKETS && !t->r->is_over; i++)
		take_list(t, go_at(t->r->rt, at + i * BUCKET, GO_TIMERSBUCKET_T));
}

void go_root_timers(struct go_rooting *r)
{
	const struct hw_host *host = r->rt->host;
	struct timers t = {.r = r};
	struct go_slice allp;
	hw_addr p;

	go_clock_read(r->rt, &t.clock);
	if (go_has(&r->rt->layout, GO_TIMERSBUCKET_T))
		take_buckets(&t);
	if (r->rt->globals.allp && go_slice_read(r->rt, r->rt->globals.allp, &allp)) {
		for (uint64_t i = 0; i < allp.len && i < PS_MAX && !r->is_over; i++) {
			if (!go_word(r->rt, allp.ptr + i * 8, &p))
				break;
			if (p)
				take_p(&t, p, i);
		}
	}
	name_all(&t);
	host->resize(host->self, t.all, t.room, 0, sizeof(*t.all));
}
