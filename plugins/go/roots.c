/* SPDX-License-Identifier: Apache-2.0 */
/* roots.c -- what the collector starts from (runtime/mgcmark.go: markroot): the pointers of the
 * globals by gcdatamask and gcbssmask, goroutine stacks (rootstacks.c), finalizers that wait to
 * run, and the records of spans: finalizers, cleanups, handles of weak pointers. Weak pointers
 * themselves hold nothing: they lie in words that are no pointers.
 *
 * An object with a finalizer is held by it, until it has run. */
#include "roots.h"
#include <string.h>

enum {
	FIN_BLOCK = 4096, /* _FinBlockSize, mfinal.go: {alllink, next, cnt, fin[]}. */
	FIN_COUNT = 16,
	FIN_HEAD = 24,
	FIN_BYTES = 40,    /* finalizer: fn, arg, nret, fint, ot. */
	MASK_PIECE = 4096, /* Words of a mask looked at together. */
};

void go_root_slot(struct go_rooting *r, hw_addr slot)
{
	uint64_t word;

	if (r->is_over || !go_word(r->rt, slot, &word) || !word || !go_span_find(r->rt, word))
		return;
	r->root.slot = slot;
	r->is_over = !r->rt->host->root(r->rt->host->self, &r->root);
}

void go_root_range(struct go_rooting *r, hw_addr from, hw_addr to)
{
	for (from = (from + 7) & ~(hw_addr)7; from < to && to - from >= 8 && !r->is_over; from += 8)
		go_root_slot(r, from);
}

static void begin_root(struct go_rooting *r, const char *kind, const char *name)
{
	r->root = (struct hw_root){
	    .struct_size = sizeof(r->root), .kind = kind, .name = name, .frame = -1};
}

static void skip(struct go_rooting *r, hw_addr start, hw_addr end)
{
	if (start < end)
		r->rt->host->skip(r->rt->host->self, start, end);
}

/* The host knows the names of variables. Where it does not, it takes what is known here. */
static void root_global(struct go_rooting *r, hw_addr slot)
{
	r->root.addr = go_pools_find(&r->pools, slot);
	r->root.type = r->root.addr ? "sync.Pool" : NULL;
	r->root.size = r->root.addr ? r->pools.size : 0;
	if (!r->root.addr) {
		r->root.addr = go_sync_maps_find(&r->maps, slot);
		r->root.type = r->root.addr ? "sync.Map" : NULL;
		r->root.size = r->root.addr ? r->maps.size : 0;
	}
	go_root_slot(r, slot);
}

/* The words of [base, base + 8 * count) that a mask has. False: it is not there. */
static bool root_mask(struct go_rooting *r, hw_addr base, hw_addr mask, uint64_t count)
{
	for (uint64_t at = 0; at < count && !r->is_over; at += MASK_PIECE) {
		const uint64_t words = count - at < MASK_PIECE ? count - at : MASK_PIECE;
		const uint8_t *bits = go_bytes(r->rt, mask + at / 8, (words + 7) / 8);

		if (!bits)
			return false;
		for (uint64_t i = 0; i < words; i++)
			if (bits[i / 8] >> (i % 8) & 1)
				root_global(r, base + (at + i) * 8);
	}
	return true;
}

static void root_section(struct go_rooting *r, hw_addr start, hw_addr end,
			 const struct go_slice *mask)
{
	uint64_t count = (end - start) / 8;

	begin_root(r, "global", "");
	if (mask->len < count)
		count = mask->len;
	if (!root_mask(r, start, mask->ptr, count)) {
		r->rt->host->warn(r->rt->host->self, "go-global-masks", true,
				  "the map of the pointers in 0x%llx to 0x%llx is not in the "
				  "target: every word there counts as one",
				  (unsigned long long)start, (unsigned long long)end);
		r->root.addr = r->root.size = 0;
		r->root.type = NULL;
		go_root_range(r, start, end);
	}
	skip(r, start, end);
}

/* runtime/symtab.go: modulesinit() makes masks of exactly the pointers' range; the tables of
 * stack maps lie in the module. */
static void check_module(struct go_rooting *r, const struct go_moduledata *md)
{
	const struct hw_host *host = r->rt->host;

	if (md->gcdatamask.len != (md->edata - md->data) / 8 ||
	    md->gcbssmask.len != (md->ebss - md->bss) / 8)
		host->damage(host->self, md->addr, "the masks of the globals have another length");
	if (md == r->rt->modules && r->rt->layout.minor >= 18 &&
	    (!go_in_image(&r->rt->image, md->rodata) || !go_in_image(&r->rt->image, md->gofunc)))
		host->damage(host->self, md->addr, "the tables of stack maps are in no module");
}

static void root_globals(struct go_rooting *r)
{
	for (uint32_t i = 0; i < r->rt->module_count; i++) {
		const struct go_moduledata *md = &r->rt->modules[i];

		check_module(r, md);
		root_section(r, md->data, md->edata, &md->gcdatamask);
		root_section(r, md->bss, md->ebss, &md->gcbssmask);
		skip(r, md->noptrdata, md->enoptrdata);
		skip(r, md->noptrbss, md->enoptrbss);
	}
}

