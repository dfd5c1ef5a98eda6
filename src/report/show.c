/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk show`: the mapping, the symbol, the block and the words at an address. The
 * target's contents are private: of a word only an address is told, unless strings
 * were asked for. */
#include "report/fields.h"
#include "report/owners.h"
#include "report/report.h"
#include <inttypes.h>
#include <string.h>

/* "name+0x10", or NULL. */
static char *symbol_text(const struct hw_place *place)
{
	if (!place->symbol)
		return NULL;
	if (!place->symbol_offset)
		return g_strdup(place->symbol);
	return g_strdup_printf("%s+0x%" PRIx64, place->symbol, place->symbol_offset);
}

static void mapping_json(struct hw_answer *a, const struct hw_show *s)
{
	const struct hw_place *p = &s->place;
	const struct hw_mapping *m = p->mapping;
	char perm[4];

	if (!m) {
		hw_answer_field(a, "mapping", NULL, hw_null());
		return;
	}
	hw_answer_begin(a, "mapping", NULL);
	hw_answer_field(a, "start", NULL, hw_address(m->start));
	hw_answer_field(a, "end", NULL, hw_address(m->end));
	hw_answer_field(a, "size", NULL, hw_size(m->end - m->start));
	hw_answer_field(a, "perm", NULL, hw_text(hw_owners_perm(perm, m->perm)));
	hw_answer_field(a, "owner", NULL, hw_text(hw_owner_names[m->owner]));
	hw_answer_field(a, "name", NULL, hw_text(m->name));
	hw_answer_field(a, "module", NULL, hw_text(p->object ? p->object->path : NULL));
	hw_answer_field(a, "module_offset", NULL,
			p->object ? hw_address(s->addr - p->object->start) : hw_null());
	hw_answer_field(a, "symbol", NULL, hw_text(p->symbol));
	hw_answer_field(a, "symbol_offset", NULL,
			p->symbol ? hw_size(p->symbol_offset) : hw_null());
	hw_answer_end(a);
}

static void block_json(struct hw_answer *a, const struct hw_show *s)
{
	const struct hw_block *b = &s->block;
	g_autofree char *label = s->place.heap ? hw_session_heap_label(s->place.heap) : NULL;

	hw_answer_field(a, "heap", NULL, hw_text(label));
	if (!s->has_block) {
		hw_answer_field(a, "block", NULL, hw_null());
		return;
	}
	hw_answer_begin(a, "block", NULL);
	hw_answer_field(a, "address", NULL, hw_address(b->addr));
	hw_answer_field(a, "size", NULL, hw_size(b->size));
	hw_answer_field(a, "state", NULL, hw_text(hw_state_names[b->state]));
	hw_answer_field(a, "heap", NULL, hw_text(label));
	hw_answer_field(a, "arena", NULL, hw_count(b->arena));
	hw_answer_field(a, "type", NULL, hw_text(s->type ? s->type : ""));
	hw_answer_field(a, "type_from", NULL, hw_text(s->type_from));
	hw_answer_field(a, "offset", NULL, hw_size(s->addr - b->addr));
	hw_report_fields_json(a, s);
	hw_answer_end(a);
}

static void place_text(struct hw_answer *a, const struct hw_show *s)
{
	const struct hw_place *p = &s->place;
	const struct hw_mapping *m = p->mapping;
	g_autofree char *symbol = symbol_text(p);
	g_autofree char *size = hw_answer_size(a, m->end - m->start);
	g_autofree char *range = NULL, *module = NULL;
	char perm[4];

	range = g_strdup_printf("0x%" PRIx64 " to 0x%" PRIx64 ", %s, %s", m->start, m->end, size,
				hw_owners_perm(perm, m->perm));
	hw_answer_field(a, NULL, "mapping", hw_text(range));
	hw_answer_field(a, NULL, "owner", hw_text(hw_owner_names[m->owner]));
	if (m->name)
		hw_answer_field(a, NULL, "name", hw_text(m->name));
	if (p->object) {
		module =
		    g_strdup_printf("%s+0x%" PRIx64, p->object->name, s->addr - p->object->start);
		hw_answer_field(a, NULL, "module", hw_text(module));
	}
	if (symbol)
		hw_answer_field(a, NULL, "symbol", hw_text(symbol));
	if (s->addr - m->start >= m->size)
		hw_answer_field(a, NULL, "contents", hw_text("not in the target"));
}

static void block_text(struct hw_answer *a, const struct hw_show *s)
{
	const struct hw_block *b = &s->block;
	g_autofree char *label = NULL, *where = NULL, *size = NULL;

	if (!s->place.heap)
		return;
	label = hw_session_heap_label(s->place.heap);
	if (!s->has_block) {
		hw_answer_field(a, NULL, "heap", hw_text(label));
		hw_answer_field(a, NULL, "block",
				hw_text("none here: a header, bookkeeping, or memory not "
					"handed out"));
		return;
	}
	size = hw_answer_size(a, b->size);
	where = g_strdup_printf("0x%" PRIx64 ", %s, %s; the address is %" PRIu64 " bytes in",
				b->addr, size, hw_state_names[b->state], s->addr - b->addr);
	hw_answer_field(a, NULL, "block", hw_text(where));
	g_free(where);
	where = g_strdup_printf("%s, arena %u", label, b->arena);
	hw_answer_field(a, NULL, "heap", hw_text(where));
	if (s->type)
		hw_answer_field(a, NULL, "type", hw_text(s->type));
}

/* What a word points at, for people. Free with g_free(). */
static char *target_text(const struct hw_place *to)
{
	g_autofree char *symbol = symbol_text(to);

	if (symbol && to->object)
		return g_strdup_printf("%s: %s", to->object->name, symbol);
	if (to->mapping->name)
		return g_strdup_printf("%s: %s", hw_owner_names[to->mapping->owner],
				       to->mapping->name);
	return g_strdup(hw_owner_names[to->mapping->owner]);
}

/* The eight bytes as ASCII, dots for the rest. */
static void printable_bytes(char buf[9], uint64_t value)
{
	memcpy(buf, &value, 8);
	for (int i = 0; i < 8; i++)
		if (buf[i] < 0x20 || buf[i] > 0x7e)
			buf[i] = '.';
	buf[8] = '\0';
}

static void emit_word(struct hw_answer *a, const struct hw_show *s, const struct hw_word *w,
		      bool strings)
{
	const bool is_address = w->held && w->to.mapping;
	g_autofree char *target = is_address ? target_text(&w->to) : NULL;
	const struct hw_mapping *m = w->to.mapping;
	hw_addr base = s->has_block ? s->block.addr : s->place.mapping->start;
	char bytes[9] = "";

	if (w->held)
		printable_bytes(bytes, w->value);
	const struct hw_value row[] = {
	    hw_address(w->addr),
	    hw_size(w->addr - base),
	    is_address   ? hw_address(w->value)
	    : a->is_json ? hw_null()
			 : hw_text(w->held ? "" : "not in the target"),
	    hw_text(is_address ? hw_owner_names[m->owner] : NULL),
	    hw_text(is_address ? m->name : NULL),
	    hw_text(is_address ? w->to.symbol : NULL),
	    is_address && w->to.symbol ? hw_size(w->to.symbol_offset) : hw_null(),
	    hw_text(is_address ? target : ""),
	    strings && w->held ? hw_text(bytes) : hw_null(),
	};

	hw_answer_row(a, row);
}

/* Text without strings: words that tell nothing are left out. */
static bool is_told(const struct hw_word *w)
{
	return !w->held || w->to.mapping;
}

static uint32_t count_told(const struct hw_show *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->word_count; i++)
		count += is_told(&s->words[i]);
	return count;
}

static void emit_words(struct hw_answer *a, const struct hw_show *s, bool strings)
{
	/* The bytes' column exists only when they were asked for. */
	const struct hw_column columns[] = {
	    {"address", "word", HW_KIND_ADDR, 0},
	    {"offset", "", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"value", "is the address", HW_KIND_ADDR, 0},
	    {"owner", "", HW_KIND_TEXT, HW_COLUMN_JSON},
	    {"name", "", HW_KIND_TEXT, HW_COLUMN_JSON},
	    {"symbol", "", HW_KIND_TEXT, HW_COLUMN_JSON},
	    {"symbol_offset", "", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {NULL, "of", HW_KIND_TEXT, HW_COLUMN_TEXT},
	    {"text", "bytes", HW_KIND_TEXT, 0},
	};
	const bool is_short = !a->is_json && !strings;
	const uint32_t told = count_told(s);

	if (!a->is_json && !s->word_count)
		return;
	hw_answer_gap(a);
	if (is_short && !told) {
		hw_answer_line(a, HW_TONE_DIM, "None of the %u words around it is an address.",
			       s->word_count);
		return;
	}
	hw_answer_table(a, "words", NULL, columns, G_N_ELEMENTS(columns) - (strings ? 0 : 1));
	for (uint32_t i = 0; i < s->word_count; i++)
		if (!is_short || is_told(&s->words[i]))
			emit_word(a, s, &s->words[i], strings);
	hw_answer_table_end(a);
	if (is_short && told < s->word_count)
		hw_answer_line(a, HW_TONE_DIM, "  the other %u words around it are no addresses",
			       s->word_count - told);
}

/* Of a typed variable outside the heaps. */
static void variable_json(struct hw_answer *a, const struct hw_show *s)
{
	if (s->has_block || !s->fields->len) {
		hw_answer_field(a, "variable", NULL, hw_null());
		return;
	}
	hw_answer_begin(a, "variable", NULL);
	hw_report_fields_json(a, s);
	hw_answer_end(a);
}

void hw_report_show(struct hw_answer *a, struct hw_session *session, const struct hw_show *s,
		    bool strings)
{
	if (session->target->process) {
		hw_answer_target(a, session->target);
		hw_answer_gap(a);
	}
	if (a->is_json) {
		hw_answer_field(a, "address", NULL, hw_address(s->addr));
		mapping_json(a, s);
		block_json(a, s);
	} else if (s->place.mapping) {
		g_autofree char *title = g_strdup_printf("0x%" PRIx64, s->addr);

		hw_answer_line(a, HW_TONE_TITLE, "%s", title);
		place_text(a, s);
		block_text(a, s);
	} else {
		hw_answer_line(a, HW_TONE_PLAIN, "Nothing is mapped at 0x%" PRIx64 ".", s->addr);
	}
	if (a->is_json)
		variable_json(a, s);
	else
		hw_report_fields_text(a, s);
	emit_words(a, s, strings);
	hw_answer_completeness(a, &session->notes, false);
}
