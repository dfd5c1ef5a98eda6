/* SPDX-License-Identifier: Apache-2.0 */
/* Groups goroutines in two steps: by the pcs of their stacks as they come, which costs no
 * names, and then those groups by what the pcs stand for. So a million goroutines cost as
 * many names as they have different stacks. */
#include "query/goroutines.h"
#include "base/error.h"
#include "base/progress.h"
#include <inttypes.h>
#include <string.h>

/* Goroutines with equal pcs. */
struct raw {
	const struct hw_plugin *plugin;
	void *handle;
	const char *state, *status;
	hw_addr created_pc;
	hw_addr *pcs;
	uint32_t pc_count;
	uint32_t flags;
	uint32_t hash;
	/* Not part of what makes two equal. */
	GArray *ids;
	uint64_t parent;
	int64_t wait_longest_ns, wait_shortest_ns, wait_about_ns;
	uint64_t stack_bytes;
};

struct gather {
	struct hw_tasks *tasks;
	GHashTable *raws; /* struct raw * to itself. */
	GPtrArray *order; /* The same, as first met. */
	const char *state;
};

static guint hash_raw(gconstpointer item)
{
	return ((const struct raw *)item)->hash;
}

static gboolean equal_raws(gconstpointer a, gconstpointer b)
{
	const struct raw *x = a, *y = b;

	return x->hash == y->hash && x->handle == y->handle && x->state == y->state &&
	       x->status == y->status && x->created_pc == y->created_pc && x->flags == y->flags &&
	       x->pc_count == y->pc_count &&
	       (!x->pc_count || memcmp(x->pcs, y->pcs, x->pc_count * sizeof(*x->pcs)) == 0);
}

static void set_hash(struct raw *r)
{
	uint64_t h = (uintptr_t)r->state ^ r->created_pc ^ (uint64_t)r->flags << 40;

	for (uint32_t i = 0; i < r->pc_count; i++)
		h = (h ^ r->pcs[i]) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
	r->hash = (uint32_t)(h ^ h >> 32);
}

static void free_raw(gpointer item)
{
	struct raw *r = item;

	g_free(r->pcs);
	g_array_unref(r->ids);
	g_free(r);
}

static struct raw *find_raw(struct gather *g, struct raw *key)
{
	struct raw *r;

	set_hash(key);
	r = g_hash_table_lookup(g->raws, key);
	if (r)
		return r;
	r = g_memdup2(key, sizeof(*key));
	r->pcs = g_memdup2(key->pcs, key->pc_count * sizeof(*key->pcs));
	r->ids = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	r->wait_longest_ns = r->wait_shortest_ns = r->wait_about_ns = -1;
	g_hash_table_add(g->raws, r);
	g_ptr_array_add(g->order, r);
	return r;
}

static void count_state(struct hw_tasks *t, const char *state)
{
	struct hw_task_state entry = {state, 1};

	for (guint i = 0; i < t->states->len; i++) {
		struct hw_task_state *s = &g_array_index(t->states, struct hw_task_state, i);

		if (g_str_equal(s->state, state)) {
			s->count++;
			return;
		}
	}
	g_array_append_val(t->states, entry);
}

static void add_wait(int64_t *longest, int64_t *shortest, int64_t ns)
{
	if (ns < 0)
		return;
	*longest = MAX(*longest, ns);
	*shortest = *shortest < 0 ? ns : MIN(*shortest, ns);
}

static bool gather_one(void *arg, const struct hw_plugin *plugin, void *handle,
		       const struct hw_goroutine *found)
{
	struct gather *g = arg;
	struct raw key = {
	    .plugin = plugin,
	    .handle = handle,
	    .state = found->state,
	    .status = found->status,
	    .created_pc = found->created_pc,
	    .flags = found->flags,
	    .pcs = (hw_addr *)(uintptr_t)found->pcs,
	    .pc_count = found->pc_count,
	};
	struct raw *r;

	if (found->flags & HW_GOROUTINE_UNREAD) {
		g->tasks->unread += found->id;
		return true;
	}
	g->tasks->total++;
	if (found->flags & HW_GOROUTINE_SYSTEM)
		g->tasks->system++;
	else
		count_state(g->tasks, found->state);
	if (g->tasks->total % 65536 == 0)
		hw_progress("reading goroutines", g->tasks->total, 0);
	if (g->state && !g_str_equal(g->state, found->state) &&
	    !g_str_equal(g->state, found->status))
		return true;
	r = find_raw(g, &key);
	if (!r->ids->len)
		r->parent = found->parent;
	else if (r->parent != found->parent)
		r->parent = 0;
	g_array_append_val(r->ids, found->id);
	add_wait(&r->wait_longest_ns, &r->wait_shortest_ns, found->wait_ns);
	r->wait_about_ns = MAX(r->wait_about_ns, found->wait_about_ns);
	r->stack_bytes += found->stack_end - found->stack_start;
	return true;
}