/* A list of blocks with records that wait, of finalizers or cleanups. */
struct queue {
	const char *what;
	uint32_t block, head, record; /* Bytes of each. */
	uint32_t count, link; /* Where in a block: of its records a uint32, the next block. */
};

/* The number of records, at most as many as there is room for. */
static uint32_t queue_count(struct go_rooting *r, const struct queue *q, hw_addr block)
{
	const struct hw_host *host = r->rt->host;
	const uint32_t most = (q->block - q->head) / q->record;
	uint32_t count;

	if (!go_u32(r->rt, block + q->count, &count)) {
		host->damage(host->self, block, "a block of %s is not in the target", q->what);
		return 0;
	}
	if (count <= most)
		return count;
	host->damage(host->self, block, "a block of %u %s", count, q->what);
	return most;
}

/* Those of all blocks, from the list's first word on. */
static void root_blocks(struct go_rooting *r, const struct queue *q, hw_addr head,
			void (*record)(struct go_rooting *r, hw_addr at))
{
	const struct hw_host *host = r->rt->host;
	struct go_loop loop = {0};
	hw_addr block;

	for (hw_addr link = head; !r->is_over; link = block + q->link) {
		if (!go_word(r->rt, link, &block)) {
			host->damage(host->self, link, "the list of %s is not in the target",
				     q->what);
			return;
		}
		if (!block)
			return;
		if (go_loops(&loop, block)) {
			host->damage(host->self, block, "the list of %s loops", q->what);
			return;
		}
		for (uint32_t i = 0, count = queue_count(r, q, block); i < count; i++)
			record(r, block + q->head + i * q->record);
	}
}

static void root_finalizer(struct go_rooting *r, hw_addr at)
{
	go_root_slot(r, at);
	go_root_slot(r, at + 8);
	go_root_slot(r, at + 32);
}

/* Finalizers on their way to run: the list of all blocks of the queue. */
static void root_queue(struct go_rooting *r)
{
	static const struct queue queue = {"finalizers", FIN_BLOCK, FIN_HEAD,
					   FIN_BYTES,    FIN_COUNT, 0};
	const struct hw_host *host = r->rt->host;
	hw_addr head = r->rt->globals.allfin;

	if (!head && !host->symbol(host->self, r->rt->image.module, "runtime.allfin", &head)) {
		host->warn(host->self, "go-finalizer-queue", false,
			   "the queue of finalizers that wait to run was not found: what only "
			   "they hold counts as pending");
		return;
	}
	begin_root(r, "finalizer", "finalizers about to run");
	root_blocks(r, &queue, head, root_finalizer);
}

static void root_cleanup(struct go_rooting *r, hw_addr at)
{
	go_root_range(r, at, at + (r->rt->layout.minor >= 26 ? 24 : 8));
}

/* Cleanups on their way to run; up to 1.24 the queue of finalizers has them. mcleanup.go:
 * cleanupBlock is {next, pushcnt, alllink, n, cleanups[]} of 512 bytes; a cleanup is a func value,
 * from 1.26 on {call, fn, arg}. */
static void root_cleanups(struct go_rooting *r)
{
	enum { ALL = 128 /* cleanupQueue.all */, LINK = 16, COUNT = 24, HEAD = 32, BLOCK = 512 };
	const struct hw_host *host = r->rt->host;
	const uint32_t size = r->rt->layout.minor >= 26 ? 24 : 8;
	const struct queue cleanups = {"cleanups", BLOCK, HEAD, size, COUNT, LINK};
	hw_addr queue = r->rt->globals.cleanups;

	if (r->rt->layout.minor < 25)
		return;
	if (!queue &&
	    !host->symbol(host->self, r->rt->image.module, "runtime.gcCleanups", &queue)) {
		host->warn(host->self, "go-cleanup-queue", true,
			   "the queue of cleanups that wait to run was not found: what only they "
			   "hold counts as pending");
		return;
	}
	begin_root(r, "special", "cleanups about to run");
	root_blocks(r, &cleanups, queue + ALL, root_cleanup);
}

/* mheap.go: the numbers of the records that matter, by version. 0: none. */
struct kinds {
	uint8_t finalizer, weak, cleanup;
};

static struct kinds kinds_of(const struct go_runtime *rt)
{
	const uint32_t minor = rt->layout.minor;

	if (minor >= 25)
		return (struct kinds){2, 3, 7};
	return (struct kinds){1, minor >= 23 ? 2 : 0, minor >= 24 ? 6 : 0};
}

/* specialfinalizer, specialWeakHandle, specialCleanup: a special, and behind it fn, handle, fn
 * (1.26: call, fn, arg). False: it makes no sense. */
