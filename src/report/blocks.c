/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk blocks`: one line for each block, formatted by hand because there may be
 * tens of millions. Names are escaped once and kept. */
#include "report/report.h"
#include <string.h>

#define TYPES_KEPT   (1u << 20)
#define NUMBERS_ROOM 256 /* More than all but the names of a line take. */

struct writer {
	struct hw_output *output;
	struct hw_session *session;
	enum hw_lines_format format;
	const struct hw_heap *heap; /* Whose name is in heap_text. */
	GString *heap_text;         /* Escaped for the format. */
	GPtrArray *types;           /* GString *, escaped, by type id; NULL until used. */
	GString *rare_type;         /* The last one whose id is too large to keep. */
};

static void free_string(gpointer item)
{
	if (item)
		g_string_free(item, TRUE);
}

static GString *escape(const struct writer *w, const char *s)
{
	GString *text = g_string_new(NULL);

	hw_lines_text(text, w->format, s);
	return text;
}

static const GString *type_text(struct writer *w, uint32_t type)
{
	if (type >= TYPES_KEPT) {
		free_string(w->rare_type);
		w->rare_type = escape(w, hw_heaps_type_name(w->session->heaps, type));
		return w->rare_type;
	}
	if (type >= w->types->len)
		g_ptr_array_set_size(w->types, (gint)type + 1);
	if (!w->types->pdata[type])
		w->types->pdata[type] = escape(w, hw_heaps_type_name(w->session->heaps, type));
	return w->types->pdata[type];
}

static const GString *heap_text(struct writer *w, const struct hw_heap *heap)
{
	g_autofree char *label = NULL;

	if (heap == w->heap)
		return w->heap_text;
	label = hw_session_heap_label(heap);
	free_string(w->heap_text);
	w->heap_text = escape(w, label);
	w->heap = heap;
	return w->heap_text;
}

static char *put_decimal(char *to, uint64_t u)
{
	char digits[20];
	unsigned count = 0;

	do
		digits[count++] = (char)('0' + u % 10);
	while (u /= 10);
	while (count)
		*to++ = digits[--count];
	return to;
}

static char *put_address(char *to, hw_addr addr)
{
	int shift = addr ? (63 - __builtin_clzll(addr)) & ~3 : 0;

	*to++ = '0';
	*to++ = 'x';
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[addr >> shift & 15];
	return to;
}

static char *put_bytes(char *to, const char *bytes, size_t size)
{
	memcpy(to, bytes, size);
	return to + size;
}
#define put_literal(to, literal) put_bytes((to), (literal), sizeof(literal) - 1)

static char *put_csv(char *to, const struct hw_block *b, const GString *heap, const GString *type)
{
	to = put_address(to, b->addr);
	*to++ = ',';
	to = put_decimal(to, b->size);
	*to++ = ',';
	to = put_bytes(to, hw_state_names[b->state], strlen(hw_state_names[b->state]));
	*to++ = ',';
	to = put_bytes(to, heap->str, heap->len);
	*to++ = ',';
	to = put_decimal(to, b->arena);
	*to++ = ',';
	to = put_bytes(to, type->str, type->len);
	*to++ = '\n';
	return to;
}

static char *put_ndjson(char *to, const struct hw_block *b, const GString *heap,
			const GString *type)
{
	to = put_literal(to, "{\"address\":\"");
	to = put_address(to, b->addr);
	to = put_literal(to, "\",\"size\":");
	to = put_decimal(to, b->size);
	to = put_literal(to, ",\"state\":\"");
	to = put_bytes(to, hw_state_names[b->state], strlen(hw_state_names[b->state]));
	to = put_literal(to, "\",\"heap\":");
	to = put_bytes(to, heap->str, heap->len);
	to = put_literal(to, ",\"arena\":");
	to = put_decimal(to, b->arena);
	to = put_literal(to, ",\"type\":");
	to = put_bytes(to, type->str, type->len);
	return put_literal(to, "}\n");
}

static bool write_block(void *arg, const struct hw_heap *heap, const struct hw_block *block)
{
	struct writer *w = arg;
	struct hw_typed typed = {.type = block->type};
	const bool asked = !block->type && block->state == HW_LIVE &&
			   hw_heaps_type_of(w->session->heaps, heap->id, block->addr, &typed);
	const GString *name = heap_text(w, heap);
	const GString *type = type_text(w, asked ? typed.type : block->type);
	size_t room = NUMBERS_ROOM + name->len + type->len;
	g_autofree char *own = room > HW_OUTPUT_ROOM ? g_malloc(room) : NULL;
	char *start = own ? own : hw_output_reserve(w->output, room), *end;

	if (!start)
		return false;
	end = w->format == HW_LINES_CSV ? put_csv(start, block, name, type)
					: put_ndjson(start, block, name, type);
	if (own)
		return hw_output_write(w->output, own, (size_t)(end - own));
	w->output->used += (size_t)(end - start);
	return true;
}

bool hw_report_blocks(struct hw_output *output, struct hw_session *session,
		      const struct hw_block_filter *filter, enum hw_lines_format format,
		      GError **error)
{
	static const char header[] = "address,size,state,heap,arena,type\n";
	struct writer w = {.output = output, .session = session, .format = format};
	bool ok;

	/* Within a budget the list is whole; contents, which types are worked out from, are not
	 * read. */
	if (!(session->process && hw_process_mode(session->process) == HW_STOP_BUDGET) &&
	    !hw_heaps_types(session->heaps, error))
		return false;
	w.types = g_ptr_array_new_with_free_func(free_string);
	type_text(&w, 0);
	if (format == HW_LINES_CSV)
		hw_output_write(output, header, sizeof(header) - 1);
	ok = hw_blocks_query(session, filter, write_block, &w, error);
	free_string(w.heap_text);
	free_string(w.rare_type);
	g_ptr_array_unref(w.types);
	return ok;
}
