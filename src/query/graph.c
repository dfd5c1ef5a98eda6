/* SPDX-License-Identifier: Apache-2.0 */
/* Builds what the questions about references share, as far as each needs it. */
#include "query/graph.h"
#include "base/progress.h"
#include "query/firsts.h"
#include <string.h>

static bool make_table(struct hw_session *s, GError **error)
{
	hw_progress("reading blocks", 0, 0);
	s->table = hw_table_new(s->heaps, &s->notes, error);
	return s->table != NULL;
}

static bool make_roots(struct hw_session *s, const struct hw_graph_request *request, GError **error)
{
	const struct hw_roots_options options = {.no_anon = request->no_anon};

	hw_progress("unwinding stacks", 0, 0);
	hw_modules_leave_unnamed(s->modules, request->is_unnamed);
	s->stacks = hw_stacks_new(s->memory, s->modules, s->threads, &s->notes, error);
	if (!s->stacks)
		return false;
	hw_progress("reading roots", 0, 0);
	s->roots = hw_roots_new(s->memory, s->modules, s->stacks, s->heaps, s->table, &options,
				&s->notes, error);
	if (s->roots && s->roots->incomplete)
		s->notes.incomplete = true;
	return s->roots != NULL;
}

static bool make_graph(struct hw_session *s, const struct hw_graph_request *request, GError **error)
{
	static const enum hw_graph_level levels[] = {
	    [HW_DEPTH_MARK] = HW_GRAPH_MARK,
	    [HW_DEPTH_PATHS] = HW_GRAPH_PATHS,
	    [HW_DEPTH_DOMINATORS] = HW_GRAPH_DOMINATORS,
	    [HW_DEPTH_ALL] = HW_GRAPH_ALL,
	};
	const struct hw_graph_options options = {
	    .level = levels[request->depth],
	    .threads = request->threads,
	};

	hw_progress("reading references", 0, 0);
	s->graph = hw_graph_new(s->memory, s->table, s->roots, &options, &s->notes, error);
	return s->graph != NULL;
}

bool hw_session_graph(struct hw_session *s, const struct hw_graph_request *request, GError **error)
{
	if (!s->table && !make_table(s, error))
		return false;
	if (request->depth == HW_DEPTH_TABLE)
		return true;
	if (!s->roots && !make_roots(s, request, error))
		return false;
	return s->graph || make_graph(s, request, error);
}

bool hw_session_is_complete(const struct hw_session *s)
{
	return !s->notes.incomplete && !s->notes.damage_count &&
	       !(s->roots && s->roots->incomplete);
}

/* First ref of a root >= root; refs are by root. */
static uint64_t lower_bound(const struct hw_roots *roots, uint64_t root)
{
	uint64_t low = 0, high = roots->ref_count;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (roots->refs[middle].root < root)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void hw_session_root_refs(const struct hw_session *s, uint32_t root, uint64_t *first_ret,
			  uint64_t *end_ret)
{
	*first_ret = lower_bound(s->roots, root);
	*end_ret = lower_bound(s->roots, (uint64_t)root + 1);
}

static bool register_word(const struct hw_session *s, const struct hw_root_node *node,
			  uint64_t *ret)
{
	/* user_regs_struct's order, as in struct hw_thread. */
	static const char *const names[] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11",
					    "r10", "r9",  "r8",  "rax", "rcx", "rdx", "rsi",
					    "rdi", NULL,  "rip", NULL,  NULL,  "rsp"};
	const struct hw_target *target = s->target;

	for (uint32_t i = 0; i < target->thread_count; i++) {
		if (target->threads[i].tid != node->tid)
			continue;
		for (size_t r = 0; r < G_N_ELEMENTS(names); r++) {
			if (names[r] && g_strcmp0(names[r], node->name) == 0) {
				*ret = target->threads[i].regs[r];
				return true;
			}
		}
	}
	return false;
}

bool hw_session_root_word(const struct hw_session *s, const struct hw_root_ref *ref, uint64_t *ret)
{
	const struct hw_root_node *node = &s->roots->nodes[ref->root];

	if (ref->slot)
		return hw_memory_word(s->memory, ref->slot, ret);
	if (node->value) {
		*ret = node->value;
		return true;
	}
	return register_word(s, &s->roots->nodes[ref->root], ret);
}

