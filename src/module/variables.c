/* SPDX-License-Identifier: Apache-2.0 */
/* variables.c -- an index of one object's variables, made when somebody first asks: from
 * DWARF those with a fixed address or TLS offset, from the symbol tables the data symbols.
 * Names, types and lines are only put together for what is found. */
#include "module/variables.h"
#include "base/array.h"
#include "base/stop.h"
#include "module/private.h"
#include "target/elf.h"
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 24       /* Namespaces, functions and blocks in each other. */
#define DIES_MAX  20000000 /* Looked at per object. */
#define OVERLAP   8        /* Entries looked back for one that covers. */

struct entry {
	hw_addr start;
	uint64_t size;    /* Of a symbol; of a DIE it is found out when asked. */
	const char *name; /* Of a symbol; NULL for a DIE. */
	Dwarf_Die die;
};

struct list {
	struct entry *items;
	size_t count;
	size_t room;
	bool is_full;
};

enum { BY_DWARF, BY_SYMBOL, BY_KINDS };

struct hw_index {
	struct list at[BY_KINDS];  /* By address. */
	struct list tls[BY_KINDS]; /* By offset. */
};

void hw_index_free(struct hw_index *index)
{
	if (!index)
		return;
	for (int i = 0; i < BY_KINDS; i++) {
		hw_array_resize(index->at[i].items, index->at[i].room, 0, sizeof(struct entry));
		hw_array_resize(index->tls[i].items, index->tls[i].room, 0, sizeof(struct entry));
	}
	g_free(index);
}

static void add(struct list *list, const struct entry *entry)
{
	if (list->is_full || !hw_array_reserve((void **)&list->items, &list->room, list->count,
					       sizeof(*list->items)))
		list->is_full = true;
	else
		list->items[list->count++] = *entry;
}

/* Symbols: at one address the larger first, then by name, so that aliases are told apart
 * the same way each time. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->name && y->name ? strcmp(x->name, y->name) : 0;
}

static void sort(struct list *list)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare);
}

/* Go writes the operation as a plain block, which libdw takes for none from DWARF 4 on. */
static void add_block(struct hw_index *index, struct entry *entry, Dwarf_Attribute *attr,
		      Dwarf_Addr bias)
{
	Dwarf_Block block;
	uint64_t addr;

	if (dwarf_formblock(attr, &block) != 0 || block.length != 1 + sizeof(addr) ||
	    block.data[0] != DW_OP_addr)
		return;
	memcpy(&addr, block.data + 1, sizeof(addr));
	entry->start = addr + bias;
	add(&index->at[BY_DWARF], entry);
}

/* A static variable's place: DW_OP_addr, or an offset and the operation that adds the
 * thread's block. */
static void add_variable(struct hw_index *index, Dwarf_Die *die, Dwarf_Addr bias)
{
	struct entry entry = {.die = *die};
	Dwarf_Attribute attr;
	Dwarf_Attribute indexed;
	Dwarf_Op *ops;
	size_t count;

	if (!dwarf_attr(die, DW_AT_location, &attr))
		return;
	if (dwarf_getlocation(&attr, &ops, &count) != 0) {
		add_block(index, &entry, &attr, bias);
		return;
	}
	if (count < 1 || count > 2)
		return;
	entry.start = ops[0].number;
	if ((ops[0].atom == DW_OP_addrx || ops[0].atom == DW_OP_GNU_addr_index ||
	     ops[0].atom == DW_OP_constx || ops[0].atom == DW_OP_GNU_const_index) &&
	    (dwarf_getlocation_attr(&attr, &ops[0], &indexed) != 0 ||
	     dwarf_formaddr(&indexed, &entry.start) != 0))
		return;
	if (count == 2) {
		if (ops[1].atom == DW_OP_GNU_push_tls_address ||
		    ops[1].atom == DW_OP_form_tls_address)
			add(&index->tls[BY_DWARF], &entry);
	} else if (ops[0].atom == DW_OP_addr || ops[0].atom == DW_OP_addrx ||
		   ops[0].atom == DW_OP_GNU_addr_index) {
		entry.start += bias;
		add(&index->at[BY_DWARF], &entry);
	}
}

static bool has_variables(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block ||
	       tag == DW_TAG_module || tag == DW_TAG_common_block;
}