/* Names. */

struct call_list {
	GStringChunk *strings;
	GArray *calls;
};

static void keep_call(void *self, const struct hw_call *call)
{
	struct call_list *list = self;
	g_autofree char *function = g_utf8_make_valid(call->function, -1);
	struct hw_task_call kept = {
	    .function = g_string_chunk_insert_const(list->strings, function),
	    .line = call->line,
	    .flags = call->flags,
	    .pc = call->pc,
	};

	if (call->file) {
		g_autofree char *file = g_utf8_make_valid(call->file, -1);

		kept.file = g_string_chunk_insert_const(list->strings, file);
	}
	g_array_append_val(list->calls, kept);
}

static GArray *list_calls(GStringChunk *strings, const struct hw_plugin *plugin, void *handle,
			  const hw_addr *pcs, uint32_t count)
{
	struct call_list list = {.strings = strings};

	list.calls = g_array_new(FALSE, FALSE, sizeof(struct hw_task_call));
	if (count)
		plugin->frames(handle, pcs, count, keep_call, &list);
	return list.calls;
}

/* The statement at pc as the runtime's "created by" has it: the function that the code is
 * part of, the file and line of what was inlined there. Free with g_free(). */
static struct hw_task_call *find_creator(GStringChunk *strings, const struct hw_plugin *plugin,
					 void *handle, hw_addr pc)
{
	g_autoptr(GArray) calls = list_calls(strings, plugin, handle, &pc, pc ? 1 : 0);
	struct hw_task_call *creator;

	if (!calls->len)
		return NULL;
	creator = g_memdup2(calls->data, sizeof(*creator));
	creator->function = g_array_index(calls, struct hw_task_call, calls->len - 1).function;
	creator->flags = 0;
	return creator;
}

static void append_call(GString *key, const struct hw_task_call *call)
{
	if (call)
		g_string_append_printf(key, "%s\n%s\n%u\n", call->function,
				       call->file ? call->file : "", call->line);
}

/* What makes two groups one. Free with g_free(). */
static char *group_key(const struct hw_task_group *g)
{
	GString *key = g_string_new(NULL);

	g_string_append_printf(key, "%s\n%s\n%u\n", g->state, g->status, g->flags);
	append_call(key, g->creator);
	g_string_append_c(key, '\n');
	for (guint i = 0; i < g->calls->len; i++) {
		const struct hw_task_call *call = &g_array_index(g->calls, struct hw_task_call, i);

		if (!(call->flags & HW_CALL_HIDDEN))
			append_call(key, call);
	}
	return g_string_free(key, FALSE);
}

static void clear_group(gpointer item)
{
	struct hw_task_group *g = item;

	g_array_unref(g->ids);
	g_array_unref(g->calls);
	g_free(g->creator);
}

static void merge_group(struct hw_task_group *to, struct hw_task_group *from)
{
	g_array_append_vals(to->ids, from->ids->data, from->ids->len);
	if (to->parent != from->parent)
		to->parent = 0;
	add_wait(&to->wait_longest_ns, &to->wait_shortest_ns, from->wait_longest_ns);
	add_wait(&to->wait_longest_ns, &to->wait_shortest_ns, from->wait_shortest_ns);
	to->wait_about_ns = MAX(to->wait_about_ns, from->wait_about_ns);
	to->stack_bytes += from->stack_bytes;
	clear_group(from);
}

static bool is_wanted(const struct hw_task_group *g, const struct hw_task_request *request)
{
	return !request->creator || (g->creator && strstr(g->creator->function, request->creator));
}

static void name_group(struct hw_tasks *t, const struct hw_task_request *request, GHashTable *known,
		       const struct raw *r)
{
	struct hw_task_group group = {
	    .state = r->state,
	    .status = r->status,
	    .flags = r->flags,
	    .ids = g_array_ref(r->ids),
	    .calls = list_calls(t->strings, r->plugin, r->handle, r->pcs, r->pc_count),
	    .creator = find_creator(t->strings, r->plugin, r->handle, r->created_pc),
	    .parent = r->parent,
	    .wait_longest_ns = r->wait_longest_ns,
	    .wait_shortest_ns = r->wait_shortest_ns,
	    .wait_about_ns = r->wait_about_ns,
	    .stack_bytes = r->stack_bytes,
	};
	char *key;
	guint at;

	if (!is_wanted(&group, request)) {
		clear_group(&group);
		return;
	}
	t->matched += r->ids->len;
	key = group_key(&group);
	at = GPOINTER_TO_UINT(g_hash_table_lookup(known, key));
	if (at) {
		g_free(key);
		merge_group(&g_array_index(t->groups, struct hw_task_group, at - 1), &group);
		return;
	}
	g_array_append_val(t->groups, group);
	g_hash_table_insert(known, key, GUINT_TO_POINTER(t->groups->len));
}