/* Is there a heap whose plugin names every root, and so types of what has no name? */
static bool has_own_roots(const struct hw_session *s)
{
	for (uint32_t i = 0; i < hw_heaps_count(s->heaps); i++)
		if (hw_heaps_at(s->heaps, i)->flags & HW_HEAP_OWN_ROOTS)
			return true;
	return false;
}

/* Variables without a name: of the type that what they point at tells. */
static void type_roots(struct hw_session *s)
{
	const uint32_t count = s->roots && has_own_roots(s) ? s->roots->count : 0;

	for (uint32_t i = 0; i < count; i++) {
		struct hw_root_node *node = &s->roots->nodes[i];
		g_autofree char *valid = NULL;
		char text[4096];

		if (node->kind != HW_ROOT_GLOBAL || node->type || node->size != 8 ||
		    !hw_heaps_variable_type(s->heaps, node->addr, text, sizeof(text)))
			continue;
		valid = g_utf8_make_valid(text, -1);
		node->type = g_string_chunk_insert_const(s->roots->strings, valid);
	}
}

/* Only questions that name types pay for them. */
void hw_session_types(struct hw_session *s)
{
	if (s->has_types)
		return;
	s->has_types = true;
	hw_progress("working out types", 0, 0);
	hw_heaps_types(s->heaps, NULL);
	type_roots(s);
}

void hw_session_root_types(struct hw_session *s)
{
	for (uint32_t i = 0; !s->has_types && has_own_roots(s) && i < s->roots->count; i++)
		if (s->roots->nodes[i].kind == HW_ROOT_GLOBAL && !s->roots->nodes[i].type)
			hw_session_types(s);
}

static bool plugin_type(struct hw_session *s, uint32_t block, struct hw_typed *ret)
{
	hw_session_types(s);
	return hw_heaps_type_of(s->heaps, hw_table_heap(s->table, block),
				hw_table_addr(s->table, block), ret);
}

const char *hw_session_type(struct hw_session *s, uint32_t block)
{
	const char *name = hw_heaps_type_name(s->heaps, hw_table_type(s->table, block));
	const struct hw_first *first;
	struct hw_typed typed;

	if (*name)
		return name;
	if (plugin_type(s, block, &typed))
		return hw_heaps_type_name(s->heaps, typed.type);
	if (hw_table_is_collected(s->table, block))
		return NULL;
	first = hw_firsts_find(s, block);
	return first ? first->type : NULL;
}

const char *hw_session_type_from(struct hw_session *s, uint32_t block)
{
	struct hw_typed typed;

	if (hw_table_type(s->table, block))
		return "allocator";
	if (plugin_type(s, block, &typed))
		return typed.how;
	return hw_session_type(s, block) ? "vtable" : NULL;
}

static char *field_text(struct hw_session *s, hw_addr slot, uint32_t flags)
{
	char text[4096];

	hw_session_types(s);
	if (!slot || !hw_heaps_field(s->heaps, slot, flags, text, sizeof(text)))
		return NULL;
	return g_utf8_make_valid(text, -1);
}

char *hw_session_field(struct hw_session *s, hw_addr slot, bool strings)
{
	return field_text(s, slot, strings ? HW_FIELD_STRINGS : 0);
}

char *hw_session_short_field(struct hw_session *s, hw_addr slot, bool strings)
{
	return field_text(s, slot, HW_FIELD_SHORT | (strings ? HW_FIELD_STRINGS : 0));
}

char *hw_session_inside(struct hw_session *s, uint32_t block)
{
	char text[4096];

	hw_session_types(s);
	if (!hw_heaps_inside(s->heaps, hw_table_heap(s->table, block),
			     hw_table_addr(s->table, block), text, sizeof(text)))
		return NULL;
	return g_utf8_make_valid(text, -1);
}

bool hw_session_is_inside(struct hw_session *s, uint32_t block)
{
	char text[2];

	hw_session_types(s);
	return hw_heaps_inside(s->heaps, hw_table_heap(s->table, block),
			       hw_table_addr(s->table, block), text, sizeof(text));
}
