/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the levels together: address space, owners, heaps, ledger rows. */
#include "query/summary.h"
#include "query/resident.h"

#define NOT_IN_CORE "a core file does not record it"
#define UNEXPLAINED "unexplained"

static void clear_reconcile(gpointer item)
{
	struct hw_summary_row *row = item;

	g_free(row->label);
	g_free(row->of);
}

static void add_row(struct hw_summary *s, const char *label, const char *of, uint64_t bytes)
{
	struct hw_summary_row row = {
	    .label = g_strdup(label), .of = g_strdup(of), .known = true, .bytes = (int64_t)bytes};

	g_array_append_val(s->reconcile, row);
}

static void add_unknown(struct hw_summary *s, const char *label, const char *of, const char *reason)
{
	struct hw_summary_row row = {
	    .label = g_strdup(label), .of = g_strdup(of), .reason = reason};

	g_array_append_val(s->reconcile, row);
}

/* The address space, by owner. Memory of nobody is what is unexplained there. */
static void add_owners(struct hw_summary *s)
{
	uint64_t unexplained = 0;

	add_row(s, "address space", NULL, s->maps.bytes);
	for (int i = 0; i < HW_OWNERS; i++) {
		const struct hw_owner_total *t = &s->maps.totals[i];
		g_autofree char *label = g_strdup_printf("%s mappings", hw_owner_names[t->owner]);

		if (t->owner == HW_OWNER_UNKNOWN)
			unexplained = t->bytes;
		else
			add_row(s, label, "address space", t->bytes);
		if (t->owner == HW_OWNER_HEAP)
			s->heap_mappings = t->bytes;
	}
	add_row(s, UNEXPLAINED, "address space", unexplained);
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void add_heaps(struct hw_summary *s, struct hw_session *session)
{
	uint32_t count = hw_heaps_count(session->heaps);

	for (uint32_t i = 0; i < count; i++) {
		const struct hw_heap *heap = hw_heaps_at(session->heaps, i);
		g_autofree char *label = hw_session_heap_label(heap);

		add_row(s, label, "heap mappings", heap->ledger.mapped);
		s->heap_mapped += heap->ledger.mapped;
	}
	add_row(s, UNEXPLAINED, "heap mappings", difference(s->heap_mappings, s->heap_mapped));
	/* A heap inside a module's bss is in its ledger, but stays the module's mapping. */
	if (s->heap_mapped > s->heap_mappings)
		g_array_index(s->reconcile, struct hw_summary_row, s->reconcile->len - 1).bytes *=
		    -1;
}

static void add_ledgers(struct hw_summary *s, struct hw_session *session)
{
	uint32_t count = hw_heaps_count(session->heaps);

	for (uint32_t i = 0; i < count; i++) {
		const struct hw_heap *heap = hw_heaps_at(session->heaps, i);
		g_autofree char *label = hw_session_heap_label(heap);

		for (int row = 0; row < HW_ROWS; row++)
			if (row != HW_ROW_UNKNOWN)
				add_row(s, hw_row_names[row], label, heap->ledger.bytes[row]);
		add_row(s, UNEXPLAINED, label, heap->ledger.bytes[HW_ROW_UNKNOWN]);
	}
}

/* Adds a remark when bytes are worth one: at least percent of `of`, and floor bytes. */
static void consider(struct hw_summary *s, enum hw_remark_kind kind, const struct hw_heap *heap,
		     uint64_t bytes, uint64_t of, unsigned percent, uint64_t floor)
{
	struct hw_remark remark = {.kind = kind, .heap = heap, .bytes = bytes, .of = of};

	if (bytes < floor || (double)bytes < (double)of * percent / 100)
		return;
	if (kind == HW_REMARK_RETAINED)
		remark.releasable = heap->ledger.releasable;
	g_array_append_val(s->remarks, remark);
}

static uint64_t touched(const struct hw_heap *heap)
{
	return heap->ledger.mapped - heap->ledger.bytes[HW_ROW_UNTOUCHED];
}

/* Of everything that the heaps have handed out or could: less than a percent of it is no answer to
 * where the memory is, however much of a small heap it may be. */
static uint64_t worth_saying(struct hw_session *session)
{
	uint32_t count = hw_heaps_count(session->heaps);
	uint64_t used = 0;

	for (uint32_t i = 0; i < count; i++)
		used += touched(hw_heaps_at(session->heaps, i));
	return MAX(256 << 10, used / 100);
}

static void remark_on_heap(struct hw_summary *s, const struct hw_heap *heap, uint64_t floor)
{
	const uint64_t *bytes = heap->ledger.bytes, mapped = heap->ledger.mapped;
	const uint64_t used = touched(heap);

	consider(s, HW_REMARK_UNKNOWN, heap, bytes[HW_ROW_UNKNOWN], mapped, 1, 1);
	consider(s, HW_REMARK_UNTOUCHED, heap, bytes[HW_ROW_UNTOUCHED], mapped, 25, 1 << 20);
	/* The rest is a statement about the program: only from exact numbers. */
	if (heap->confidence != HW_EXACT)
		return;
	consider(s, HW_REMARK_RETAINED, heap, bytes[HW_ROW_FREE], used, 10, floor);
	consider(s, HW_REMARK_CACHED, heap, bytes[HW_ROW_CACHED], used, 5, floor);
	consider(s, HW_REMARK_OVERHEAD, heap, bytes[HW_ROW_OVERHEAD], used, 20, floor);
}

/* Largest first; reserved address space last, since it is no memory in use. */
static int compare_remarks(gconstpointer a, gconstpointer b)
{
	const struct hw_remark *x = a, *y = b;

	if ((x->kind == HW_REMARK_UNTOUCHED) != (y->kind == HW_REMARK_UNTOUCHED))
		return x->kind == HW_REMARK_UNTOUCHED ? 1 : -1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

/* Anonymous memory of nobody that can hold anything: a reserve without access (Go keeps a
 * gigabyte of them for its tables) is address space only. */
static uint64_t unclaimed(const struct hw_memory *memory)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < memory->mapping_count; i++)
		if (memory->mappings[i].owner == HW_OWNER_ANON && memory->mappings[i].perm)
			bytes += memory->mappings[i].end - memory->mappings[i].start;
	return bytes;
}