static gint by_id(gconstpointer a, gconstpointer b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int hw_task_group_compare(const void *a, const void *b)
{
	const struct hw_task_group *x = a, *y = b;

	if (x->ids->len != y->ids->len)
		return x->ids->len < y->ids->len ? 1 : -1;
	return by_id(x->ids->data, y->ids->data);
}

static gint by_state_count(gconstpointer a, gconstpointer b)
{
	const struct hw_task_state *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->state, y->state);
}

struct hw_tasks *hw_tasks_query(struct hw_session *s, const struct hw_task_request *request,
				GError **error)
{
	struct hw_tasks *t = g_new0(struct hw_tasks, 1);
	g_autoptr(GHashTable) raws = g_hash_table_new(hash_raw, equal_raws);
	g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func(free_raw);
	g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct gather gather = {.tasks = t, .raws = raws, .order = order, .state = request->state};

	t->states = g_array_new(FALSE, FALSE, sizeof(struct hw_task_state));
	t->groups = g_array_new(FALSE, FALSE, sizeof(struct hw_task_group));
	g_array_set_clear_func(t->groups, clear_group);
	t->strings = g_string_chunk_new(4096);
	if (!hw_heaps_goroutines(s->heaps, gather_one, &gather, &t->is_known, error)) {
		hw_tasks_free(t);
		return NULL;
	}
	for (guint i = 0; i < order->len; i++) {
		hw_progress("naming stacks", i, order->len);
		name_group(t, request, known, order->pdata[i]);
	}
	for (guint i = 0; i < t->groups->len; i++)
		g_array_sort(g_array_index(t->groups, struct hw_task_group, i).ids, by_id);
	g_array_sort(t->groups, hw_task_group_compare);
	g_array_sort(t->states, by_state_count);
	hw_target_check(s->target, &s->notes);
	return t;
}

void hw_tasks_free(struct hw_tasks *t)
{
	if (!t)
		return;
	g_array_unref(t->states);
	g_array_unref(t->groups);
	g_string_chunk_free(t->strings);
	g_free(t);
}

/* One goroutine. */

struct search {
	uint64_t id;
	struct hw_task *found;
};

static void keep_labels(struct hw_task *t, const struct hw_goroutine *found)
{
	for (uint32_t i = 0; i < found->label_count; i++) {
		g_ptr_array_add(t->labels, g_utf8_make_valid(found->labels[i].key, -1));
		g_ptr_array_add(t->labels, g_utf8_make_valid(found->labels[i].value, -1));
	}
}

static bool keep_wanted(void *arg, const struct hw_plugin *plugin, void *handle,
			const struct hw_goroutine *found)
{
	struct search *search = arg;
	g_autoptr(GArray) start = NULL;
	struct hw_task *t;

	if (found->flags & HW_GOROUTINE_UNREAD || found->id != search->id)
		return true;
	t = search->found = g_new0(struct hw_task, 1);
	t->strings = g_string_chunk_new(4096);
	t->info = *found;
	t->info.pcs = NULL;
	t->info.labels = NULL;
	t->labels = g_ptr_array_new_with_free_func(g_free);
	keep_labels(t, found);
	t->calls = list_calls(t->strings, plugin, handle, found->pcs, found->pc_count);
	t->creator = find_creator(t->strings, plugin, handle, found->created_pc);
	t->start = find_creator(t->strings, plugin, handle, found->start_pc);
	return false;
}

struct hw_task *hw_task_query(struct hw_session *s, uint64_t id, GError **error)
{
	struct search search = {.id = id};
	bool known = false;

	if (!hw_heaps_goroutines(s->heaps, keep_wanted, &search, &known, error)) {
		hw_task_free(search.found);
		return NULL;
	}
	hw_target_check(s->target, &s->notes);
	if (!search.found)
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    known ? "there is no goroutine %" PRIu64
				  : "there is no goroutine %" PRIu64
				    ": no Go runtime was found in the target",
			    id);
	return search.found;
}

void hw_task_free(struct hw_task *t)
{
	if (!t)
		return;
	g_array_unref(t->calls);
	g_ptr_array_unref(t->labels);
	g_free(t->creator);
	g_free(t->start);
	g_string_chunk_free(t->strings);
	g_free(t);
}
