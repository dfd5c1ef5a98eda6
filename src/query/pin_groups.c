/* SPDX-License-Identifier: Apache-2.0 */
/* Gives every pin a key, then adds up. */
#include "query/pin_groups.h"
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include <inttypes.h>
#include <string.h>

#define CALLS_MOST 64

const char *const hw_pins_by_names[HW_PINS_BYS] = {"holder", "type", "site"};

static void clear_call(gpointer item)
{
	struct hw_pin_call *call = item;

	g_free(call->function);
	g_free(call->file);
}

static void clear_group(gpointer item)
{
	struct hw_pin_group *group = item;

	if (group->calls)
		g_array_unref(group->calls);
}

void hw_pin_groups_free(struct hw_pin_groups *g)
{
	if (!g)
		return;
	g_array_unref(g->groups);
	g_string_chunk_free(g->strings);
	g_free(g);
}

/* Sites. */

static char *valid(const char *text)
{
	return text ? g_utf8_make_valid(text, -1) : NULL;
}

static void take_call(void *self, const struct hw_call *call)
{
	GArray *calls = self;
	struct hw_pin_call kept;

	if (call->flags & HW_CALL_HIDDEN || calls->len >= CALLS_MOST)
		return;
	kept = (struct hw_pin_call){valid(call->function), valid(call->file), call->line};
	g_array_append_val(calls, kept);
}

GArray *hw_pin_site(struct hw_session *s, uint32_t block)
{
	GArray *calls = g_array_new(FALSE, FALSE, sizeof(struct hw_pin_call));

	g_array_set_clear_func(calls, clear_call);
	if (hw_heaps_site(s->heaps, hw_table_heap(s->table, block), hw_table_addr(s->table, block),
			  take_call, calls) &&
	    calls->len)
		return calls;
	g_array_unref(calls);
	return NULL;
}

/* Keys. */

struct grouping {
	struct hw_session *session;
	struct hw_pin_groups *groups;
	GHashTable *known; /* Key → index + 1; NULL is a key. */
	uint32_t *memo;    /* By block: its nearest root. */
};

/* What tells one place from another for people: neither the goroutine nor the frame. */
static char *root_key(const struct hw_root_node *r)
{
	if (r->function)
		return g_strdup_printf("%s in %s() %s:%d", r->name, r->function,
				       r->file ? r->file : "", r->line);
	return g_strdup_printf("%s in %s, %s", r->name, r->module ? r->module : "",
			       hw_root_kind_names[r->kind]);
}

static char *site_key(const GArray *calls)
{
	GString *key = g_string_new(NULL);

	for (guint i = 0; i < calls->len; i++) {
		const struct hw_pin_call *c = &g_array_index(calls, struct hw_pin_call, i);

		g_string_append_printf(key, "%s%s %s:%u", i ? "\n" : "", c->function,
				       c->file ? c->file : "", c->line);
	}
	return g_string_free(key, FALSE);
}

/* The key of a pin, and what a new group of it begins with. Free with g_free(). */
static char *key_of(struct grouping *g, const struct hw_pin *pin, struct hw_pin_group *model)
{
	struct hw_session *s = g->session;

	switch (g->groups->by) {
	case HW_PINS_HOLDER:
		model->root = hw_path_root(s->graph, g->memo, pin->block);
		return root_key(&s->roots->nodes[model->root]);
	case HW_PINS_TYPE:
		return g_strdup(hw_session_type(s, pin->block));
	case HW_PINS_SITE:
	default:
		model->calls = hw_pin_site(s, pin->block);
		return model->calls ? site_key(model->calls) : NULL;
	}
}

static struct hw_pin_group *group_of(struct grouping *g, const struct hw_pin *pin)
{
	struct hw_pin_group model = {.size_min = pin->size};
	g_autofree char *key = key_of(g, pin, &model);
	gpointer at = g_hash_table_lookup(g->known, key ? key : "");

	if (at) {
		clear_group(&model);
		return &g_array_index(g->groups->groups, struct hw_pin_group,
				      GPOINTER_TO_UINT(at) - 1);
	}
	if (key)
		model.key = g_string_chunk_insert_const(g->groups->strings, key);
	g_array_append_val(g->groups->groups, model);
	g_hash_table_insert(g->known, (gpointer)(uintptr_t)(key ? model.key : ""),
			    GUINT_TO_POINTER(g->groups->groups->len));
	return &g_array_index(g->groups->groups, struct hw_pin_group, g->groups->groups->len - 1);
}

static void add(struct hw_pin_group *group, const struct hw_pin *pin)
{
	group->blocks++;
	group->size += pin->size;
	group->size_min = MIN(group->size_min, pin->size);
	group->size_max = MAX(group->size_max, pin->size);
	group->kinds[pin->sight.kind]++;
	group->confidence = MAX(group->confidence, pin->sight.confidence);
	if (!pin->sight.is_known)
		return;
	group->visible_min =
	    group->known ? MIN(group->visible_min, pin->sight.visible) : pin->sight.visible;
	group->visible_max = MAX(group->visible_max, pin->sight.visible);
	group->known++;
	group->known_size += pin->size;
	group->visible += pin->sight.visible;
	group->wasted += pin->wasted;
	group->slack += pin->sight.slack;
	hw_pins_guessed_add(&group->guessed, pin);
}

static gint by_waste(gconstpointer a, gconstpointer b)
{
	const struct hw_pin_group *x = a, *y = b;

	if (x->wasted != y->wasted)
		return x->wasted < y->wasted ? 1 : -1;
	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return g_strcmp0(x->key, y->key);
}

struct hw_pin_groups *hw_pin_groups_query(struct hw_session *s, const struct hw_pins *pins,
					  enum hw_pins_by by, GError **error)
{
	const size_t count = (size_t)hw_table_count(s->table) + 1;
	struct hw_pin_groups *groups = g_new0(struct hw_pin_groups, 1);
	struct grouping g = {.session = s, .groups = groups};

	groups->by = by;
	groups->strings = g_string_chunk_new(4096);
	groups->groups = g_array_new(FALSE, FALSE, sizeof(struct hw_pin_group));
	g_array_set_clear_func(groups->groups, clear_group);
	g.memo = hw_array_resize(NULL, 0, count, sizeof(*g.memo));
	if (!g.memo) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to group pins");
		hw_pin_groups_free(groups);
		return NULL;
	}
	memset(g.memo, 0xff, count * sizeof(*g.memo));
	g.known = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < pins->pins->len && !hw_stop_requested(); i++) {
		const struct hw_pin *pin = &g_array_index(pins->pins, struct hw_pin, i);

		add(group_of(&g, pin), pin);
	}
	g_hash_table_unref(g.known);
	hw_array_resize(g.memo, count, 0, sizeof(*g.memo));
	g_array_sort(groups->groups, by_waste);
	return groups;
}
