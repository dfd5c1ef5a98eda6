/* SPDX-License-Identifier: Apache-2.0 */
/* Looks up first words; each value once, since blocks of a kind share theirs and a
 * search in a symbol table is slow. */
#include "query/firsts.h"
#include "graph/table.h"
#include <inttypes.h>
#include <string.h>

#define KEPT_MOST  100000 /* Values; a core has no more tables than that to point at. */
#define NAMED_MOST 10000  /* Of these are looked up in symbol tables. */
#define VTABLE     "_ZTV" /* Itanium C++ ABI, section 5.1.4.1. */

struct hw_firsts {
	GHashTable *known; /* &value → struct hw_first *; object NULL: no address. */
	GStringChunk *strings;
	guint named;
};

void hw_firsts_free(struct hw_firsts *firsts)
{
	if (!firsts)
		return;
	g_hash_table_unref(firsts->known);
	g_string_chunk_free(firsts->strings);
	g_free(firsts);
}

static struct hw_firsts *firsts_of(struct hw_session *s)
{
	if (!s->firsts) {
		s->firsts = g_new0(struct hw_firsts, 1);
		s->firsts->known = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
		s->firsts->strings = g_string_chunk_new(4096);
	}
	return s->firsts;
}

/* One <length><name> of a mangled name; NULL when there is none. */
static const char *take_name(const char *at, GString *to)
{
	char *end = NULL;
	guint64 length = g_ascii_isdigit(*at) ? g_ascii_strtoull(at, &end, 10) : 0;

	if (!length || length > strlen(end))
		return NULL;
	g_string_append_len(to, end, (gssize)length);
	return end + length;
}

/* "_ZTVN1a1BE" → "a::B". Names with templates and other substitutions stay as they are:
 * NULL. Free with g_free(). */
static char *class_name(const char *symbol)
{
	GString *name = g_string_new(NULL);
	const char *at = symbol + strlen(VTABLE);
	bool is_nested = *at == 'N';

	at += is_nested;
	do {
		at = take_name(at, name);
		if (at && is_nested && *at != 'E')
			g_string_append(name, "::");
	} while (at && is_nested && *at != 'E');
	if (at && !at[is_nested])
		return g_string_free(name, FALSE);
	g_string_free(name, TRUE);
	return NULL;
}

static const struct hw_mapping *mapping_of(const struct hw_memory *memory, hw_addr addr)
{
	uint32_t i = hw_memory_find(memory, addr);

	if (i == memory->mapping_count || memory->mappings[i].start > addr)
		return NULL;
	return &memory->mappings[i];
}

static bool is_module_data(const struct hw_memory *memory, const struct hw_mapping *m)
{
	return m && m->owner == HW_OWNER_MODULE && m->module < memory->object_count &&
	       !(m->perm & HW_PERM_X);
}

/* A table that starts with the address of code, or as of an abstract class with a null
 * pointer before one. */
static bool lists_functions(const struct hw_memory *memory, hw_addr addr)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct hw_mapping *m;
		uint64_t word;

		if (!hw_memory_word(memory, addr + 8 * i, &word))
			return false;
		m = mapping_of(memory, word);
		if (m && m->owner == HW_OWNER_MODULE && (m->perm & HW_PERM_X))
			return true;
		if (word)
			return false;
	}
	return false;
}

static void find_name(struct hw_session *s, struct hw_firsts *firsts, struct hw_first *first)
{
	uint64_t offset = 0;
	const char *symbol = NULL;
	g_autofree char *type = NULL;

	if (firsts->named < NAMED_MOST) {
		firsts->named++;
		symbol = hw_modules_name(s->modules, first->value, &offset);
	}
	if (symbol) {
		first->symbol = g_string_chunk_insert_const(firsts->strings, symbol);
		first->offset = offset;
	}
	first->is_vtable = lists_functions(s->memory, first->value);
	if (!symbol || !g_str_has_prefix(symbol, VTABLE))
		return;
	first->is_vtable = true;
	type = class_name(symbol);
	first->type = type ? g_string_chunk_insert_const(firsts->strings, type) : first->symbol;
}

const struct hw_first *hw_firsts_find(struct hw_session *s, uint32_t block)
{
	struct hw_firsts *firsts = firsts_of(s);
	const struct hw_mapping *m;
	struct hw_first *first;
	uint64_t word;

	if (hw_table_size(s->table, block) < sizeof(word) ||
	    (hw_table_flags(s->table, block) & (HW_BLOCK_INTERNAL | HW_BLOCK_NOPOINTERS)) ||
	    !hw_memory_word(s->memory, hw_table_addr(s->table, block), &word) || word % 8 || !word)
		return NULL;
	first = g_hash_table_lookup(firsts->known, &word);
	if (first)
		return first;
	m = mapping_of(s->memory, word);
	if (!is_module_data(s->memory, m) || g_hash_table_size(firsts->known) >= KEPT_MOST)
		return NULL;
	first = g_new0(struct hw_first, 1);
	first->value = word;
	first->object = &s->memory->objects[m->module];
	first->offset = word - first->object->start;
	find_name(s, firsts, first);
	g_hash_table_insert(firsts->known, &first->value, first);
	return first;
}

char *hw_firsts_label(const struct hw_first *first)
{
	const char *base = first->symbol ? first->symbol : first->object->name;

	if (!first->offset)
		return g_strdup(base);
	return g_strdup_printf("%s+0x%" PRIx64, base, first->offset);
}
