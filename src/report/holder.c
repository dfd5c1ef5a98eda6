/* SPDX-License-Identifier: Apache-2.0 */
/* Names for holders. The target's contents stay out: a holder is named by symbols,
 * threads, addresses and sizes. */
#include "report/holder.h"
#include "query/named.h"
#include <inttypes.h>
#include <string.h>

static void append_place(GString *to, const struct hw_root_node *r)
{
	if (r->function)
		g_string_append_printf(to, " in %s()", r->function);
	else if (r->module && r->kind != HW_ROOT_EXTERNAL)
		g_string_append_printf(to, " in %s", r->module);
	if (r->file && r->line > 0)
		g_string_append_printf(to, ", %s:%d", r->file, r->line);
	else if (r->file)
		g_string_append_printf(to, ", %s", r->file);
	if (r->goroutine)
		g_string_append_printf(to, ", goroutine %" PRIu64, r->goroutine);
	else if (r->tid)
		g_string_append_printf(to, ", thread %d", r->tid);
	if (r->frame >= 0 && (r->tid || r->goroutine) && r->kind != HW_ROOT_TLS &&
	    r->kind != HW_ROOT_GLOBAL)
		g_string_append_printf(to, ", frame %d", r->frame);
}

char *hw_holder_root_name(const struct hw_root_node *r)
{
	GString *text = g_string_new(r->name ? r->name : "(no name)");

	append_place(text, r);
	return g_string_free(text, FALSE);
}

char *hw_holder_root(const struct hw_root_node *r)
{
	static const char *const words[HW_ROOT_KINDS] = {
	    "global", "thread-local", "local", "register", "stack", "", "finalizer", "", "",
	};
	g_autofree char *name = hw_holder_root_name(r);
	const char *word = r->kind < HW_ROOT_KINDS ? words[r->kind] : "";

	return g_strdup_printf("%s%s%s", word, *word ? " " : "", name);
}

static struct hw_value count_or_null(bool is_known, int64_t count)
{
	return is_known ? hw_id((uint64_t)count) : hw_null();
}

void hw_holder_root_json(struct hw_answer *a, const char *key, const struct hw_root_node *r)
{
	const bool has_frame = r->frame >= 0 && (r->tid || r->goroutine) && r->kind != HW_ROOT_TLS;

	hw_answer_begin(a, key, NULL);
	hw_answer_field(a, "kind", NULL,
			hw_text(hw_root_kind_names[MIN(r->kind, HW_ROOT_KINDS - 1)]));
	hw_answer_field(a, "name", NULL, hw_text(r->name));
	hw_answer_field(a, "type", NULL, hw_text(r->type));
	hw_answer_field(a, "module", NULL, hw_text(r->module));
	hw_answer_field(a, "thread", NULL, count_or_null(r->tid != 0, r->tid));
	hw_answer_field(a, "goroutine", NULL, r->goroutine ? hw_id(r->goroutine) : hw_null());
	hw_answer_field(a, "frame", NULL, count_or_null(has_frame, r->frame));
	hw_answer_field(a, "function", NULL, hw_text(r->function));
	hw_answer_field(a, "file", NULL, hw_text(r->file));
	hw_answer_field(a, "line", NULL, count_or_null(r->line > 0, r->line));
	hw_answer_field(a, "address", NULL, r->addr ? hw_address(r->addr) : hw_null());
	hw_answer_field(a, "size", NULL, hw_size(r->size));
	hw_answer_field(a, "note", NULL, hw_text(r->note));
	hw_answer_end(a);
}

char *hw_holder_block(const struct hw_answer *a, struct hw_session *s, uint32_t block)
{
	g_autofree char *size = hw_answer_size(a, hw_table_size(s->table, block));
	const char *type = hw_session_type(s, block);

	return g_strdup_printf("0x%" PRIx64 ", %s%s%s", hw_table_addr(s->table, block), size,
			       type ? ", " : "", type ? type : "");
}

void hw_holder_named_json(struct hw_answer *a, const GArray *named)
{
	hw_answer_list(a, "types", NULL);
	for (guint i = 0; i < named->len; i++) {
		const struct hw_named *n = &g_array_index(named, struct hw_named, i);

		hw_answer_begin(a, NULL, NULL);
		hw_answer_field(a, "type", NULL, hw_text(n->type));
		hw_answer_field(a, "blocks", NULL, hw_count(n->blocks));
		hw_answer_field(a, "bytes", NULL, hw_size(n->bytes));
		hw_answer_end(a);
	}
	hw_answer_list_end(a);
}

