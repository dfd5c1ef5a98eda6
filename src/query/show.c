/* SPDX-License-Identifier: Apache-2.0 */
/* Looks one address up in the mappings, the symbols and the blocks of its heap. */
#include "query/show.h"
#include "query/graph.h"
#include <string.h>

static void find_place(struct hw_session *session, hw_addr addr, struct hw_place *ret)
{
	const struct hw_memory *memory = session->memory;
	uint32_t i = hw_memory_find(memory, addr);
	struct hw_place place = {0};

	*ret = place;
	if (i >= memory->mapping_count || memory->mappings[i].start > addr)
		return;
	place.mapping = &memory->mappings[i];
	if (place.mapping->module < memory->object_count)
		place.object = &memory->objects[place.mapping->module];
	if (place.object)
		place.symbol = hw_modules_name(session->modules, addr, &place.symbol_offset);
	place.heap = hw_heaps_owner(session->heaps, addr);
	*ret = place;
}

/* Blocks come by address: the first that ends above addr decides. */
static bool seek_block(void *arg, const struct hw_blocks *batch)
{
	struct hw_show *show = arg;
	const uint8_t *at = (const uint8_t *)batch->blocks;

	for (uint32_t i = 0; i < batch->count; i++, at += batch->block_size) {
		const struct hw_block *block = (const struct hw_block *)(const void *)at;

		if (show->addr - block->addr < block->size && show->addr >= block->addr) {
			show->block = *block;
			show->has_block = true;
			return false;
		}
		if (block->addr > show->addr)
			return false;
	}
	return true;
}

/* The words around addr, kept inside the block or else the mapping. */
static void read_words(struct hw_session *session, struct hw_show *show)
{
	const struct hw_mapping *m = show->place.mapping;
	const uint64_t room = HW_SHOW_WORDS * sizeof(uint64_t), before = room / 2;
	hw_addr low = m->start, high = m->end, from;

	if (show->has_block) {
		low = show->block.addr;
		high = show->block.addr + show->block.size;
	}
	low = (low + 7) & ~(hw_addr)7;
	from = (show->addr & ~(hw_addr)7);
	from = from < low + before ? low : from - before;
	for (uint32_t i = 0; i < HW_SHOW_WORDS; i++, from += sizeof(uint64_t)) {
		struct hw_word *word = &show->words[i];

		if (from >= high || high - from < sizeof(uint64_t))
			break;
		word->addr = from;
		word->held = hw_memory_word(session->memory, from, &word->value);
		if (word->held)
			find_place(session, word->value, &word->to);
		show->word_count++;
	}
}

static void clear_field(gpointer item)
{
	struct hw_show_field *field = item;

	g_free(field->name);
	g_free(field->type);
	g_free(field->target_type);
	g_free(field->text);
}

/* Any bytes as text: as Go would write them between quotes. */
static char *escape(const char *bytes, uint64_t size)
{
	GString *text = g_string_new(NULL);

	for (uint64_t i = 0; i < size;) {
		const gunichar c = g_utf8_get_char_validated(bytes + i, (gssize)(size - i));
		const uint8_t byte = (uint8_t)bytes[i];
		const bool is_char = c != (gunichar)-1 && c != (gunichar)-2 && g_unichar_isprint(c);

		if (is_char && byte != '"' && byte != '\\')
			g_string_append_unichar(text, c);
		else if (is_char)
			g_string_append_printf(text, "\\%c", byte);
		else
			g_string_append_printf(text, "\\x%02x", byte);
		i += is_char ? (uint64_t)g_unichar_to_utf8(c, NULL) : 1;
	}
	return g_string_free(text, FALSE);
}

static char *copy_text(const char *text)
{
	return text ? g_utf8_make_valid(text, -1) : NULL;
}

static void take_part(void *self, const struct hw_part *part)
{
	const struct hw_show_field field = {
	    .kind = MIN(part->kind, HW_PART_KINDS - 1),
	    .name = copy_text(part->name),
	    .type = copy_text(part->type),
	    .addr = part->addr,
	    .size = part->size,
	    .number = part->number,
	    .target = part->target,
	    .target_type = copy_text(part->target_type),
	    .length = part->length,
	    .capacity = part->capacity,
	    .text = part->text ? escape(part->text, part->text_size) : NULL,
	    .is_text_cut =
		part->text_size < (part->kind == HW_PART_STRING ? part->length : part->size),
	};

	g_array_append_val(((struct hw_show *)self)->fields, field);
}

/* Types are followed through all of a heap, which is more than a stop's budget reads. */
static void find_fields(struct hw_session *session, struct hw_show *show, bool strings)
{
	struct hw_typed typed;
	const char *name;

	if (session->process && hw_process_mode(session->process) == HW_STOP_BUDGET)
		return;
	if (show->has_block) {
		name = hw_heaps_type_name(session->heaps, show->block.type);
		show->type = *name ? name : NULL;
		show->type_from = show->type ? "allocator" : NULL;
		if (show->type || show->block.state != HW_LIVE)
			return;
	}
	hw_session_types(session);
	if (show->has_block &&
	    hw_heaps_type_of(session->heaps, show->place.heap->id, show->block.addr, &typed)) {
		show->type = hw_heaps_type_name(session->heaps, typed.type);
		show->type_from = typed.how;
	}
	hw_heaps_fields(session->heaps, show->addr, strings ? HW_FIELD_STRINGS : 0, take_part,
			show);
}

void hw_show_fields(struct hw_session *session, bool strings, struct hw_show *show)
{
	show->fields = g_array_new(FALSE, FALSE, sizeof(struct hw_show_field));
	g_array_set_clear_func(show->fields, clear_field);
	if (show->has_block || show->place.object)
		find_fields(session, show, strings);
}

void hw_show_clear(struct hw_show *show)
{
	if (show->fields)
		g_array_unref(show->fields);
	show->fields = NULL;
}

bool hw_show_query(struct hw_session *session, hw_addr addr, struct hw_show *ret, GError **error)
{
	struct hw_show show = {.addr = addr};

	find_place(session, addr, &show.place);
	if (show.place.heap &&
	    !hw_heaps_blocks(session->heaps, show.place.heap->id, seek_block, &show, error))
		return false;
	if (show.place.mapping)
		read_words(session, &show);
	*ret = show;
	hw_target_check(session->target, &session->notes);
	return true;
}
