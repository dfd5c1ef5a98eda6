/* SPDX-License-Identifier: Apache-2.0 */
/* Heaps of a target: which plugins match, what they found, their ledgers. */
#include "base/error.h"
#include "base/stop.h"
#include "heap/private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const hw_row_names[HW_ROWS] = {"live",      "overhead", "cached", "free",
					   "lazy",      "released", "stacks", "metadata",
					   "untouched", "unknown"};
const char *const hw_state_names[HW_STATES] = {"live", "cached", "free"};
const char *const hw_confidence_names[3] = {"exact", "conservative", "guessed"};
const char *const hw_owner_names[HW_OWNERS] = {"unknown", "module", "heap", "stack",
					       "file",    "anon",   "vdso"};

static void clear_arena(gpointer item)
{
	g_free(((struct hw_arena_ledger *)item)->name);
}

static void free_heap(gpointer item)
{
	struct hw_heap *heap = item;

	g_free(heap->name);
	g_free(heap->version);
	g_free(heap->how);
	g_array_unref(heap->arenas);
	g_free(heap);
}

static void free_instance(gpointer item)
{
	struct hw_instance *in = item;

	if (in->handle)
		in->plugin->close(in->handle);
	g_clear_error(&in->failure);
	g_free(in);
}

/* Moves the plugin's own reason to *error, or makes one up. */
static bool take_failure(struct hw_instance *in, const char *doing, GError **error)
{
	if (hw_stop_requested()) {
		g_clear_error(&in->failure);
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	} else if (in->failure) {
		g_propagate_error(error, g_steal_pointer(&in->failure));
	} else {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "plugin %s: %s failed",
			    in->plugin->name, doing);
	}
	return false;
}

/* A claim with its name, while claims are put in order. */
struct named_claim {
	struct hw_claimed claim;
	const char *name;
};

static int compare_claims(gconstpointer a, gconstpointer b)
{
	const struct named_claim *x = a, *y = b;

	if (x->claim.start != y->claim.start)
		return x->claim.start < y->claim.start ? -1 : 1;
	if (x->claim.end != y->claim.end)
		return x->claim.end < y->claim.end ? -1 : 1;
	return x->claim.heap < y->claim.heap ? -1 : x->claim.heap > y->claim.heap;
}

static void own_range(struct hw_heaps *heaps, uint32_t heap, hw_addr start, hw_addr end,
		      const char *name)
{
	const struct hw_heap *owner = heaps->heaps->pdata[heap];
	g_autofree char *full =
	    g_strdup_printf("[%s:%s %s]", owner->plugin->name, owner->name, name);

	if (!hw_memory_claim(heaps->memory, start, end, full))
		hw_notes_missing(heaps->notes, "out-of-memory", NULL,
				 "no memory to give 0x%" PRIx64 " to %s", start, full);
}

/* Sorts the claims from `first` on and gives the ranges to their heaps, neighbours of
 * one name in one go. */
static void settle_claims(struct hw_heaps *heaps, guint first)
{
	guint count = heaps->claims->len - first;
	g_autofree struct named_claim *sorted = g_new0(struct named_claim, count + 1);

	for (guint i = 0; i < count; i++) {
		sorted[i].claim = g_array_index(heaps->claims, struct hw_claimed, first + i);
		sorted[i].name = heaps->claim_names->pdata[first + i];
	}
	qsort(sorted, count, sizeof(*sorted), compare_claims);
	for (guint i = 0, next; i < count; i = next) {
		struct hw_claimed run = sorted[i].claim;

		for (next = i + 1; next < count; next++) {
			const struct named_claim *c = &sorted[next];

			if (c->claim.start > run.end || c->claim.heap != run.heap ||
			    c->claim.kind != run.kind || strcmp(c->name, sorted[i].name) != 0)
				break;
			run.end = MAX(run.end, c->claim.end);
		}
		if (run.kind == HW_CLAIM_HEAP)
			own_range(heaps, run.heap, run.start, run.end, sorted[i].name);
	}
	for (guint i = 0; i < count; i++)
		g_array_index(heaps->claims, struct hw_claimed, first + i) = sorted[i].claim;
}