void hw_holder_named_text(struct hw_answer *a, const GArray *named, const char *asked)
{
	char buf[32];

	if (named->len == 1 && strcmp(g_array_index(named, struct hw_named, 0).type, asked) == 0)
		return;
	for (guint i = 0; i < named->len; i++) {
		const struct hw_named *n = &g_array_index(named, struct hw_named, i);
		g_autofree char *bytes = hw_answer_size(a, n->bytes);

		hw_answer_line(a, HW_TONE_PLAIN, "  %s: %s block%s, %s", n->type,
			       hw_text_count(buf, sizeof(buf), n->blocks),
			       n->blocks == 1 ? "" : "s", bytes);
	}
}

char *hw_holder_node(const struct hw_answer *a, struct hw_session *s, uint32_t node)
{
	if (node < s->graph->blocks)
		return hw_holder_block(a, s, node);
	return hw_holder_root(&s->roots->nodes[node - s->graph->blocks]);
}

/* Where in a step the word is that refers to the next one. */
static bool slot_offset(struct hw_session *s, const struct hw_step *step, uint64_t *ret)
{
	const uint32_t blocks = s->graph->blocks;

	if (!step->has_slot || !step->slot)
		return false;
	*ret = step->slot - (step->node < blocks ? hw_table_addr(s->table, step->node)
						 : s->roots->nodes[step->node - blocks].addr);
	return true;
}

static void step_json(struct hw_answer *a, struct hw_session *s, const struct hw_step *step)
{
	const uint32_t blocks = s->graph->blocks;
	const struct hw_root_node *root =
	    step->node < blocks ? NULL : &s->roots->nodes[step->node - blocks];
	uint64_t offset;
	bool has_offset = slot_offset(s, step, &offset);
	g_autofree char *field =
	    step->has_slot ? hw_session_field(s, step->slot, a->has_strings) : NULL;
	g_autofree char *inside = root ? NULL : hw_session_inside(s, step->node);

	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "kind", NULL, hw_text(root ? "root" : "block"));
	hw_answer_field(a, "name", NULL, hw_text(root ? root->name : NULL));
	if (root)
		hw_answer_field(a, "address", NULL,
				root->addr ? hw_address(root->addr) : hw_null());
	else
		hw_answer_field(a, "address", NULL,
				hw_address(hw_table_addr(s->table, step->node)));
	hw_answer_field(a, "type", NULL,
			hw_text(root ? root->type : hw_session_type(s, step->node)));
	hw_answer_field(a, "type_from", NULL,
			hw_text(root ? NULL : hw_session_type_from(s, step->node)));
	hw_answer_field(a, "field", NULL, hw_text(field));
	hw_answer_field(a, "inside", NULL, hw_text(inside));
	hw_answer_field(a, "size", NULL,
			hw_size(root ? root->size : hw_table_size(s->table, step->node)));
	hw_answer_field(a, "offset", NULL, has_offset ? hw_size(offset) : hw_null());
	hw_answer_field(a, "into", NULL, step->has_slot ? hw_size(step->into) : hw_null());
	if (root)
		hw_holder_root_json(a, "root", root);
	else
		hw_answer_field(a, "root", NULL, hw_null());
	hw_answer_end(a);
}

/* What leads from one step to the next, as people write it; NULL: not known. */
static char *step_field(struct hw_answer *a, struct hw_session *s, const struct hw_step *step)
{
	return step->has_slot ? hw_session_short_field(s, step->slot, a->has_strings) : NULL;
}

/* A path as a program would write it: "main.cache[key@0x… len 7].(main.idData).Msg"; NULL when the
 * root is nothing that a program names or a step no field. A root may be a word without a type.
 * Free with g_free(). */
static char *expression(struct hw_answer *a, struct hw_session *s, const struct hw_path *path)
{
	const uint32_t blocks = s->graph->blocks;
	const struct hw_root_node *root =
	    path->count ? &s->roots->nodes[path->steps[0].node - blocks] : NULL;
	g_autoptr(GString) text = NULL;
	bool is_known = false;

	if (path->count < 2 || path->omitted || path->steps[0].node < blocks || !root->name ||
	    root->kind == HW_ROOT_SPECIAL)
		return NULL;
	text = g_string_new(root->name);
	for (uint32_t i = 0; i + 1 < path->count; i++) {
		g_autofree char *field = step_field(a, s, &path->steps[i]);
		uint64_t offset;

		is_known |= field != NULL;
		if (field)
			g_string_append(text, field);
		else if (i)
			return NULL;
		else if (slot_offset(s, &path->steps[i], &offset) && offset)
			g_string_append_printf(text, "[+%" PRIu64 "]", offset);
	}
	return is_known ? g_strdup(text->str) : NULL;
}

