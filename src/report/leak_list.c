/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk leaks --format csv|ndjson`: one line for each leaked block, with the head that
 * lets go of it. Heads are their own; a block that several heads keep has none. */
#include "report/report.h"
#include <inttypes.h>

struct list {
	struct hw_output *output;
	struct hw_session *session;
	enum hw_lines_format format;
	GString *line;
	const struct hw_heap *heap; /* Whose name is in heap_text. */
	GString *heap_text;
};

static void name_heap(struct list *l, uint32_t block)
{
	const struct hw_heap *heap =
	    hw_heaps_at(l->session->heaps, hw_table_heap(l->session->table, block));
	g_autofree char *label = NULL;

	if (heap == l->heap)
		return;
	label = hw_session_heap_label(heap);
	g_string_truncate(l->heap_text, 0);
	hw_lines_text(l->heap_text, l->format, label);
	l->heap = heap;
}

static void put_csv(struct list *l, const struct hw_leak_block *leak, const char *type)
{
	const struct hw_table *table = l->session->table;

	g_string_printf(l->line, "0x%" PRIx64 ",%" PRIu64 ",%s,%" PRIu32 ",",
			hw_table_addr(table, leak->block), hw_table_size(table, leak->block),
			l->heap_text->str, hw_table_arena(table, leak->block));
	hw_lines_text(l->line, l->format, type ? type : "");
	if (leak->head == HW_NO_BLOCK)
		g_string_append(l->line, ",\n");
	else
		g_string_append_printf(l->line, ",0x%" PRIx64 "\n",
				       hw_table_addr(table, leak->head));
}

static void put_ndjson(struct list *l, const struct hw_leak_block *leak, const char *type)
{
	const struct hw_table *table = l->session->table;

	g_string_printf(l->line,
			"{\"address\":\"0x%" PRIx64 "\",\"size\":%" PRIu64
			",\"heap\":%s,\"arena\":%" PRIu32 ",\"type\":",
			hw_table_addr(table, leak->block), hw_table_size(table, leak->block),
			l->heap_text->str, hw_table_arena(table, leak->block));
	hw_lines_text(l->line, l->format, type ? type : "");
	if (leak->head == HW_NO_BLOCK)
		g_string_append(l->line, ",\"head\":null}\n");
	else
		g_string_append_printf(l->line, ",\"head\":\"0x%" PRIx64 "\"}\n",
				       hw_table_addr(table, leak->head));
}

static bool write_leak(void *arg, const struct hw_leak_block *leak)
{
	struct list *l = arg;
	const char *type = hw_session_type(l->session, leak->block);

	name_heap(l, leak->block);
	if (l->format == HW_LINES_CSV)
		put_csv(l, leak, type);
	else
		put_ndjson(l, leak, type);
	return hw_output_write(l->output, l->line->str, l->line->len);
}

bool hw_report_leak_list(struct hw_output *output, struct hw_session *session,
			 enum hw_lines_format format, bool pending, GError **error)
{
	static const char header[] = "address,size,heap,arena,type,head\n";
	struct list l = {.output = output, .session = session, .format = format};
	bool ok;

	l.line = g_string_new(NULL);
	l.heap_text = g_string_new(NULL);
	if (format == HW_LINES_CSV)
		hw_output_write(output, header, sizeof(header) - 1);
	ok = pending ? hw_pending_list_query(session, write_leak, &l, error)
		     : hw_leak_list_query(session, write_leak, &l, error);
	g_string_free(l.line, TRUE);
	g_string_free(l.heap_text, TRUE);
	return ok;
}