static int compare_claimed(gconstpointer a, gconstpointer b)
{
	const struct hw_claimed *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* A heap's claim may have thousands of others inside (stacks, tables). For each claim, one more
 * than the index of the nearest one before it that is a heap's and, if it is one itself, reaches
 * further; 0: there is none. */
static void find_around(struct hw_heaps *heaps)
{
	const struct hw_claimed *claims =
	    (const struct hw_claimed *)(const void *)heaps->claims->data;

	g_array_set_size(heaps->around, heaps->claims->len);
	for (guint i = 0; i < heaps->claims->len; i++) {
		const hw_addr end = claims[i].kind == HW_CLAIM_HEAP ? claims[i].end : 0;
		guint k = i;

		while (k && (claims[k - 1].kind != HW_CLAIM_HEAP || claims[k - 1].end <= end))
			k = g_array_index(heaps->around, guint, k - 1);
		g_array_index(heaps->around, guint, i) = k;
	}
}

/* Two heaps that claim the same bytes count them twice: say so. */
static void check_overlaps(struct hw_heaps *heaps)
{
	const struct hw_claimed *furthest = NULL;

	g_array_sort(heaps->claims, compare_claimed);
	for (guint i = 0; i < heaps->claims->len; i++) {
		const struct hw_claimed *c = &g_array_index(heaps->claims, struct hw_claimed, i);

		if (furthest && c->start < furthest->end && c->heap != furthest->heap) {
			const struct hw_heap *a = heaps->heaps->pdata[furthest->heap];
			const struct hw_heap *b = heaps->heaps->pdata[c->heap];

			hw_notes_missing(heaps->notes, "heap-overlap", NULL,
					 "%s:%s and %s:%s both claim 0x%" PRIx64 " to 0x%" PRIx64,
					 a->plugin->name, a->name, b->plugin->name, b->name,
					 c->start, MIN(c->end, furthest->end));
		}
		if (!furthest || c->end > furthest->end)
			furthest = c;
	}
}

static bool open_plugin(struct hw_heaps *heaps, const struct hw_plugin *plugin, GError **error)
{
	struct hw_instance *in = g_new0(struct hw_instance, 1);
	guint first = heaps->claims->len, heap = heaps->heaps->len;

	in->heaps = heaps;
	in->plugin = plugin;
	in->ledger_of = UINT32_MAX;
	hw_host_init(in);
	g_ptr_array_add(heaps->instances, in);
	if (plugin->probe(&in->host) <= 0)
		return true;
	in->handle = plugin->open(&in->host);
	if (!in->handle) {
		if (hw_stop_requested())
			return take_failure(in, "open", error);
		/* The others may still answer. */
		hw_notes_missing(heaps->notes, "plugin-failed", NULL, "%s",
				 in->failure ? in->failure->message
					     : "a plugin could not open its heap");
		g_clear_error(&in->failure);
		return true;
	}
	for (; heap < heaps->heaps->len; heap++)
		((struct hw_heap *)heaps->heaps->pdata[heap])->instance = in;
	settle_claims(heaps, first);
	return true;
}

struct hw_heaps *hw_heaps_new(const struct hw_plugins *plugins, struct hw_memory *memory,
			      struct hw_modules *modules, const struct hw_thread_state *threads,
			      struct hw_notes *notes, GError **error)
{
	struct hw_heaps *heaps = g_new0(struct hw_heaps, 1);

	heaps->plugins = plugins;
	heaps->memory = memory;
	heaps->modules = modules;
	heaps->threads = threads;
	heaps->notes = notes;
	heaps->instances = g_ptr_array_new_with_free_func(free_instance);
	heaps->heaps = g_ptr_array_new_with_free_func(free_heap);
	heaps->claims = g_array_new(FALSE, TRUE, sizeof(struct hw_claimed));
	heaps->around = g_array_new(FALSE, TRUE, sizeof(guint));
	heaps->claim_names = g_ptr_array_new_with_free_func(g_free);
	heaps->locks = g_array_new(FALSE, TRUE, sizeof(struct hw_lock));
	heaps->types = g_ptr_array_new_with_free_func(g_free);
	heaps->type_ids = g_hash_table_new(g_str_hash, g_str_equal);
	g_ptr_array_add(heaps->types, g_strdup(""));

	for (guint i = 0; i < plugins->list->len; i++) {
		if (!open_plugin(heaps, plugins->list->pdata[i], error)) {
			hw_heaps_free(heaps);
			return NULL;
		}
	}
	check_overlaps(heaps);
	find_around(heaps);
	hw_other_allocators(heaps);
	return heaps;
}

void hw_heaps_free(struct hw_heaps *heaps)
{
	if (!heaps)
		return;
	g_ptr_array_unref(heaps->instances);
	g_ptr_array_unref(heaps->heaps);
	g_array_unref(heaps->claims);
	g_array_unref(heaps->around);
	g_ptr_array_unref(heaps->claim_names);
	g_array_unref(heaps->locks);
	g_hash_table_unref(heaps->type_ids);
	g_ptr_array_unref(heaps->types);
	g_free(heaps);
}

uint32_t hw_heaps_count(const struct hw_heaps *heaps)
{
	return heaps->heaps->len;
}

struct hw_heap *hw_heaps_at(struct hw_heaps *heaps, uint32_t index)
{
	return heaps->heaps->pdata[index];
}

static bool sums_match(const struct hw_heap *heap)
{
	uint64_t rows[HW_ROWS] = {0}, total = 0;

	for (guint i = 0; i < heap->arenas->len; i++) {
		const struct hw_ledger *l =
		    &g_array_index(heap->arenas, struct hw_arena_ledger, i).ledger;
		uint64_t sum = 0;

		for (int row = 0; row < HW_ROWS; row++) {
			rows[row] += l->bytes[row];
			sum += l->bytes[row];
		}
		if (sum != l->mapped)
			return false;
	}
	for (int row = 0; row < HW_ROWS; row++) {
		if (heap->arenas->len && rows[row] != heap->ledger.bytes[row])
			return false;
		total += heap->ledger.bytes[row];
	}
	return total == heap->ledger.mapped &&
	       heap->ledger.releasable <= heap->ledger.bytes[HW_ROW_FREE];
}

bool hw_heaps_ledger(struct hw_heaps *heaps, uint32_t index, GError **error)
{
	struct hw_heap *heap = hw_heaps_at(heaps, index);
	struct hw_instance *in = heap->instance;

	if (heap->has_ledger)
		return true;
	g_array_set_clear_func(heap->arenas, clear_arena);
	heap->ledger.struct_size = sizeof(heap->ledger);
	in->ledger_of = index;
	if (!in->plugin->ledger(in->handle, index, &heap->ledger))
		return take_failure(in, "ledger", error);
	in->ledger_of = UINT32_MAX;
	heap->confidence = MAX(heap->confidence, MIN(heap->ledger.confidence, HW_GUESSED));
	if (!sums_match(heap)) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "plugin %s: the ledger of heap %s does not add up", in->plugin->name,
			    heap->name);
		return false;
	}
	heap->has_ledger = true;
	return true;
}