void hw_holder_path_json(struct hw_answer *a, struct hw_session *s, const struct hw_path *path)
{
	g_autofree char *written = expression(a, s, path);

	hw_answer_field(a, "expression", NULL, hw_text(written));
	hw_answer_field(a, "length", NULL, hw_count(path->length));
	hw_answer_field(a, "omitted", NULL, hw_count(path->omitted));
	hw_answer_field(a, "omitted_after", NULL,
			path->omitted ? hw_count(HW_PATH_ENDS) : hw_null());
	hw_answer_list(a, "steps", NULL);
	for (uint32_t i = 0; i < path->count; i++)
		step_json(a, s, &path->steps[i]);
	hw_answer_list_end(a);
}

/* Is a step one that people see? Not what a container is made of, but for the ends. */
static bool is_shown(struct hw_session *s, const struct hw_path *path, uint32_t i)
{
	g_autofree char *inside = NULL;

	if (!i || i + 1 == path->count || path->steps[i].node >= s->graph->blocks)
		return true;
	inside = hw_session_inside(s, path->steps[i].node);
	return !inside;
}

uint64_t hw_holder_path_shared(struct hw_session *s, const struct hw_path *path, uint64_t shared)
{
	uint64_t shown = 0;

	if (path->omitted)
		return shared;
	for (uint32_t i = 0; i < MIN(path->count, shared); i++)
		shown += is_shown(s, path, i);
	return shown;
}

/* What leads from one shown step to the next, over those in between. */
static void append_fields(struct hw_answer *a, struct hw_session *s, const struct hw_path *path,
			  uint32_t from, uint32_t to, GString *line)
{
	const gsize before = line->len;

	for (uint32_t i = from; i < to; i++) {
		const struct hw_step *step = &path->steps[i];
		g_autofree char *field = step_field(a, s, step);
		uint64_t offset;

		if (field)
			g_string_append(line, field);
		else if (slot_offset(s, step, &offset) && (offset || step->node < s->graph->blocks))
			g_string_append_printf(line, "[+%" PRIu64 "]", offset);
	}
	if (line->len > before)
		g_string_append_c(line, ' ');
}

/* before: the shown step before; it is omitted when that is not the one before. */
static void step_text(struct hw_answer *a, struct hw_session *s, const struct hw_path *path,
		      uint32_t before, uint32_t i)
{
	const struct hw_step *step = &path->steps[i], *last = i ? step - 1 : NULL;
	g_autofree char *what = hw_holder_node(a, s, step->node);
	g_autoptr(GString) line = g_string_new(i ? "    " : "  ");

	if (last)
		append_fields(a, s, path, before, i, line);
	if (last)
		g_string_append(line, "-> ");
	g_string_append(line, what);
	/* Holds by a container without a block of its own: says which. */
	if (!i && path->count > 2 && step->node >= s->graph->blocks && !is_shown(s, path, 1)) {
		const struct hw_root_node *root = &s->roots->nodes[step->node - s->graph->blocks];

		if (root->type)
			g_string_append_printf(line, " (%s)", root->type);
	}
	if (last && last->has_slot && last->into)
		g_string_append_printf(line, ", %" PRIu64 " bytes in", last->into);
	hw_answer_line(a, HW_TONE_PLAIN, "%s", line->str);
}

void hw_holder_path_text(struct hw_answer *a, struct hw_session *s, const struct hw_path *path,
			 uint32_t most)
{
	uint32_t shown[2 * HW_PATH_ENDS], count = 0, cut, head, tail;
	g_autofree char *written = expression(a, s, path);
	uint64_t hidden;

	if (written)
		hw_answer_line(a, HW_TONE_PLAIN, "  %s", written);
	for (uint32_t i = 0; i < path->count; i++)
		if (is_shown(s, path, i))
			shown[count++] = i;
	/* Where steps were left out: the first shown one behind. */
	for (cut = 0; cut < count && (!path->omitted || shown[cut] < HW_PATH_ENDS);)
		cut++;
	head = tail = cut;
	if (most && count > 2 * most) {
		head = most;
		tail = count - most;
	}
	hidden = path->omitted + (tail - head);
	for (uint32_t i = 0; i < head; i++)
		step_text(a, s, path, i ? shown[i - 1] : 0, shown[i]);
	if (hidden)
		hw_answer_line(a, HW_TONE_DIM, "    ... %" PRIu64 " more step%s ...", hidden,
			       hidden == 1 ? "" : "s");
	for (uint32_t i = tail; i < count; i++)
		step_text(a, s, path,
			  i == tail && hidden ? shown[i] - 1
			  : i                 ? shown[i - 1]
					      : 0,
			  shown[i]);
}

