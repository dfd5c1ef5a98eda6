/* SPDX-License-Identifier: Apache-2.0 */
/* roots_globals.c -- writable data and bss of modules, by variable, else by section. */
#include "graph/roots_private.h"
#include "target/elf.h"
#include <inttypes.h>

/* The node of what has no variable's name. */
static uint32_t unnamed_node(struct hw_globals *s, hw_addr slot)
{
	struct hw_variable section;
	struct hw_root_node node = {.kind = HW_ROOT_GLOBAL, .module = s->module, .frame = -1};
	gpointer known;

	if (hw_modules_section(s->g->modules, s->object, slot, &section)) {
		node.addr = section.start;
		node.size = section.size;
		node.name = section.name;
	} else {
		node.addr = s->mapping->start;
		node.size = s->mapping->end - s->mapping->start;
		node.name = "[data]";
	}
	if (s->is_by_word) {
		const bool has_place = s->known && s->known->addr && s->known->size &&
				       slot - s->known->addr < s->known->size;
		const hw_addr start = has_place ? s->known->addr : slot;

		node.name =
		    hw_gather_name(s->g, "%s+0x%" PRIx64, node.name, (uint64_t)(start - node.addr));
		node.addr = start;
		node.size = has_place ? s->known->size : 8;
		if (has_place) {
			node.type =
			    s->known->type ? hw_gather_name(s->g, "%s", s->known->type) : NULL;
			s->variable = (struct hw_range_pair){start, start + node.size};
		}
		return hw_gather_node(s->g, &node);
	}
	known = g_hash_table_lookup(s->sections, &node.addr);
	if (!known) {
		known = GUINT_TO_POINTER(hw_gather_node(s->g, &node) + 1);
		g_hash_table_insert(s->sections, g_memdup2(&node.addr, sizeof(node.addr)), known);
	}
	return GPOINTER_TO_UINT(known) - 1;
}

static void found(void *arg, hw_addr slot, uint32_t block)
{
	struct hw_globals *s = arg;
	struct hw_variable variable;

	if (slot < s->variable.start || slot >= s->variable.end) {
		s->variable = (struct hw_range_pair){0, 0};
		if (hw_modules_variable(s->g->modules, s->object, slot, &variable)) {
			s->node = hw_gather_variable(s->g, HW_ROOT_GLOBAL, &variable, s->module, 0,
						     &s->variable);
		} else {
			s->node = unnamed_node(s, slot);
		}
	}
	hw_gather_ref(s->g, s->node, slot, block);
}

/* Writable, or made read-only once ld.so had filled it (RELRO): inside a writable segment. */
static bool is_data(const struct hw_memory *memory, const struct hw_mapping *mapping)
{
	const struct hw_object *object = &memory->objects[mapping->module];
	uint64_t held;
	const uint8_t *image = hw_memory_peek(memory, object->start, &held);
	struct hw_elf elf;
	Elf64_Phdr phdr;

	if (mapping->perm & HW_PERM_W)
		return true;
	if (mapping->source != HW_SOURCE_CORE || !image || !hw_elf_init(&elf, image, held))
		return false;
	for (uint32_t i = 0; hw_elf_phdr(&elf, i, &phdr); i++)
		if (phdr.p_type == PT_LOAD && (phdr.p_flags & PF_W) &&
		    mapping->start >= object->bias + hw_page_down(phdr.p_vaddr) &&
		    mapping->start < object->bias + phdr.p_vaddr + phdr.p_memsz)
			return true;
	return false;
}

void hw_globals_init(struct hw_globals *globals, struct gather *g)
{
	*globals = (struct hw_globals){.g = g};
	globals->sections = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
}

void hw_globals_clear(struct hw_globals *globals)
{
	g_hash_table_destroy(globals->sections);
}

static bool enter_mapping(struct hw_globals *s, const struct hw_mapping *mapping)
{
	if (mapping->owner != HW_OWNER_MODULE || mapping->module == HW_NO_MODULE)
		return false;
	s->mapping = mapping;
	s->object = mapping->module;
	s->module = s->g->memory->objects[mapping->module].name;
	s->variable = (struct hw_range_pair){0, 0};
	return true;
}

void hw_globals_ref(struct hw_globals *s, hw_addr slot, uint32_t block, const struct hw_root *known)
{
	const struct hw_memory *memory = s->g->memory;

	s->known = known;
	if (!s->mapping || slot < s->mapping->start || slot >= s->mapping->end) {
		uint32_t i = hw_memory_find(memory, slot);

		if (i == memory->mapping_count || !enter_mapping(s, &memory->mappings[i]))
			return;
	}
	found(s, slot, block);
}

void hw_gather_globals(struct gather *g)
{
	struct hw_globals s;

	hw_globals_init(&s, g);

	for (uint32_t i = 0; i < g->memory->mapping_count; i++) {
		const struct hw_mapping *mapping = &g->memory->mappings[i];

		if (mapping->owner == HW_OWNER_MODULE && mapping->module != HW_NO_MODULE &&
		    is_data(g->memory, mapping) && enter_mapping(&s, mapping))
			hw_gather_scan_rest(g, mapping->start, mapping->end, found, &s);
	}
	hw_globals_clear(&s);
}
