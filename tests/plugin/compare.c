/* SPDX-License-Identifier: Apache-2.0 */
/* Truth and answer side by side. The rows follow the project's rules for ptmalloc:
 *
 *   live, cached   usable bytes, tcache structs included in live (flagged internal)
 *   overhead       8 bytes of head per chunk, fenceposts, what mmapped chunks lose
 *   free           whole chunks: fastbins, bins, top (equals mallinfo2().fordblks)
 *   metadata       heap_info and malloc_state inside heaps, and the pad behind
 *   untouched      reserves of heaps
 *   unknown        what foreign sbrk() calls left inside the main heap */
#include "compare.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void compare_load(struct fake_host *fake, const struct synth *synth, bool symbols)
{
	for (guint i = 0; i < synth->segments->len; i++) {
		const struct synth_segment *s =
		    &g_array_index(synth->segments, struct synth_segment, i);
		struct fake_segment segment = {s->start, s->end,   s->held,  s->bytes,
					       s->perm,  s->owner, s->module};

		fake_host_segment(fake, &segment);
	}
	for (guint i = 0; i < synth->modules->len; i++) {
		const struct synth_module *m =
		    &g_array_index(synth->modules, struct synth_module, i);

		fake_host_module(fake, m->name, m->start, m->end, m->is_exe, symbols,
				 m->exports_malloc);
	}
	for (guint i = 0; i < synth->threads->len; i++) {
		const struct synth_thread *t =
		    &g_array_index(synth->threads, struct synth_thread, i);

		fake_host_thread(fake, t->tid, t->tls, t->sp, true);
	}
	for (guint i = 0; symbols && i < synth->libcs->len; i++) {
		const struct synth_libc *libc = synth->libcs->pdata[i];

		fake_host_symbol(fake, libc->module, "main_arena", libc->main_arena);
		fake_host_symbol(fake, libc->module, "mp_", libc->mp);
	}
	fake_host_ready(fake);
}

static int state_of(enum synth_kind kind)
{
	switch (kind) {
	case SYNTH_LIVE:
		return HW_LIVE;
	case SYNTH_TCACHE:
		return HW_CACHED;
	default:
		return HW_FREE;
	}
}

/* Arena numbers are the plugin's own: they must map one to one. */
struct numbering {
	uint32_t theirs[256];
	bool known[256];
};

static bool same_arena(struct numbering *n, uint32_t ours, uint32_t theirs)
{
	uint32_t at = ours == SYNTH_MMAPPED ? 255 : ours;

	if (n->known[at])
		return n->theirs[at] == theirs;
	for (uint32_t i = 0; i < 256; i++)
		if (n->known[i] && n->theirs[i] == theirs)
			return false;
	n->known[at] = true;
	n->theirs[at] = theirs;
	return true;
}

static char *compare_blocks(const struct fake_heap *heap, const struct synth_truth *truth,
			    struct numbering *numbering)
{
	guint count = MIN(heap->blocks->len, truth->blocks->len);

	for (guint i = 0; i < count; i++) {
		const struct hw_block *got = &g_array_index(heap->blocks, struct hw_block, i);
		const struct synth_block *want =
		    &g_array_index(truth->blocks, struct synth_block, i);

		if (got->addr != want->addr || got->size != want->size ||
		    got->state != state_of(want->kind))
			return g_strdup_printf("block %u: 0x%" PRIx64 " size %" PRIu64
					       " state %u, truth 0x%" PRIx64 " size %" PRIu64
					       " state %d (kind %d)",
					       i, got->addr, got->size, got->state, want->addr,
					       want->size, state_of(want->kind), want->kind);
		if (((got->flags & HW_BLOCK_INTERNAL) != 0) != want->internal)
			return g_strdup_printf("block 0x%" PRIx64 ": internal is %d", got->addr,
					       !want->internal);
		if (!same_arena(numbering, want->arena, got->arena))
			return g_strdup_printf("block 0x%" PRIx64 ": arena %u, truth %u", got->addr,
					       got->arena, want->arena);
	}
	if (heap->blocks->len != truth->blocks->len)
		return g_strdup_printf("%u blocks, truth %u", heap->blocks->len,
				       truth->blocks->len);
	return NULL;
}

