/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk summary`: where the memory is, from the address space down to live blocks,
 * and what stands out. */
#include "query/reconcile.h"
#include "report/ledger.h"
#include "report/owners.h"
#include "report/report.h"

#define HEAPS_SHOWN   3 /* In full; more become a table. */
#define REMARKS_SHOWN 5
#define PEERS_SHOWN   10

static void reconcile_json(struct hw_answer *a, const struct hw_summary *s)
{
	static const struct hw_column columns[] = {
	    {"label", "", HW_KIND_TEXT, 0},
	    {"bytes", "", HW_KIND_SIZE, 0},
	    {"of", "", HW_KIND_TEXT, 0},
	    {"reason", "", HW_KIND_TEXT, 0},
	};

	if (!a->is_json)
		return;
	hw_answer_table(a, "reconcile", NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < s->reconcile->len; i++) {
		const struct hw_summary_row *r =
		    &g_array_index(s->reconcile, struct hw_summary_row, i);
		const struct hw_value negative = {.kind = HW_KIND_DELTA, .i = r->bytes};
		const struct hw_value row[] = {
		    hw_text(r->label),
		    !r->known      ? hw_null()
		    : r->bytes < 0 ? negative
				   : hw_size((uint64_t)r->bytes),
		    hw_text(r->of),
		    hw_text(r->reason),
		};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static double share(uint64_t bytes, uint64_t of)
{
	return of ? (double)bytes / (double)of : 0;
}

/* The trim report of the heap's plugin, when it has one. */
static bool has_trim(const struct hw_heap *heap)
{
	for (uint32_t i = 0; i < heap->plugin->report_count; i++)
		if (g_str_equal(heap->plugin->reports[i].name, "trim"))
			return true;
	return false;
}

static bool says_purge(const struct hw_heap *heap)
{
	return g_str_equal(heap->plugin->name, "jemalloc");
}

static char *say_retained(struct hw_answer *a, const struct hw_remark *r, const char *name,
			  const char *bytes)
{
	g_autofree char *back = hw_answer_size(a, r->releasable);
	const char *who = says_purge(r->heap) ? "a purge (mallctl \"arena.<i>.purge\")"
			  : g_str_equal(r->heap->plugin->name, "ptmalloc") ? "malloc_trim(0)"
									   : "the allocator";
	g_autofree char *more =
	    has_trim(r->heap)
		? g_strdup_printf(" ('heapwalk plugin %s trim' says what holds the rest)",
				  r->heap->plugin->name)
		: g_strdup("");

	if (!r->releasable)
		return g_strdup_printf(
		    "%.0f %% of what %s has touched is free but retained: %s, and "
		    "%s could return none of it%s.",
		    share(r->bytes, r->of) * 100, name, bytes, who, more);
	return g_strdup_printf(
	    "%.0f %% of what %s has touched is free but retained: %s, and %s could "
	    "return up to %s now%s.",
	    share(r->bytes, r->of) * 100, name, bytes, who, back,
	    r->releasable < r->bytes / 2 ? more : "");
}

static char *say_overhead(struct hw_answer *a, const struct hw_remark *r, const char *name,
			  const char *bytes)
{
	const struct hw_ledger *l = &r->heap->ledger;
	uint64_t blocks = l->blocks[HW_LIVE];
	g_autofree char *mean = hw_answer_size(a, blocks ? l->bytes[HW_ROW_LIVE] / blocks : 0);

	return g_strdup_printf("Headers and rounding take %s, %.0f %% of %s: a live block has "
			       "%s on average.",
			       bytes, share(r->bytes, r->of) * 100, name, mean);
}

/* One sentence. Free with g_free(). */
static char *say(struct hw_answer *a, const struct hw_remark *r)
{
	g_autofree char *bytes = hw_answer_size(a, r->bytes);
	g_autofree char *name = r->heap ? hw_session_heap_label(r->heap) : NULL;
	double percent = share(r->bytes, r->of) * 100;

	switch (r->kind) {
	case HW_REMARK_RETAINED:
		return say_retained(a, r, name, bytes);
	case HW_REMARK_CACHED:
		return g_strdup_printf("Thread caches of %s hold %s (%.0f %%) that the program "
				       "has freed.",
				       name, bytes, percent);
	case HW_REMARK_OVERHEAD:
		return say_overhead(a, r, name, bytes);
	case HW_REMARK_UNTOUCHED:
		return g_strdup_printf("%s of %s is reserved address space, not handed out yet: "
				       "it counts as virtual size, not as memory in use.",
				       bytes, name);
	case HW_REMARK_UNKNOWN:
		return g_strdup_printf("%s of %s could not be decoded ('heapwalk verify' says "
				       "why).",
				       bytes, name);
	case HW_REMARK_ANON:
		return g_strdup_printf("%s (%.0f %%) is anonymous memory that no heap explains "
				       "('heapwalk maps' lists it).",
				       bytes, percent);
	case HW_REMARK_UNEXPLAINED:
		return g_strdup_printf("%s separates the heaps' mappings from their ledgers.",
				       bytes);
	}
	return NULL;
}

static void remarks_text(struct hw_answer *a, const struct hw_summary *s)
{
	if (a->is_json || !s->remarks->len)
		return;
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_TITLE, "What stands out");
	for (guint i = 0; i < s->remarks->len && i < REMARKS_SHOWN; i++) {
		g_autofree char *line = say(a, &g_array_index(s->remarks, struct hw_remark, i));

		hw_answer_line(a, HW_TONE_PLAIN, "  %s", line);
	}
}

static void other_heaps_text(struct hw_answer *a, const GPtrArray *heaps, guint first)
{
	static const struct hw_column columns[] = {
	    {NULL, "other heaps", HW_KIND_TEXT, 0},  {NULL, "mapped", HW_KIND_SIZE, 0},
	    {NULL, "live", HW_KIND_SIZE, 0},         {NULL, "free", HW_KIND_SIZE, 0},
	    {NULL, "live blocks", HW_KIND_COUNT, 0},
	};

	hw_answer_gap(a);
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = first; i < heaps->len; i++) {
		const struct hw_heap *heap = heaps->pdata[i];
		g_autofree char *label = hw_session_heap_label(heap);
		const struct hw_value row[] = {
		    hw_text(label),
		    hw_size(heap->ledger.mapped),
		    hw_size(heap->ledger.bytes[HW_ROW_LIVE]),
		    hw_size(heap->ledger.bytes[HW_ROW_FREE]),
		    hw_count(heap->ledger.blocks[HW_LIVE]),
		};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static void heaps_text(struct hw_answer *a, const struct hw_session *session,
		       const GPtrArray *heaps)
{
	/* A table for one would take as many lines. */
	guint shown = heaps->len <= HEAPS_SHOWN + 1 ? heaps->len : HEAPS_SHOWN;

	if (a->is_json)
		return;
	if (!heaps->len)
		hw_ledger_none(a, session);
	for (guint i = 0; i < shown; i++)
		hw_ledger_text(a, heaps->pdata[i]);
	if (shown < heaps->len)
		other_heaps_text(a, heaps, shown);
}

static const struct hw_summary_row *find_row(const struct hw_summary *s, const char *label,
					     const char *of)
{
	for (guint i = 0; i < s->reconcile->len; i++) {
		const struct hw_summary_row *r =
		    &g_array_index(s->reconcile, struct hw_summary_row, i);

		if (r->known && g_str_equal(r->label, label) && g_strcmp0(r->of, of) == 0)
			return r;
	}
	return NULL;
}

/* A level and what it is made of, and below it what its parts are. */
static void level_text(struct hw_answer *a, const struct hw_summary *s, const char *label,
		       uint64_t whole, unsigned depth)
{
	for (guint i = 0; depth < 4 && i < s->reconcile->len; i++) {
		const struct hw_summary_row *r =
		    &g_array_index(s->reconcile, struct hw_summary_row, i);
		const bool is_rest = g_str_equal(r->label, "unexplained");
		g_autofree char *name = g_strdup_printf("%*s%s", (int)(2 * depth), "", r->label);
		const struct hw_value negative = {.kind = HW_KIND_DELTA, .i = r->bytes};
		const struct hw_value row[] = {
		    hw_text(name),
		    r->bytes < 0 ? negative : hw_size((uint64_t)r->bytes),
		    hw_ratio(whole && r->bytes > 0 ? (double)r->bytes / (double)whole : 0),
		};

		if (!r->known || g_strcmp0(r->of, label) != 0 || (!r->bytes && !is_rest))
			continue;
		hw_answer_row(a, row);
		if (!is_rest)
			level_text(a, s, r->label, whole, depth + 1);
	}
}

static void chain_text(struct hw_answer *a, const struct hw_summary *s, const char *top,
		       const char *title)
{
	static const struct hw_column columns[] = {
	    {NULL, "", HW_KIND_TEXT, 0},
	    {NULL, "bytes", HW_KIND_SIZE, 0},
	    {NULL, "share", HW_KIND_RATIO, HW_COLUMN_BAR},
	};
	const struct hw_summary_row *row = find_row(s, top, NULL);
	g_autofree char *size = row ? hw_answer_size(a, (uint64_t)row->bytes) : NULL;

	if (!row)
		return;
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_TITLE, "%s  %s", title, size);
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	level_text(a, s, top, (uint64_t)row->bytes, 1);
	hw_answer_table_end(a);
}

static struct hw_value known_size(uint64_t bytes)
{
	return bytes == HW_NOT_KNOWN ? hw_null() : hw_size(bytes);
}

static void kernel_json(struct hw_answer *a, const struct hw_summary *s)
{
	static const struct hw_column columns[] = {
	    {"pid", "", HW_KIND_ID, 0},
	    {"rss", "", HW_KIND_SIZE, 0},
	    {"anon", "", HW_KIND_SIZE, 0},
	    {"command", "", HW_KIND_TEXT, 0},
	};
	const struct hw_accounts *c = s->accounts;

	hw_answer_begin(a, "process", NULL);
	hw_answer_field(a, "rss", NULL, known_size(c->total.rss));
	hw_answer_field(a, "pss", NULL, known_size(c->total.pss));
	hw_answer_field(a, "uss", NULL, known_size(c->total.private_));
	hw_answer_field(a, "swap", NULL, known_size(c->total.swap));
	hw_answer_field(a, "lazy", NULL, known_size(c->total.lazy));
	hw_answer_field(a, "huge", NULL, known_size(c->total.huge));
	hw_answer_field(a, "huge_waste", NULL, known_size(s->huge_waste));
	hw_answer_field(a, "hugetlb", NULL, known_size(c->total.hugetlb));
	hw_answer_field(a, "page_tables", NULL, known_size(c->page_tables));
	hw_answer_end(a);
	if (!c->has_cgroup)
		return;
	hw_answer_begin(a, "cgroup", NULL);
	hw_answer_field(a, "version", NULL, hw_count(c->cgroup.version));
	hw_answer_field(a, "usage", NULL, known_size(c->cgroup.usage));
	hw_answer_field(a, "limit", NULL, known_size(c->cgroup.limit));
	hw_answer_field(a, "high", NULL, known_size(c->cgroup.high));
	hw_answer_field(a, "working_set", NULL, known_size(hw_reconcile_working_set(&c->cgroup)));
	hw_answer_field(a, "without_cache", NULL,
			known_size(hw_reconcile_without_cache(&c->cgroup)));
	hw_answer_field(a, "active_file", NULL, known_size(c->cgroup.active_file));
	hw_answer_field(a, "inactive_file", NULL, known_size(c->cgroup.inactive_file));
	hw_answer_field(a, "slab", NULL, known_size(c->cgroup.slab));
	hw_answer_field(a, "kernel_stack", NULL, known_size(c->cgroup.kernel_stack));
	hw_answer_field(a, "page_tables", NULL, known_size(c->cgroup.page_tables));
	hw_answer_field(a, "swap", NULL, known_size(c->cgroup.swap));
	hw_answer_field(a, "processes_unread", NULL, hw_count(c->peers_unread));
	hw_answer_field(a, "swap_cache", NULL, known_size(c->cgroup.swap_cache));
	hw_answer_table(a, "processes", NULL, columns, G_N_ELEMENTS(columns));
	for (uint32_t i = 0; i < c->peer_count; i++) {
		const struct hw_peer *p = &c->peers[i];
		const struct hw_value row[] = {hw_id((uint64_t)p->pid), hw_size(p->rss),
					       hw_size(p->anon), hw_text(p->command)};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
	hw_answer_end(a);
}

/* Largest first. */
static int compare_peers(const void *a, const void *b)
{
	const struct hw_peer *x = *(struct hw_peer *const *)a, *y = *(struct hw_peer *const *)b;

	if (x->rss != y->rss)
		return x->rss > y->rss ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void peers_text(struct hw_answer *a, const struct hw_accounts *c, int32_t pid)
{
	static const struct hw_column columns[] = {
	    {NULL, "other processes", HW_KIND_TEXT, 0},
	    {NULL, "pid", HW_KIND_ID, 0},
	    {NULL, "RSS", HW_KIND_SIZE, 0},
	};
	g_autoptr(GPtrArray) others = g_ptr_array_new();

	for (uint32_t i = 0; i < c->peer_count; i++)
		if (c->peers[i].pid != pid)
			g_ptr_array_add(others, &c->peers[i]);
	g_ptr_array_sort(others, compare_peers);
	if (others->len) {
		hw_answer_gap(a);
		hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
		for (guint i = 0; i < others->len && i < PEERS_SHOWN; i++) {
			const struct hw_peer *p = others->pdata[i];
			const struct hw_value row[] = {hw_text(p->command), hw_id((uint64_t)p->pid),
						       hw_size(p->rss)};

			hw_answer_row(a, row);
		}
		hw_answer_table_end(a);
	}
	if (others->len > PEERS_SHOWN)
		hw_answer_line(a, HW_TONE_PLAIN, "  and %u more, each smaller (--json has all)",
			       others->len - PEERS_SHOWN);
	if (c->peers_unread)
		hw_answer_line(a, HW_TONE_WARN,
			       "  %u more could not be asked: what they have is unexplained above",
			       c->peers_unread);
}

/* What limits there are, what is in swap, and which part of the page cache the kernel would take
 * back first. */
static void limit_text(struct hw_answer *a, const struct hw_cgroup *c)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} parts[] = {{"limit ", c->limit},
		     {", memory.high ", c->high},
		     {", swap ", c->swap ? c->swap : HW_NOT_KNOWN}};
	g_autofree char *active = hw_answer_size(a, c->active_file);
	g_autofree char *inactive = hw_answer_size(a, c->inactive_file);
	g_autoptr(GString) line = g_string_new(c->limit == HW_NOT_KNOWN ? "no limit" : "");

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *size = hw_answer_size(a, parts[i].bytes);

		if (parts[i].bytes != HW_NOT_KNOWN)
			g_string_append_printf(line, "%s%s", parts[i].name, size);
	}
	if (c->active_file != HW_NOT_KNOWN && c->inactive_file != HW_NOT_KNOWN)
		g_string_append_printf(line, "; file cache: %s active, %s inactive", active,
				       inactive);
	hw_answer_line(a, HW_TONE_PLAIN, "  %s", line->str);
}

/* From what monitors show down to the heaps. */
static void kernel_text(struct hw_answer *a, const struct hw_session *session,
			const struct hw_summary *s)
{
	const struct hw_accounts *c = s->accounts;
	g_autofree char *pss = hw_answer_size(a, c->total.pss);
	g_autofree char *uss = hw_answer_size(a, c->total.private_);
	g_autofree char *swap = hw_answer_size(a, c->total.swap);
	g_autofree char *lazy = hw_answer_size(a, c->total.lazy);
	g_autofree char *huge = hw_answer_size(a, c->total.huge);
	g_autofree char *hugetlb = hw_answer_size(a, c->total.hugetlb);

	if (c->has_cgroup) {
		uint64_t working = hw_reconcile_working_set(&c->cgroup);
		uint64_t plain = hw_reconcile_without_cache(&c->cgroup);
		g_autofree char *set = hw_answer_size(a, working == HW_NOT_KNOWN ? 0 : working);
		g_autofree char *without = hw_answer_size(a, plain == HW_NOT_KNOWN ? 0 : plain);

		chain_text(a, s, "cgroup", "Memory cgroup");
		if (working != HW_NOT_KNOWN && plain != HW_NOT_KNOWN)
			hw_answer_line(a, HW_TONE_PLAIN,
				       "  monitors also show %s (less inactive file cache) or %s "
				       "(less all of it)",
				       set, without);
		limit_text(a, &c->cgroup);
		peers_text(a, c, session->target->pid);
	}
	chain_text(a, s, "RSS", "Resident (RSS)");
	hw_answer_line(a, HW_TONE_PLAIN,
		       "  PSS %s, USS %s, swap %s, lazily freed %s, in huge pages %s%s%s", pss, uss,
		       swap, lazy, huge, c->total.hugetlb ? ", hugetlb " : "",
		       c->total.hugetlb ? hugetlb : "");
	if (c->total.huge && s->huge_waste != HW_NOT_KNOWN) {
		g_autofree char *waste = hw_answer_size(a, s->huge_waste);

		hw_answer_line(a, HW_TONE_PLAIN, "  of the huge pages %s are zeros: never used",
			       waste);
	}
}

void hw_report_summary(struct hw_answer *a, struct hw_session *session, const struct hw_summary *s)
{
	g_autoptr(GPtrArray) heaps = hw_ledger_sort_heaps(session);

	hw_answer_target(a, session->target);
	hw_answer_field(a, "threads", NULL, hw_count(session->target->thread_count));
	hw_answer_field(a, "mapped", NULL, hw_size(s->maps.bytes));
	if (s->accounts && a->is_json)
		kernel_json(a, s);
	else if (s->accounts)
		kernel_text(a, session, s);
	hw_owners(a, &s->maps);
	hw_ledger_json(a, heaps);
	heaps_text(a, session, heaps);
	reconcile_json(a, s);
	if (a->is_json) {
		hw_answer_list(a, "findings", NULL);
		hw_answer_list_end(a);
	}
	remarks_text(a, s);
	hw_answer_completeness(a, &session->notes, true);
}