bool hw_heaps_blocks(struct hw_heaps *heaps, uint32_t index, hw_blocks_fn fn, void *arg,
		     GError **error)
{
	struct hw_heap *heap = hw_heaps_at(heaps, index);
	struct hw_instance *in = heap->instance;
	bool ok;

	in->blocks = fn;
	in->blocks_arg = arg;
	in->blocks_bad = 0;
	in->blocks_next = 0;
	ok = in->plugin->blocks(in->handle, index);
	in->blocks = NULL;
	if (!ok || hw_stop_requested())
		return take_failure(in, "blocks", error);
	if (in->blocks_bad) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "plugin %s: heap %s reported blocks that are empty, overlap or are out "
			    "of order",
			    in->plugin->name, heap->name);
		return false;
	}
	return true;
}

bool hw_heaps_verify(struct hw_heaps *heaps, uint32_t index, GError **error)
{
	struct hw_instance *in = hw_heaps_at(heaps, index)->instance;

	if (in->plugin->verify && !in->plugin->verify(in->handle, index))
		return take_failure(in, "verify", error);
	return true;
}

bool hw_heaps_goroutines(struct hw_heaps *heaps, hw_goroutine_fn fn, void *arg, bool *known_ret,
			 GError **error)
{
	bool known = false;

	for (guint i = 0; i < heaps->instances->len; i++) {
		struct hw_instance *in = heaps->instances->pdata[i];
		bool ok;

		if (!in->handle || !in->plugin->goroutines)
			continue;
		known = true;
		in->goroutine = fn;
		in->goroutine_arg = arg;
		ok = in->plugin->goroutines(in->handle);
		in->goroutine = NULL;
		if (!ok || hw_stop_requested())
			return take_failure(in, "goroutines", error);
	}
	*known_ret = known;
	return true;
}