static void expected_ledger(const struct synth_truth *t, struct hw_ledger *l)
{
	uint64_t in_use = t->count[SYNTH_LIVE] + t->count[SYNTH_TCACHE];

	*l = (struct hw_ledger){.mapped = t->mapped, .releasable = t->releasable};
	l->bytes[HW_ROW_LIVE] = t->bytes[SYNTH_LIVE] - 8 * t->count[SYNTH_LIVE] + t->mmapped_usable;
	l->bytes[HW_ROW_CACHED] = t->bytes[SYNTH_TCACHE] - 8 * t->count[SYNTH_TCACHE];
	l->bytes[HW_ROW_OVERHEAD] =
	    8 * in_use + t->bytes[SYNTH_FENCE] + t->mmapped_bytes - t->mmapped_usable;
	l->bytes[HW_ROW_FREE] = t->fordblks;
	l->bytes[HW_ROW_METADATA] = t->headers + t->padding;
	l->bytes[HW_ROW_UNTOUCHED] = t->untouched;
	l->bytes[HW_ROW_UNKNOWN] = t->bytes[SYNTH_HOLE];
	l->blocks[HW_LIVE] = t->count[SYNTH_LIVE] + t->mmapped_count;
	l->blocks[HW_CACHED] = t->count[SYNTH_TCACHE];
	l->blocks[HW_FREE] = t->count[SYNTH_FAST] + t->count[SYNTH_BINNED] + t->count[SYNTH_TOP];
}

static char *compare_ledger(const struct hw_ledger *got, const struct synth_truth *truth)
{
	static const char *const rows[HW_ROWS] = {"live",      "overhead", "cached", "free",
						  "lazy",      "released", "stacks", "metadata",
						  "untouched", "unknown"};
	struct hw_ledger want;

	expected_ledger(truth, &want);
	for (int i = 0; i < HW_ROWS; i++)
		if (got->bytes[i] != want.bytes[i])
			return g_strdup_printf("%s %" PRIu64 ", truth %" PRIu64, rows[i],
					       got->bytes[i], want.bytes[i]);
	for (int i = 0; i < HW_STATES; i++)
		if (got->blocks[i] != want.blocks[i])
			return g_strdup_printf("%" PRIu64 " blocks of state %d, truth %" PRIu64,
					       got->blocks[i], i, want.blocks[i]);
	if (got->mapped != want.mapped)
		return g_strdup_printf("mapped %" PRIu64 ", truth %" PRIu64, got->mapped,
				       want.mapped);
	if (got->releasable != want.releasable)
		return g_strdup_printf("releasable %" PRIu64 ", truth %" PRIu64, got->releasable,
				       want.releasable);
	return NULL;
}

/* What the arenas' ledgers must say, from the chunk list. */
static char *compare_arenas(const struct fake_heap *heap, const struct synth_libc *libc,
			    const struct numbering *numbering)
{
	uint64_t live[256] = {0}, cached[256] = {0}, unused[256] = {0};

	for (guint i = 0; i < libc->chunks->len; i++) {
		const struct synth_chunk *c = &g_array_index(libc->chunks, struct synth_chunk, i);

		if (c->kind == SYNTH_LIVE)
			live[c->arena] += c->size - 8;
		else if (c->kind == SYNTH_TCACHE)
			cached[c->arena] += c->size - 8;
		else if (c->kind != SYNTH_FENCE && c->kind != SYNTH_HOLE)
			unused[c->arena] += c->size;
	}
	for (guint a = 0; a < libc->arenas->len; a++) {
		const struct fake_arena *got = NULL;

		if (!numbering->known[a] && !live[a] && !cached[a] && !unused[a])
			continue; /* Never used, so it has no number we know. */
		for (guint i = 0; i < heap->arenas->len; i++)
			if (numbering->known[a] &&
			    g_array_index(heap->arenas, struct fake_arena, i).arena ==
				numbering->theirs[a])
				got = &g_array_index(heap->arenas, struct fake_arena, i);
		if (!got || got->ledger.bytes[HW_ROW_LIVE] != live[a] ||
		    got->ledger.bytes[HW_ROW_CACHED] != cached[a] ||
		    got->ledger.bytes[HW_ROW_FREE] != unused[a])
			return g_strdup_printf("ledger of arena %u is missing or differs", a);
	}
	return NULL;
}

static char *compare_libc(const struct fake_heap *heap, const struct synth_libc *libc)
{
	struct numbering numbering = {.known = {false}};
	struct synth_truth truth;
	char *difference;

	synth_truth_init(&truth, libc);
	difference = compare_blocks(heap, &truth, &numbering);
	if (!difference)
		difference = compare_ledger(&heap->ledger, &truth);
	if (!difference)
		difference = compare_arenas(heap, libc, &numbering);
	synth_truth_clear(&truth);
	return difference;
}