static bool root_special(struct go_rooting *r, const struct go_span *span, hw_addr special,
			 const struct kinds *kinds)
{
	const uint32_t size = r->rt->layout.at[GO_SPECIAL_SIZE];
	uint64_t offset, kind;

	if (!go_get(r->rt, special, GO_SPECIAL_OFFSET, &offset) ||
	    !go_get(r->rt, special, GO_SPECIAL_KIND, &kind) || offset >= go_span_bytes(span))
		return false;
	if (kind == kinds->finalizer) {
		begin_root(r, "finalizer", "finalizer");
		go_root_slot(r, special + size);
		r->root.slot = 0;
		r->root.value = span->start + offset / span->elemsize * span->elemsize;
		r->root.name = "object with a finalizer";
		r->is_over = r->is_over || !r->rt->host->root(r->rt->host->self, &r->root);
	} else if (kinds->weak && kind == kinds->weak) {
		begin_root(r, "special", "handle of a weak pointer");
		go_root_slot(r, special + size);
	} else if (kinds->cleanup && kind == kinds->cleanup) {
		begin_root(r, "special", "cleanup");
		root_cleanup(r, special + size);
	}
	return true;
}

static void root_span_specials(struct go_rooting *r, const struct go_span *span,
			       const struct kinds *kinds)
{
	const struct hw_host *host = r->rt->host;
	struct go_loop loop = {0};
	uint64_t special = 0;

	if (!go_get(r->rt, span->addr, GO_MSPAN_SPECIALS, &special)) {
		host->damage(host->self, span->addr, "a span's records are not in the target");
		return;
	}
	while (special && !r->is_over) {
		if (go_loops(&loop, special)) {
			host->damage(host->self, special, "the records of a span loop");
			return;
		}
		if (!root_special(r, span, special, kinds) ||
		    !go_get(r->rt, special, GO_SPECIAL_NEXT, &special)) {
			host->damage(host->self, special, "a record of a span makes no sense");
			return;
		}
	}
}

static void root_specials(struct go_rooting *r)
{
	const struct kinds kinds = kinds_of(r->rt);

	for (uint64_t i = 0; i < r->rt->heap.span_count && !r->is_over; i++) {
		const struct go_span *span = &r->rt->heap.spans[i];

		if (span->state == GO_SPAN_IN_USE && !(span->flags & GO_SPAN_BAD) && span->elemsize)
			root_span_specials(r, span, &kinds);
	}
}

/* Without rodata (its file is missing) types and masks cannot be read. */
static void check_types(struct go_rooting *r)
{
	const struct hw_host *host = r->rt->host;
	uint8_t byte;

	if (r->rt->layout.minor >= 22 && !go_u8(r->rt, r->rt->modules[0].types, &byte))
		host->warn(host->self, "go-types", true,
			   "the types of %s are not in the target (give the file with --sysroot or "
			   "as it was): every word of objects above 512 bytes counts as a pointer",
			   r->rt->image.name);
}

static void root_runtime(struct go_rooting *r)
{
	const struct hw_host *host = r->rt->host;

	if (!r->rt->module_count) {
		host->warn(host->self, "go-no-moduledata", true,
			   "the runtime's tables are not in the target: globals are scanned word "
			   "by word, and goroutine stacks are not known");
		return;
	}
	check_types(r);
	for (uint64_t i = 0; i < r->rt->heap.arena_count; i++)
		skip(r, r->rt->heap.arenas[i].base, r->rt->heap.arenas[i].base + GO_ARENA);
	root_globals(r);
	go_pools_tell(&r->pools);
	root_queue(r);
	root_cleanups(r);
	root_specials(r);
	go_root_timers(r);
	go_root_stacks(r);
	if (r->unread)
		host->warn(host->self, "go-stack-maps", true,
			   "%llu maps of the pointers in stack frames are not in the target: every "
			   "word of these frames counts as one",
			   (unsigned long long)r->unread);
	if (r->cut)
		host->warn(host->self, "go-stacks-cut", true,
			   "%llu goroutine stacks could not be followed to their end (%s): every "
			   "word of the rest counts as a pointer",
			   (unsigned long long)r->cut, r->why ? r->why : "");
}

bool go_roots(void *handle)
{
	struct go *go = handle;

	for (uint64_t i = 0; i < go->count; i++) {
		struct go_rooting *r;
		bool is_ready;

		if (go->runtimes[i].id == HW_NO_MODULE)
			continue;
		r = go->host->resize(go->host->self, NULL, 0, 1, sizeof(*r));
		if (r) {
			r->rt = &go->runtimes[i];
			r->sites = go_sites_new(r->rt);
		}
		is_ready =
		    r && go_pools_init(&r->pools, r->rt) && go_sync_maps_init(&r->maps, r->rt);
		if (is_ready && r->sites)
			root_runtime(r);
		if (r) {
			go_pools_clear(&r->pools);
			go_sync_maps_clear(&r->maps);
		}
		if (!is_ready || !r->sites || r->no_memory) {
			if (r) {
				go_sites_free(r->sites);
				go->host->resize(go->host->self, r, 1, 0, sizeof(*r));
			}
			go->host->fail(go->host->self, "no memory for the roots");
			return false;
		}
		go_sites_free(r->sites);
		go->host->resize(go->host->self, r, 1, 0, sizeof(*r));
	}
	return true;
}