static void make_remarks(struct hw_summary *s, struct hw_session *session)
{
	uint32_t count = hw_heaps_count(session->heaps);
	uint64_t slack = difference(s->heap_mappings, s->heap_mapped);
	uint64_t floor = worth_saying(session);

	for (uint32_t i = 0; i < count; i++)
		remark_on_heap(s, hw_heaps_at(session->heaps, i), floor);
	if (count)
		consider(s, HW_REMARK_ANON, NULL, unclaimed(session->memory), s->maps.bytes, 10,
			 1 << 20);
	consider(s, HW_REMARK_UNEXPLAINED, NULL, slack, s->heap_mappings, 5, 1 << 20);
	g_array_sort(s->remarks, compare_remarks);
}

/* Why there is no figure of a cgroup. Of version 2 the root has none. */
static const char *why_no_cgroup(const struct hw_summary *s, const struct hw_target *target)
{
	const char *groups = hw_target_text(target, "cgroup");

	if (!s->accounts)
		return NOT_IN_CORE;
	return !g_strcmp0(groups, "0::/\n")
		   ? "it is in the root cgroup, of which the kernel tells no figures"
		   : "the process's memory cgroup cannot be read here";
}

/* The kernel's side, where the target knows it. */
static bool add_resident(struct hw_summary *s, struct hw_session *session, GError **error)
{
	struct hw_reconcile chain;
	bool ok;

	s->huge_waste = hw_resident_huge_waste(session, s->accounts);
	if (!s->accounts || !s->accounts->has_cgroup)
		add_unknown(s, "cgroup", NULL, why_no_cgroup(s, session->target));
	if (!s->accounts) {
		add_unknown(s, "RSS", NULL, NOT_IN_CORE);
		return true;
	}
	hw_reconcile_init(&chain);
	ok = hw_resident_query(session, s->accounts, !session->is_short_of_time, &chain, error);
	for (guint i = 0; ok && i < chain.rows->len; i++) {
		const struct hw_reconcile_row *from =
		    &g_array_index(chain.rows, struct hw_reconcile_row, i);
		struct hw_summary_row row = {.label = g_strdup(from->label),
					     .of = g_strdup(from->of),
					     .known = true,
					     .bytes = from->bytes,
					     .reason = from->why};

		g_array_append_val(s->reconcile, row);
	}
	hw_reconcile_clear(&chain);
	hw_target_check(session->target, &session->notes);
	return ok;
}

struct hw_summary *hw_summary_query(struct hw_session *session, GError **error)
{
	struct hw_summary *s = g_new0(struct hw_summary, 1);

	s->reconcile = g_array_new(FALSE, TRUE, sizeof(struct hw_summary_row));
	g_array_set_clear_func(s->reconcile, clear_reconcile);
	s->remarks = g_array_new(FALSE, TRUE, sizeof(struct hw_remark));
	if (!hw_session_ledgers(session, error)) {
		hw_summary_free(s);
		return NULL;
	}
	s->accounts = hw_resident_accounts(session);
	hw_maps_query(session, s->accounts, &s->maps);
	if (!add_resident(s, session, error)) {
		hw_summary_free(s);
		return NULL;
	}
	add_owners(s);
	add_heaps(s, session);
	add_ledgers(s, session);
	make_remarks(s, session);
	return s;
}

void hw_summary_free(struct hw_summary *s)
{
	if (!s)
		return;
	hw_accounts_free(s->accounts);
	g_array_unref(s->reconcile);
	g_array_unref(s->remarks);
	g_free(s);
}