/* Heaps are told apart by the claim that covers their main_arena. */
static const struct fake_heap *heap_of(const struct fake_host *fake, const struct synth_libc *libc)
{
	for (guint i = 0; i < fake->claims->len; i++) {
		const struct fake_claim *c = &g_array_index(fake->claims, struct fake_claim, i);

		if (c->kind == HW_CLAIM_METADATA && libc->main_arena >= c->start &&
		    libc->main_arena < c->end)
			return fake->heaps->pdata[c->heap];
	}
	return NULL;
}

char *compare_truth(const struct fake_host *fake, const struct synth *synth)
{
	if (fake->heaps->len != synth->libcs->len)
		return g_strdup_printf("%u heaps, truth %u", fake->heaps->len, synth->libcs->len);
	for (guint i = 0; i < synth->libcs->len; i++) {
		const struct fake_heap *heap = heap_of(fake, synth->libcs->pdata[i]);
		g_autofree char *difference = NULL;

		if (!heap)
			return g_strdup_printf("main_arena of copy %u is claimed by no heap", i);
		difference = compare_libc(heap, synth->libcs->pdata[i]);
		if (difference)
			return g_strdup_printf("copy %u: %s", i, difference);
	}
	return NULL;
}

/* "2.30-2.31", "2.28-el8" or "2.43" as the minor numbers of its ends. */
static bool parse_versions(const char *text, int *low_ret, int *high_ret)
{
	if (sscanf(text, "2.%d", low_ret) != 1)
		return false;
	if (sscanf(text, "2.%d-2.%d", low_ret, high_ret) != 2)
		*high_ret = *low_ret;
	return true;
}

char *compare_names(const struct fake_host *fake, const struct synth *synth, bool symbols)
{
	for (guint i = 0; i < synth->libcs->len; i++) {
		const struct synth_libc *libc = synth->libcs->pdata[i];
		const struct fake_heap *heap = heap_of(fake, libc);
		int low, high, want_low, want_high;

		if (!heap || !parse_versions(libc->options.class->name, &want_low, &want_high) ||
		    !parse_versions(heap->version, &low, &high) || low > want_high ||
		    high < want_low)
			return g_strdup_printf("version \"%s\", truth %s",
					       heap ? heap->version : "",
					       libc->options.class->name);
		if (symbols && !strstr(heap->how, "symbol"))
			return g_strdup_printf("symbols were there, but: %s", heap->how);
	}
	return NULL;
}

char *compare_doubt(const struct fake_host *fake)
{
	if (fake->damage_count)
		return g_strdup_printf("damage 0x%" PRIx64 ": %s",
				       g_array_index(fake->damage, struct fake_damage, 0).addr,
				       g_array_index(fake->damage, struct fake_damage, 0).text);
	if (fake->incomplete)
		return g_strdup_printf("incomplete: %s", (char *)fake->warnings->pdata[0]);
	for (guint i = 0; i < fake->heaps->len; i++) {
		const struct fake_heap *heap = fake->heaps->pdata[i];

		if (heap->confidence != HW_EXACT || heap->ledger.confidence != HW_EXACT)
			return g_strdup_printf("heap %u: confidence %u, ledger %u", i,
					       heap->confidence, heap->ledger.confidence);
	}
	return NULL;
}

static uint64_t mix(uint64_t digest, uint64_t value)
{
	digest = (digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return digest ^ (digest >> 32);
}

uint64_t compare_digest(const struct fake_host *fake)
{
	uint64_t digest = fake->heaps->len;

	for (guint h = 0; h < fake->heaps->len; h++) {
		const struct fake_heap *heap = fake->heaps->pdata[h];

		for (int i = 0; i < HW_ROWS; i++)
			digest = mix(digest, heap->ledger.bytes[i]);
		for (int i = 0; i < HW_STATES; i++)
			digest = mix(digest, heap->ledger.blocks[i]);
		digest = mix(digest, heap->ledger.releasable);
		for (guint i = 0; i < heap->blocks->len; i++) {
			const struct hw_block *b = &g_array_index(heap->blocks, struct hw_block, i);

			digest = mix(digest, b->addr);
			digest = mix(digest, b->size * 4 + b->state);
		}
	}
	return digest;
}
