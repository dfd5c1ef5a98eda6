/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c -- reads the buckets of the memory profile. */
#include "profile.h"
#include <math.h>
#include <string.h>

enum {
	BUCKET_ALLNEXT = 8, /* runtime/mprof.go bucket, the same from 1.12 to 1.26. */
	BUCKET_TYP = 16,
	BUCKET_NSTK = 40,
	BUCKET_SIZE = 48,
	TYP_MEMORY = 1,
	STACK_MAX = 1100, /* maxStack was 32; maxProfStackDepth is 1024 since 1.23. */
	FUTURES = 3,
	BUCKETS_MAX = 1 << 24,
};

struct cycle { /* memRecordCycle */
	uint64_t allocs, frees, alloc_bytes, free_bytes;
};

static void add(struct go_record *to, const struct cycle *c)
{
	to->alloc_objects += c->allocs;
	to->free_objects += c->frees;
	to->alloc_bytes += c->alloc_bytes;
	to->free_bytes += c->free_bytes;
}

static hw_addr variable(const struct go_runtime *rt, hw_addr known, const char *symbol)
{
	if (!known)
		rt->host->symbol(rt->host->self, rt->image.module, symbol, &known);
	return known;
}

/* Which of future[] the next flush publishes; FUTURES when it is not known. */
static uint32_t find_cycle(const struct go_runtime *rt)
{
	const bool is_old = rt->layout.minor < 19;
	hw_addr addr =
	    variable(rt, rt->globals.mprof_cycle, is_old ? "runtime.mProf" : "runtime.mProfCycle");
	uint32_t value;

	if (!addr || !go_u32(rt, addr, &value))
		return FUTURES;
	/* Since 1.19 the lowest bit says that it is flushed. */
	return (is_old ? value : value >> 1) % FUTURES;
}

static bool grow(const struct hw_host *host, void **items, uint64_t *room, uint64_t wanted,
		 uint64_t size)
{
	uint64_t more = *room ? *room : 64;
	void *grown;

	if (wanted <= *room)
		return true;
	while (more < wanted)
		more *= 2;
	grown = host->resize(host->self, *items, *room, more, size);
	if (!grown)
		return false;
	*items = grown;
	*room = more;
	return true;
}

struct bucket {
	hw_addr addr, next;
	uint64_t nstk;
	struct cycle cycles[1 + FUTURES]; /* active, future[] */
};

/* False: no bucket, which is damage. */
static bool read_bucket(const struct go_runtime *rt, hw_addr addr, struct bucket *ret)
{
	uint8_t head[BUCKET_SIZE];
	uint64_t typ;

	if (addr % 8 || !go_read(rt, addr, head, sizeof(head)))
		return false;
	ret->addr = addr;
	memcpy(&ret->next, head + BUCKET_ALLNEXT, 8);
	memcpy(&typ, head + BUCKET_TYP, 8);
	memcpy(&ret->nstk, head + BUCKET_NSTK, 8);
	return typ == TYP_MEMORY && ret->nstk <= STACK_MAX &&
	       go_read(rt, addr + BUCKET_SIZE + ret->nstk * 8, ret->cycles, sizeof(ret->cycles));
}

static bool keep(struct go_profile *p, const struct bucket *b, const struct go_record *record)
{
	const struct hw_host *host = p->rt->host;
	struct go_record *to;

	if (p->pc_count + b->nstk > UINT32_MAX ||
	    !grow(host, (void **)&p->records, &p->room, p->count + 1, sizeof(*p->records)) ||
	    !grow(host, (void **)&p->pcs, &p->pc_room, p->pc_count + b->nstk, sizeof(*p->pcs)))
		return false;
	to = &p->records[p->count++];
	*to = *record;
	to->first = (uint32_t)p->pc_count;
	to->count = (uint32_t)b->nstk;
	if (b->nstk && !go_read(p->rt, b->addr + BUCKET_SIZE, p->pcs + p->pc_count, b->nstk * 8))
		to->count = 0;
	p->pc_count += to->count;
	return true;
}

/* Calls fn with every bucket: allnext may be damaged to a circle. */
static bool each_bucket(const struct go_runtime *rt, hw_addr first,
			bool (*fn)(void *arg, const struct bucket *b), void *arg)
{
	struct go_loop loop = {0};
	hw_addr at = first;

	for (uint64_t n = 0; at; n++) {
		const bool loops = go_loops(&loop, at);
		struct bucket b;

		if (n == BUCKETS_MAX || loops || !read_bucket(rt, at, &b)) {
			rt->host->damage(rt->host->self, at, "%s",
					 loops ? "the buckets of the memory profile loop"
					       : "no bucket of the memory profile");
			return true;
		}
		if (rt->host->stopped(rt->host->self) || !fn(arg, &b))
			return false;
		at = b.next;
	}
	return true;
}

struct reading {
	struct go_profile *profile;
	uint32_t cycle;
	bool any_active;
};

static bool look_active(void *arg, const struct bucket *b)
{
	struct reading *r = arg;
	const struct cycle *active = &b->cycles[0];

	r->any_active |= active->allocs || active->frees;
	if (r->cycle < FUTURES)
		r->any_active |= b->cycles[1 + r->cycle].allocs || b->cycles[1 + r->cycle].frees;
	return true;
}