static void spot_json(struct hw_answer *a, struct hw_session *s, const struct hw_spot *spot)
{
	hw_answer_field(a, "address", NULL, hw_address(spot->addr));
	hw_answer_field(a, "state", NULL, hw_text(hw_spot_state_names[spot->state]));
	if (!spot->size) {
		hw_answer_field(a, "block", NULL, hw_null());
		return;
	}
	hw_answer_begin(a, "block", NULL);
	hw_answer_field(a, "address", NULL, hw_address(spot->start));
	hw_answer_field(a, "size", NULL, hw_size(spot->size));
	hw_answer_field(a, "type", NULL,
			hw_text(spot->id != HW_NO_BLOCK ? hw_session_type(s, spot->id) : NULL));
	hw_answer_field(
	    a, "type_from", NULL,
	    hw_text(spot->id != HW_NO_BLOCK ? hw_session_type_from(s, spot->id) : NULL));
	hw_answer_field(a, "offset", NULL, hw_size(spot->addr - spot->start));
	hw_answer_end(a);
}

static const char *spot_verdict(const struct hw_session *s, const struct hw_spot *spot)
{
	switch (spot->state) {
	case HW_SPOT_REACHED:
		return NULL;
	case HW_SPOT_UNREACHED:
		return hw_session_is_complete(s)
			   ? "Unreachable: no root holds it."
			   : "No root that could be read reaches it. Not all that may hold "
			     "references could be read, so it may still be held.";
	case HW_SPOT_INTERNAL:
		return "The allocator's own: in use, but nobody's data, so no holder is looked for.";
	case HW_SPOT_CACHED:
		return "The program freed it: it is parked in a thread's cache.";
	case HW_SPOT_FREE:
		return "The program freed it.";
	case HW_SPOT_NONE:
		return "No block is there ('heapwalk show' tells what is).";
	case HW_SPOT_UNMAPPED:
	default:
		return "Nothing is mapped there.";
	}
}

void hw_holder_spot(struct hw_answer *a, struct hw_session *s, const struct hw_spot *spot)
{
	const char *verdict = spot_verdict(s, spot);
	g_autofree char *what = NULL;

	if (a->is_json) {
		spot_json(a, s, spot);
		return;
	}
	if (spot->id != HW_NO_BLOCK) {
		what = hw_holder_block(a, s, spot->id);
	} else if (spot->size) {
		g_autofree char *size = hw_answer_size(a, spot->size);

		what = g_strdup_printf("0x%" PRIx64 ", %s", spot->start, size);
	}
	if (!what)
		hw_answer_line(a, HW_TONE_TITLE, "0x%" PRIx64, spot->addr);
	else if (spot->addr == spot->start)
		hw_answer_line(a, HW_TONE_TITLE, "Block %s", what);
	else
		hw_answer_line(a, HW_TONE_TITLE, "Block %s; 0x%" PRIx64 " is %" PRIu64 " bytes in",
			       what, spot->addr, spot->addr - spot->start);
	if (verdict)
		hw_answer_line(a, HW_TONE_PLAIN, "%s", verdict);
}

void hw_holder_more(struct hw_answer *a, uint64_t hidden, const char *noun)
{
	char buf[32];

	if (hidden)
		hw_answer_line(a, HW_TONE_DIM, "  and %s more %s%s (--limit shows more)",
			       hw_text_count(buf, sizeof(buf), hidden), noun,
			       hidden == 1 ? "" : "s");
}

void hw_holder_approximate(struct hw_answer *a, struct hw_session *s)
{
	if (!hw_session_is_complete(s)) {
		hw_answer_gap(a);
		hw_answer_line(a, HW_TONE_WARN,
			       "Retained sizes are approximate: a reference that could not be "
			       "read may lower or raise them.");
	}
	hw_answer_completeness(a, &s->notes, false);
}