bool hw_heaps_roots(struct hw_heaps *heaps, const struct hw_root_sink *sink, bool *incomplete_ret,
		    GError **error)
{
	for (guint i = 0; i < heaps->instances->len; i++) {
		struct hw_instance *in = heaps->instances->pdata[i];
		bool ok;

		if (!in->handle || !in->plugin->roots)
			continue;
		in->roots = sink;
		ok = in->plugin->roots(in->handle);
		in->roots = NULL;
		if (hw_stop_requested())
			return take_failure(in, "roots", error);
		if (ok)
			continue;
		*incomplete_ret = true;
		hw_notes_missing(heaps->notes, "roots-failed", NULL, "%s",
				 in->failure ? in->failure->message
					     : "a plugin could not name its roots");
		g_clear_error(&in->failure);
	}
	return true;
}

bool hw_heaps_is_typed(const struct hw_heaps *heaps, uint32_t index)
{
	const struct hw_heap *heap = heaps->heaps->pdata[index];

	return heap->plugin->pointers != NULL;
}

void hw_heaps_pointers(const struct hw_heaps *heaps, uint32_t index, hw_addr start, hw_addr end,
		       uint64_t *bits)
{
	const struct hw_heap *heap = heaps->heaps->pdata[index];
	const size_t bytes = (size_t)((end - start + 511) / 512) * 8;

	memset(bits, 0, bytes);
	if (!heap->plugin->pointers(heap->instance->handle, index, start, end, bits))
		memset(bits, 0xff, bytes);
}

bool hw_heaps_has_views(const struct hw_heaps *heaps, uint32_t index)
{
	const struct hw_heap *heap = heaps->heaps->pdata[index];

	return heap->plugin->view != NULL;
}

bool hw_heaps_view(const struct hw_heaps *heaps, uint32_t index,
		   const struct hw_reference *reference, struct hw_view *ret)
{
	const struct hw_heap *heap = heaps->heaps->pdata[index];
	struct hw_view view = {.struct_size = sizeof(view)};
	uint64_t into;

	if (!heap->plugin->view ||
	    !heap->plugin->view(heap->instance->handle, index, reference, &view))
		return false;
	into = view.start - reference->block;
	if (view.kind >= HW_VIEW_KINDS || view.confidence > HW_GUESSED || into > reference->size ||
	    (view.kind != HW_VIEW_WHOLE && view.length > reference->size - into))
		return false;
	*ret = view;
	return true;
}

void hw_heaps_extent(const struct hw_heaps *heaps, uint32_t index, hw_addr block, uint64_t size,
		     struct hw_extent *ret)
{
	const struct hw_heap *heap = heaps->heaps->pdata[index];
	const struct hw_extent all = {.struct_size = sizeof(all), .below = size ? size - 1 : 0};
	struct hw_extent extent = all;