/* One unit, without recursion. *left: DIEs that may still be looked at. */
static void read_unit(struct hw_index *index, Dwarf_Die *unit, Dwarf_Addr bias, uint64_t *left)
{
	Dwarf_Die path[DEPTH_MAX];
	int depth = 0;

	if (dwarf_child(unit, &path[0]) != 0)
		return;
	while (depth >= 0 && *left) {
		Dwarf_Die *die = &path[depth];
		int tag = dwarf_tag(die);

		--*left;
		if (tag == DW_TAG_variable)
			add_variable(index, die, bias);
		if (has_variables(tag) && depth + 1 < DEPTH_MAX &&
		    dwarf_child(die, &path[depth + 1]) == 0) {
			depth++;
			continue;
		}
		while (depth >= 0 && dwarf_siblingof(&path[depth], &path[depth]) != 0)
			depth--;
	}
}

static void read_dwarf(struct hw_index *index, Dwfl_Module *module)
{
	uint64_t left = DIES_MAX;
	Dwarf_CU *unit = NULL;
	Dwarf_Half version;
	Dwarf_Addr bias;
	Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
	uint8_t type;
	Dwarf_Die die;

	while (dwarf && left && !hw_stop_requested() &&
	       dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, NULL) == 0)
		if (dwarf_tag(&die) == DW_TAG_compile_unit)
			read_unit(index, &die, bias, &left);
}

static void read_symbols(struct hw_index *index, Dwfl_Module *module)
{
	int count = dwfl_module_getsymtab(module);

	for (int i = 1; i < count && !hw_stop_requested(); i++) {
		struct entry entry = {0};
		GElf_Word shndx;
		GElf_Sym sym;
		int type;

		entry.name =
		    dwfl_module_getsym_info(module, i, &sym, &entry.start, &shndx, NULL, NULL);
		type = GELF_ST_TYPE(sym.st_info);
		if (!entry.name || !*entry.name || shndx == SHN_UNDEF || shndx == SHN_ABS ||
		    !sym.st_size)
			continue;
		entry.size = sym.st_size;
		if (type == STT_TLS) {
			entry.start = sym.st_value;
			add(&index->tls[BY_SYMBOL], &entry);
		} else if (type == STT_OBJECT || type == STT_COMMON || type == STT_NOTYPE) {
			add(&index->at[BY_SYMBOL], &entry);
		}
	}
}

static const struct hw_index *get_index(struct hw_modules *modules, uint32_t object)
{
	Dwfl_Module *module = hw_modules_dwfl(modules, object);
	struct hw_index *index;

	if (!module)
		return NULL;
	if (modules->lookups[object].index)
		return modules->lookups[object].index;
	index = g_new0(struct hw_index, 1);
	modules->lookups[object].index = index;
	read_dwarf(index, module);
	read_symbols(index, module);
	for (int i = 0; i < BY_KINDS; i++) {
		sort(&index->at[i]);
		sort(&index->tls[i]);
	}
	return index;
}

void hw_modules_each_variable(struct hw_modules *modules, uint32_t object, hw_die_fn fn, void *arg)
{
	const struct hw_index *index = get_index(modules, object);
	const struct list *list = index ? &index->at[BY_DWARF] : NULL;

	for (size_t i = 0; list && i < list->count && !hw_stop_requested(); i++)
		if (!fn(arg, list->items[i].start, &list->items[i].die))
			return;
}