static bool read_record(void *arg, const struct bucket *b)
{
	struct reading *r = arg;
	struct go_record record = {0};

	add(&record, &b->cycles[0]);
	for (uint32_t f = 0; f < FUTURES; f++)
		if (!r->any_active || f == r->cycle)
			add(&record, &b->cycles[1 + f]);
	if (record.free_objects > record.alloc_objects || record.free_bytes > record.alloc_bytes ||
	    (record.alloc_objects | record.alloc_bytes) >> 53) {
		r->profile->rt->host->damage(r->profile->rt->host->self, b->addr,
					     "a bucket of the memory profile frees more than it "
					     "allocates");
		return true;
	}
	return keep(r->profile, b, &record);
}

bool go_profile_read(const struct go_runtime *rt, struct go_profile *ret)
{
	const struct hw_host *host = rt->host;
	hw_addr rate = variable(rt, rt->globals.memprofile_rate, "runtime.MemProfileRate");
	hw_addr head = variable(rt, rt->globals.mbuckets, "runtime.mbuckets");
	struct go_profile p = {.rt = rt};
	struct reading r = {.profile = &p, .cycle = find_cycle(rt)};
	hw_addr first = 0;

	p.has_rate = rate && go_word(rt, rate, &p.rate) && p.rate <= INT64_MAX;
	if (!p.has_rate)
		host->warn(host->self, "profile-rate", true,
			   "%s: MemProfileRate was not found: the profile is not scaled",
			   rt->image.name);
	if (!head || !go_word(rt, head, &first))
		host->warn(host->self, "profile-missing", true,
			   "%s: the buckets of the memory profile were not found", rt->image.name);
	else if (r.cycle == FUTURES)
		host->warn(host->self, "profile-cycle", true,
			   "%s: allocations since the last collection are not in the profile",
			   rt->image.name);
	if (!each_bucket(rt, first, look_active, &r) || !each_bucket(rt, first, read_record, &r)) {
		go_profile_clear(&p);
		host->fail(host->self, host->stopped(host->self) ? "stopped" : "out of memory");
		return false;
	}
	p.before_gc = !r.any_active;
	*ret = p;
	return true;
}

void go_profile_clear(struct go_profile *p)
{
	const struct hw_host *host = p->rt->host;

	if (p->records)
		host->resize(host->self, p->records, p->room, 0, sizeof(*p->records));
	if (p->pcs)
		host->resize(host->self, p->pcs, p->pc_room, 0, sizeof(*p->pcs));
	p->records = NULL;
	p->pcs = NULL;
	p->count = p->pc_count = 0;
}

static void scale(const struct go_profile *p, uint64_t objects, uint64_t bytes,
		  uint64_t *objects_ret, uint64_t *bytes_ret)
{
	double factor;

	*objects_ret = objects && bytes ? objects : 0;
	*bytes_ret = objects && bytes ? bytes : 0;
	if (!*bytes_ret || !p->has_rate || p->rate <= 1)
		return;
	factor = 1 / (1 - exp(-((double)bytes / (double)objects) / (double)p->rate));
	/* Doubles that no count can be are damage; they must not reach an integer. */
	if ((double)bytes * factor < 9e15 && (double)objects * factor < 9e15) {
		*objects_ret = (uint64_t)((double)objects * factor);
		*bytes_ret = (uint64_t)((double)bytes * factor);
	}
}

struct go_scaled go_profile_scale(const struct go_profile *p, const struct go_record *r)
{
	struct go_scaled s;

	scale(p, r->alloc_objects, r->alloc_bytes, &s.alloc_objects, &s.alloc_bytes);
	scale(p, r->alloc_objects - r->free_objects, r->alloc_bytes - r->free_bytes,
	      &s.inuse_objects, &s.inuse_bytes);
	return s;
}

uint32_t go_profile_skip(const struct go_profile *p, const struct go_record *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct go_func func;
		char name[24];

		if (!go_func_find(p->rt, p->pcs[r->first + i], &func))
			return i;
		/* pprof asks FuncForPC(), which knows what was inlined. */
		if (!go_profile_call(p->rt, p->pcs[r->first + i], name, sizeof(name), NULL, 0,
				     NULL))
			return i;
		if (strncmp(name, "runtime.", 8) != 0 &&
		    strncmp(name, "internal/runtime/", 17) != 0)
			return i;
	}
	return 0;
}

bool go_profile_call(const struct go_runtime *rt, hw_addr pc, char *name, uint64_t name_size,
		     char *file, uint64_t file_size, int32_t *line_ret)
{
	struct go_call calls[GO_CALLS_MAX];
	struct go_func func;

	/* runtime/symtab.go CallersFrames(): pcs are behind the call they stand for, and each
	 * inlined call has one of its own. */
	if (!go_func_find(rt, pc, &func))
		return false;
	if (pc > func.entry)
		pc--;
	go_func_calls(rt, &func, pc, calls);
	go_func_name(rt, func.module, calls[0].name, name, name_size);
	go_name_clean(name);
	if (!name[0])
		memcpy(name, "?", 2);
	if (file && !go_func_line(rt, &func, pc, file, file_size, line_ret)) {
		file[0] = 0;
		*line_ret = 0;
	}
	return true;
}