	if (!heap->plugin->extent ||
	    !heap->plugin->extent(heap->instance->handle, index, block, size, &extent) ||
	    extent.head > size || extent.below >= size)
		extent = all;
	*ret = extent;
}

bool hw_heaps_site(const struct hw_heaps *heaps, uint32_t index, hw_addr block,
		   void (*receiver)(void *self, const struct hw_call *call), void *self)
{
	const struct hw_heap *heap = heaps->heaps->pdata[index];

	return heap->plugin->site &&
	       heap->plugin->site(heap->instance->handle, index, block, receiver, self);
}

static bool has_heap(const struct hw_heaps *heaps, const struct hw_instance *in)
{
	for (guint i = 0; i < heaps->heaps->len; i++)
		if (((const struct hw_heap *)heaps->heaps->pdata[i])->instance == in)
			return true;
	return false;
}

/* The open plugin and its report. NULL with *error set as hw_heaps_report() says. */
static const struct hw_report *find_report(struct hw_heaps *heaps, const char *plugin,
					   const char *report, struct hw_instance **ret,
					   GError **error)
{
	for (guint i = 0; i < heaps->instances->len; i++) {
		struct hw_instance *in = heaps->instances->pdata[i];

		if (strcmp(in->plugin->name, plugin) != 0)
			continue;
		for (uint32_t r = 0; r < in->plugin->report_count; r++) {
			if (strcmp(in->plugin->reports[r].name, report) != 0)
				continue;
			if (!in->handle || !has_heap(heaps, in)) {
				g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
					    "plugin %s: no such heap in %s", plugin,
					    heaps->notes->incomplete
						? "what could be read of this target"
						: "this target");
				return NULL;
			}
			*ret = in;
			return &in->plugin->reports[r];
		}
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "plugin %s has no report '%s'", plugin,
			    report);
		return NULL;
	}
	g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "there is no plugin '%s'", plugin);
	return NULL;
}

bool hw_heaps_report(struct hw_heaps *heaps, const char *plugin, const char *report,
		     const struct hw_emit *out, GError **error)
{
	struct hw_instance *in;
	const struct hw_report *found = find_report(heaps, plugin, report, &in, error);

	return found && (found->run(in->handle, out) || take_failure(in, report, error));
}

bool hw_heaps_report_raw(struct hw_heaps *heaps, const char *plugin, const char *report,
			 const char *format, const struct hw_sink *sink, GError **error)
{
	struct hw_instance *in;
	const struct hw_report *found = find_report(heaps, plugin, report, &in, error);

	if (!found)
		return false;
	if (!hw_report_has_format(found, format)) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "report %s has no format '%s'", report,
			    format);
		return false;
	}
	return found->write(in->handle, format, sink) || take_failure(in, report, error);
}

const struct hw_lock *hw_heaps_locks(const struct hw_heaps *heaps, uint32_t *count_ret)
{
	*count_ret = heaps->locks->len;
	return (const struct hw_lock *)(const void *)heaps->locks->data;
}

const struct hw_claimed *hw_heaps_claims(const struct hw_heaps *heaps, uint32_t *count_ret)
{
	*count_ret = heaps->claims->len;
	return (const struct hw_claimed *)(const void *)heaps->claims->data;
}

struct hw_heap *hw_heaps_owner(struct hw_heaps *heaps, hw_addr addr)
{
	guint low = 0, high = heaps->claims->len;

	while (low < high) { /* First claim that starts above addr. */
		guint mid = low + (high - low) / 2;

		if (g_array_index(heaps->claims, struct hw_claimed, mid).start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	while (low) {
		const struct hw_claimed *c =
		    &g_array_index(heaps->claims, struct hw_claimed, low - 1);

		if (addr < c->end && c->kind == HW_CLAIM_HEAP)
			return heaps->heaps->pdata[c->heap];
		low = g_array_index(heaps->around, guint, low - 1);
	}
	return NULL;
}

const char *hw_heaps_type_name(const struct hw_heaps *heaps, uint32_t type)
{
	return type < heaps->types->len ? heaps->types->pdata[type] : "";
}
