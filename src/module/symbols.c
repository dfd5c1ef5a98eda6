/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.c -- names to addresses and back, from every symbol table libdwfl finds:
 * .symtab of the binary or its debug file, .gnu_debugdata, .dynsym. */
#include "base/stop.h"
#include "module/private.h"
#include <string.h>

/* Newer linkers write "name@@VERSION" into .symtab. */
static bool is_named(const char *symbol, const char *name, size_t length)
{
	return !strncmp(symbol, name, length) && (symbol[length] == '\0' || symbol[length] == '@');
}

static bool is_defined(const GElf_Sym *sym, GElf_Word shndx)
{
	int type = GELF_ST_TYPE(sym->st_info);

	return shndx != SHN_UNDEF && type != STT_SECTION && type != STT_FILE;
}

bool hw_modules_symbol(struct hw_modules *modules, uint32_t object, const char *name, hw_addr *ret)
{
	Dwfl_Module *module = hw_modules_dwfl(modules, object);
	size_t length = strlen(name);
	int count = module ? dwfl_module_getsymtab(module) : 0;
	bool is_found = false;
	bool is_ambiguous = false;
	hw_addr found = 0;

	for (int i = 1; i < count && !hw_stop_requested(); i++) {
		GElf_Word shndx;
		GElf_Addr addr;
		GElf_Sym sym;
		const char *symbol =
		    dwfl_module_getsym_info(module, i, &sym, &addr, &shndx, NULL, NULL);

		if (!symbol || !is_named(symbol, name, length) || !is_defined(&sym, shndx))
			continue;
		/* addr of a thread-local symbol is biased like an address; st_value is
		 * the offset in the TLS block. */
		if (GELF_ST_TYPE(sym.st_info) == STT_TLS)
			addr = sym.st_value;
		if (GELF_ST_BIND(sym.st_info) != STB_LOCAL) {
			*ret = addr;
			return true;
		}
		is_ambiguous = is_ambiguous || (is_found && found != addr);
		is_found = true;
		found = addr;
	}
	/* Two file-local variables of one name: neither is surely the one meant. */
	if (!is_found || is_ambiguous)
		return false;
	*ret = found;
	return true;
}

/* Only full tables have file-local functions and variables. */
static bool has_locals(Dwfl_Module *module)
{
	int count = dwfl_module_getsymtab(module);

	for (int i = 1; i < count; i++) {
		GElf_Word shndx;
		GElf_Addr addr;
		GElf_Sym sym;

		if (!dwfl_module_getsym_info(module, i, &sym, &addr, &shndx, NULL, NULL) ||
		    GELF_ST_BIND(sym.st_info) != STB_LOCAL)
			continue;
		if (GELF_ST_TYPE(sym.st_info) == STT_FUNC ||
		    GELF_ST_TYPE(sym.st_info) == STT_OBJECT)
			return true;
	}
	return false;
}

bool hw_modules_has_symbols(struct hw_modules *modules, uint32_t object)
{
	Dwfl_Module *module = hw_modules_dwfl(modules, object);
	struct hw_lookup *lookup;
	Dwarf_Addr bias;

	if (!module)
		return false;
	lookup = &modules->lookups[object];
	if (!lookup->is_counted)
		lookup->has_symbols = has_locals(module) || dwfl_module_getdwarf(module, &bias);
	lookup->is_counted = true;
	return lookup->has_symbols;
}

const char *hw_modules_name(struct hw_modules *modules, hw_addr addr, uint64_t *offset_ret)
{
	const struct hw_memory *memory = modules->memory;
	uint32_t index = hw_memory_find(memory, addr);
	Dwfl_Module *module;
	const char *name;
	GElf_Off offset;
	GElf_Sym sym;

	if (index == memory->mapping_count || memory->mappings[index].start > addr ||
	    memory->mappings[index].module == HW_NO_MODULE)
		return NULL;
	module = hw_modules_dwfl(modules, memory->mappings[index].module);
	if (!module)
		return NULL;
	name = dwfl_module_addrinfo(module, addr, &offset, &sym, NULL, NULL, NULL);
	if (name)
		*offset_ret = offset;
	return name;
}