/* First entry that starts above addr. */
static size_t above(const struct list *list, hw_addr addr)
{
	size_t low = 0;
	size_t high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->items[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool find_die(struct hw_modules *modules, const struct list *list, hw_addr addr,
		     struct hw_variable *ret)
{
	size_t next = above(list, addr);

	for (size_t i = next; i-- > 0 && next - i <= OVERLAP;) {
		Dwarf_Die die = list->items[i].die;
		uint64_t size = hw_modules_type_size(&die);
		const char *name = dwarf_diename(&die);
		const char *file = dwarf_decl_file(&die);
		Dwarf_Attribute attr;
		Dwarf_Word line = 0;

		if (!name || addr - list->items[i].start >= size)
			continue;
		if (dwarf_attr_integrate(&die, DW_AT_decl_line, &attr) &&
		    (dwarf_formudata(&attr, &line) != 0 || line > INT32_MAX))
			line = 0;
		*ret = (struct hw_variable){
		    .start = list->items[i].start,
		    .size = size,
		    .name = hw_modules_text(modules, name),
		    .type = hw_modules_type_name(modules, &die),
		    .file = file ? hw_modules_text(modules, file) : NULL,
		    .line = (int32_t)line,
		};
		return true;
	}
	return false;
}

/* The innermost symbol: "x" in a section symbol's range, or an alias' first name. */
static bool find_symbol(struct hw_modules *modules, const struct list *list, hw_addr addr,
			struct hw_variable *ret)
{
	size_t next = above(list, addr);
	const struct entry *found = NULL;

	for (size_t i = next; i-- > 0 && next - i <= OVERLAP;) {
		const struct entry *entry = &list->items[i];

		if (found && entry->start != found->start)
			break;
		if (addr - entry->start < entry->size)
			found = entry;
	}
	if (found)
		*ret = (struct hw_variable){
		    .start = found->start,
		    .size = found->size,
		    .name = hw_modules_symbol_text(modules, found->name),
		};
	return found != NULL;
}

static bool find_any(struct hw_modules *modules, const struct hw_index *index, hw_addr addr,
		     struct hw_variable *ret)
{
	return find_die(modules, &index->at[BY_DWARF], addr, ret) ||
	       find_symbol(modules, &index->at[BY_SYMBOL], addr, ret);
}

static bool find_name(struct hw_modules *modules, const struct hw_index *index, hw_addr addr,
		      struct hw_variable *ret)
{
	return find_any(modules, index, addr, ret) && !hw_modules_is_go_temporary(ret->name);
}

bool hw_modules_variable(struct hw_modules *modules, uint32_t object, hw_addr addr,
			 struct hw_variable *ret)
{
	const struct hw_index *index = get_index(modules, object);

	return index &&
	       (find_name(modules, index, addr, ret) ||
		(index->at[BY_DWARF].count && hw_modules_go_static(modules, object, addr, ret)) ||
		find_any(modules, index, addr, ret));
}

bool hw_modules_is_named(struct hw_modules *modules, uint32_t object, hw_addr addr)
{
	const struct hw_index *index = get_index(modules, object);
	struct hw_variable found;

	return index && find_name(modules, index, addr, &found);
}

bool hw_modules_tls_variable(struct hw_modules *modules, uint32_t object, uint64_t offset,
			     struct hw_variable *ret)
{
	const struct hw_index *index = get_index(modules, object);

	return index && (find_die(modules, &index->tls[BY_DWARF], offset, ret) ||
			 find_symbol(modules, &index->tls[BY_SYMBOL], offset, ret));
}

const char *hw_stacks_tls_name(struct hw_modules *modules, uint32_t object, hw_addr block,
			       hw_addr addr, hw_addr *start_ret, uint64_t *size_ret)
{
	struct hw_variable variable;

	if (object == HW_NO_MODULE || addr < block ||
	    !hw_modules_tls_variable(modules, object, addr - block, &variable))
		return NULL;
	*start_ret = block + variable.start;
	*size_ret = variable.size;
	return variable.name;
}

/* Name of a section, from the file's string table; NULL when it is not all there. */
static const char *section_name(const struct hw_elf *elf, const Elf64_Shdr *strings, uint32_t at)
{
	uint64_t end;

	if (__builtin_add_overflow(strings->sh_offset, strings->sh_size, &end) || end > elf->size ||
	    at >= strings->sh_size ||
	    !memchr(elf->image + strings->sh_offset + at, 0, strings->sh_size - at))
		return NULL;
	return (const char *)elf->image + strings->sh_offset + at;
}

static bool read_section(const struct hw_elf *elf, uint32_t i, Elf64_Shdr *ret)
{
	uint64_t offset;

	return i < elf->header.e_shnum && elf->header.e_shentsize == sizeof(*ret) &&
	       !__builtin_add_overflow(elf->header.e_shoff, i * sizeof(*ret), &offset) &&
	       hw_elf_copy(elf->image, elf->size, offset, ret, sizeof(*ret));
}

bool hw_modules_section(struct hw_modules *modules, uint32_t object, hw_addr addr,
			struct hw_variable *ret)
{
	const struct hw_object *found = &modules->memory->objects[object];
	struct hw_elf elf;
	Elf64_Shdr strings;
	Elf64_Shdr section;
	const char *name;

	if (!found->binary || !hw_elf_init(&elf, found->binary->map, found->binary->size) ||
	    !read_section(&elf, elf.header.e_shstrndx, &strings))
		return false;
	for (uint32_t i = 1; read_section(&elf, i, &section); i++) {
		hw_addr start = found->bias + section.sh_addr;

		if (!(section.sh_flags & SHF_ALLOC) || (section.sh_flags & SHF_TLS) ||
		    addr < start || addr - start >= section.sh_size)
			continue;
		name = section_name(&elf, &strings, section.sh_name);
		if (!name || !*name)
			return false;
		*ret = (struct hw_variable){
		    .start = start,
		    .size = section.sh_size,
		    .name = hw_modules_text(modules, name),
		};
		return true;
	}
	return false;
}
