/* SPDX-License-Identifier: Apache-2.0 */
/* gotypes.c -- what Go's debug info says of variables: which type descriptor of the program is
 * theirs (DW_AT_go_runtime_type, cmd/internal/dwarf). The linker writes it as an offset from
 * runtime.types, and 0 when it left the descriptor out: structs are then taken apart.
 *
 * Variables that point at data of the module lead to what has no name of its own: the compiler puts
 * what `var pages = &lru{...}` or `var table = []row{...}` begins with beside the
 * variable. It goes by the variable's name. */
#include "base/array.h"
#include "base/stop.h"
#include "module/private.h"
#include "module/variables.h"
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

enum {
	AT_GO_KIND = 0x2900,
	AT_GO_ELEM = 0x2902,
	AT_GO_RUNTIME_TYPE = 0x2904,
	KIND_POINTER = 22, /* internal/abi/type.go */
	KIND_SLICE = 23,
	KIND_STRUCT = 25,
	KIND_ARRAY = 17,
	CHAIN_MAX = 16,
	DEPTH_MAX = 8,
	MEMBERS_MAX = 100000, /* Of one variable. */
	ELEMENTS_MAX = 1024,  /* Looked at one by one, of an array. */
	STATICS_MAX = 1 << 18,
};

struct telling {
	struct hw_modules *modules;
	uint32_t object;
	hw_variable_fn take; /* Or NULL. */
	void *arg;
	GString *name;
	gsize base; /* Length of the name of what is named as a whole. */
	uint32_t left;
	bool is_over;
	GHashTable *entered; /* Starts of what pointers led to. */
	bool is_temporary;   /* The variable is: it gives its name to nothing. */
	bool keeps;          /* In lookups[object].statics. */
};

static uint64_t descriptor_of(Dwarf_Die *type)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;
	Dwarf_Addr addr;

	if (!dwarf_attr(type, AT_GO_RUNTIME_TYPE, &attr))
		return 0;
	if (dwarf_formudata(&attr, &value) == 0)
		return value;
	return dwarf_formaddr(&attr, &addr) == 0 ? addr : 0;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attr;

	return dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attr), ret) != NULL;
}

/* Through typedefs, to a descriptor or to something that can be taken apart. */
static uint64_t resolve(Dwarf_Die *type)
{
	uint64_t found = descriptor_of(type);

	for (int i = 0; !found && i < CHAIN_MAX && dwarf_tag(type) == DW_TAG_typedef; i++) {
		Dwarf_Die next;

		if (!type_of(type, &next))
			break;
		*type = next;
		found = descriptor_of(type);
	}
	return found;
}

/* What Go itself calls it: a slice or string is a structure to DWARF, a channel or map a pointer
 * without a kind. */
static bool is_kind(Dwarf_Die *type, Dwarf_Word kind)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	return dwarf_attr(type, AT_GO_KIND, &attr) && dwarf_formudata(&attr, &value) == 0 &&
	       value == kind;
}

static void tell_type(struct telling *t, hw_addr addr, Dwarf_Die *type, uint64_t size, int depth);

static bool member_at(Dwarf_Die *member, Dwarf_Die *type_ret, uint64_t *offset_ret)
{
	Dwarf_Attribute attr;
	Dwarf_Word offset;

	if (dwarf_tag(member) != DW_TAG_member || !dwarf_diename(member) ||
	    !dwarf_attr(member, DW_AT_data_member_location, &attr) ||
	    dwarf_formudata(&attr, &offset) != 0 || !type_of(member, type_ret))
		return false;
	*offset_ret = offset;
	return true;
}

typedef void (*part_fn)(struct telling *t, hw_addr addr, Dwarf_Die *type, uint64_t size, int depth);

static void each_member(struct telling *t, hw_addr addr, Dwarf_Die *type, int depth, part_fn fn)
{
	const gsize length = t->name->len;
	Dwarf_Die member, part;
	uint64_t offset;
	int status = depth < DEPTH_MAX ? dwarf_child(type, &member) : -1;

	for (; status == 0 && !t->is_over; status = dwarf_siblingof(&member, &member)) {
		if (!member_at(&member, &part, &offset))
			continue;
		g_string_append_printf(t->name, ".%s", dwarf_diename(&member));
		fn(t, addr + offset, &part, hw_modules_type_size(&member), depth + 1);
		g_string_truncate(t->name, length);
	}
}

static void each_element(struct telling *t, hw_addr addr, Dwarf_Die *elem, uint64_t size,
			 uint64_t count, int depth, part_fn fn)
{
	const gsize length = t->name->len;

	for (uint64_t i = 0; i < MIN(count, ELEMENTS_MAX) && !t->is_over && t->left; i++) {
		Dwarf_Die type = *elem;

		g_string_append_printf(t->name, "[%" G_GUINT64_FORMAT "]", i);
		fn(t, addr + i * size, &type, size, depth + 1);
		g_string_truncate(t->name, length);
	}
}

/* May values of a type hold references? */
static bool has_pointers(Dwarf_Die *type, int depth)
{
	Dwarf_Die part, member;
	uint64_t offset;
	int status;

	switch (dwarf_tag(type)) {
	case DW_TAG_base_type:
		return false;
	case DW_TAG_typedef:
	case DW_TAG_array_type:
		return depth >= DEPTH_MAX || !type_of(type, &part) ||
		       has_pointers(&part, depth + 1);
	case DW_TAG_structure_type:
		break;
	default:
		return true;
	}
	status = depth < DEPTH_MAX ? dwarf_child(type, &member) : -1;
	if (depth >= DEPTH_MAX)
		return true;
	for (; status == 0; status = dwarf_siblingof(&member, &member))
		if (member_at(&member, &part, &offset) && has_pointers(&part, depth + 1))
			return true;
	return false;
}

/* Data of the module that has no name. */
static bool is_nameless(struct telling *t, hw_addr start, uint64_t size)
{
	const struct hw_memory *memory = t->modules->memory;
	const uint32_t i = hw_memory_find(memory, start);
	const struct hw_mapping *mapping;

	if (!size || start % 8 || i == memory->mapping_count)
		return false;
	mapping = &memory->mappings[i];
	return mapping->module == t->object && mapping->owner == HW_OWNER_MODULE &&
	       mapping->perm & HW_PERM_W && size <= mapping->end - start &&
	       !hw_modules_is_named(t->modules, t->object, start);
}

static void keep(struct telling *t, hw_addr start, uint64_t size, const char *type)
{
	struct hw_lookup *lookup = &t->modules->lookups[t->object];
	const struct hw_static found = {
	    .start = start,
	    .size = size,
	    .name = hw_modules_text(t->modules,
				    g_string_chunk_insert_const(t->modules->strings, t->name->str)),
	    .type = type,
	};

	if (lookup->static_count < STATICS_MAX &&
	    hw_array_reserve((void **)&lookup->statics, &lookup->static_room, lookup->static_count,
			     sizeof(found)))
		lookup->statics[lookup->static_count++] = found;
}

/* What a pointer or a slice leads to, count elements. False: it is known already, or is
 * none of our business. */
static bool enter(struct telling *t, hw_addr start, Dwarf_Die *elem, const char *type,
		  uint64_t count, uint64_t *size_ret)
{
	Dwarf_Word size;
	uint64_t bytes;

	if (dwarf_aggregate_size(elem, &size) != 0 || !size ||
	    __builtin_mul_overflow(size, count, &bytes) || !has_pointers(elem, 0) ||
	    !is_nameless(t, start, bytes) ||
	    g_hash_table_contains(t->entered, GSIZE_TO_POINTER(start)))
		return false;
	g_hash_table_add(t->entered, GSIZE_TO_POINTER(start));
	if (t->keeps)
		keep(t, start, bytes, type);
	*size_ret = size;
	return true;
}

static void follow_pointer(struct telling *t, hw_addr addr, Dwarf_Die *type, int depth)
{
	const gsize base = t->base;
	uint64_t size;
	hw_addr start;
	Dwarf_Die part;

	if (!hw_memory_word(t->modules->memory, addr, &start) || !start || !type_of(type, &part) ||
	    !enter(t, start, &part, hw_modules_type_name(t->modules, type), 1, &size))
		return;
	t->base = t->name->len;
	tell_type(t, start, &part, size, depth + 1);
	t->base = base;
}

static void follow_slice(struct telling *t, hw_addr addr, Dwarf_Die *type, int depth)
{
	const gsize base = t->base;
	Dwarf_Attribute attr;
	uint64_t size, room;
	hw_addr start;
	Dwarf_Die part;

	if (!hw_memory_word(t->modules->memory, addr, &start) || !start ||
	    !hw_memory_word(t->modules->memory, addr + 16, &room) ||
	    !dwarf_attr(type, AT_GO_ELEM, &attr) || !dwarf_formref_die(&attr, &part) ||
	    !enter(t, start, &part, dwarf_diename(type), room, &size))
		return;
	t->base = t->name->len;
	each_element(t, start, &part, size, room, depth, tell_type);
	t->base = base;
}

/* Looks for pointers to nameless data in a value. */
static void follow(struct telling *t, hw_addr addr, Dwarf_Die *type, uint64_t size, int depth)
{
	Dwarf_Die part;
	Dwarf_Word each;

	(void)size;
	for (int i = 0; dwarf_tag(type) == DW_TAG_typedef; i++)
		if (i == CHAIN_MAX || !type_of(type, type))
			return;
	if (depth >= DEPTH_MAX || t->is_over || t->is_temporary || hw_stop_requested())
		return;
	if (is_kind(type, KIND_POINTER))
		follow_pointer(t, addr, type, depth);
	else if (is_kind(type, KIND_SLICE))
		follow_slice(t, addr, type, depth);
	else if (is_kind(type, KIND_STRUCT) && has_pointers(type, 0))
		each_member(t, addr, type, depth, follow);
	else if (is_kind(type, KIND_ARRAY) && type_of(type, &part) && has_pointers(&part, 0) &&
		 dwarf_aggregate_size(&part, &each) == 0 && each)
		each_element(t, addr, &part, each, size / each, depth, follow);
}

/* What pointers point at, and what slices without a descriptor are made of. */
static void tell_sizes(Dwarf_Die *type, struct hw_variable_info *info)
{
	Dwarf_Attribute attr;
	Dwarf_Die part;
	Dwarf_Word size;

	if (dwarf_tag(type) == DW_TAG_pointer_type && type_of(type, &part)) {
		if (is_kind(type, KIND_POINTER) && dwarf_aggregate_size(&part, &size) == 0)
			info->pointee_size = size;
		info->pointee = resolve(&part);
	} else if (!info->type && is_kind(type, KIND_SLICE) &&
		   dwarf_attr(type, AT_GO_ELEM, &attr) && dwarf_formref_die(&attr, &part) &&
		   dwarf_aggregate_size(&part, &size) == 0) {
		info->pointee_size = size;
		info->pointee = resolve(&part);
		info->is_slice = 1;
	}
}

/* sync/atomic's Pointer[T] is an unsafe.Pointer to debug info; its type it says by a nameless
 * member of type [0]*T (sync/atomic/type.go). False: it is something else. */
static bool tell_atomic(struct telling *t, hw_addr addr, Dwarf_Die *type, int depth)
{
	const char *name = dwarf_diename(type);
	const gsize length = t->name->len;
	Dwarf_Die member, part, pointer;
	uint64_t offset;
	bool is_known = false;
	int status;

	if (!name || !g_str_has_prefix(name, "sync/atomic.Pointer["))
		return false;
	for (status = dwarf_child(type, &member); status == 0;
	     status = dwarf_siblingof(&member, &member)) {
		if (!member_at(&member, &part, &offset))
			continue;
		if (!is_known && is_kind(&part, KIND_ARRAY)) {
			is_known = type_of(&part, &pointer) && is_kind(&pointer, KIND_POINTER);
		} else if (is_known && g_str_equal(dwarf_diename(&member), "v")) {
			g_string_append(t->name, ".v");
			tell_type(t, addr + offset, &pointer, sizeof(hw_addr), depth + 1);
			g_string_truncate(t->name, length);
			return true;
		}
	}
	return false;
}

/* A variable, a member, or what a pointer led to. */
static void tell_type(struct telling *t, hw_addr addr, Dwarf_Die *type, uint64_t size, int depth)
{
	struct hw_variable_info info = {.struct_size = sizeof(info), .addr = addr, .size = size};
	const Dwarf_Die whole = *type;

	if (!t->left || hw_stop_requested())
		return;
	t->left--;
	info.name = t->name->str;
	info.path = t->name->str + t->base;
	info.type = resolve(type);
	tell_sizes(type, &info);
	if (!info.type && is_kind(type, KIND_STRUCT)) {
		if (!tell_atomic(t, addr, type, depth))
			each_member(t, addr, type, depth, tell_type);
		return;
	}
	if (t->take && (info.type || info.pointee || info.pointee_size))
		t->is_over = !t->take(t->arg, &info);
	*type = whole;
	follow(t, addr, type, size, depth);
}

bool hw_modules_is_go_temporary(const char *name)
{
	return strstr(name, ".statictmp_");
}

static bool tell_variable(void *arg, hw_addr addr, Dwarf_Die *die)
{
	struct telling *t = arg;
	const char *name = dwarf_diename(die);
	Dwarf_Die type;

	g_string_assign(t->name, name ? name : "");
	t->base = t->name->len;
	t->left = MEMBERS_MAX;
	t->is_temporary = hw_modules_is_go_temporary(t->name->str);
	if (type_of(die, &type))
		tell_type(t, addr, &type, hw_modules_type_size(die), 0);
	return !t->is_over;
}

static void tell_all(struct telling *t)
{
	t->name = g_string_new(NULL);
	t->entered = g_hash_table_new(NULL, NULL);
	hw_modules_each_variable(t->modules, t->object, tell_variable, t);
	g_hash_table_destroy(t->entered);
	g_string_free(t->name, TRUE);
}

void hw_modules_go_variables(struct hw_modules *modules, uint32_t object, hw_variable_fn take,
			     void *arg)
{
	struct telling t = {.modules = modules, .object = object, .take = take, .arg = arg};

	tell_all(&t);
}

static int compare_statics(const void *a, const void *b)
{
	const struct hw_static *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

bool hw_modules_go_static(struct hw_modules *modules, uint32_t object, hw_addr addr,
			  struct hw_variable *ret)
{
	struct hw_lookup *lookup = &modules->lookups[object];
	size_t low = 0, high;

	if (!lookup->is_static_asked) {
		struct telling t = {.modules = modules, .object = object, .keeps = true};

		lookup->is_static_asked = true;
		tell_all(&t);
		if (lookup->static_count)
			qsort(lookup->statics, lookup->static_count, sizeof(*lookup->statics),
			      compare_statics);
	}
	for (high = lookup->static_count; low < high;) { /* The first one above. */
		const size_t middle = low + (high - low) / 2;

		if (lookup->statics[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || addr - lookup->statics[low - 1].start >= lookup->statics[low - 1].size)
		return false;
	*ret = (struct hw_variable){.start = lookup->statics[low - 1].start,
				    .size = lookup->statics[low - 1].size,
				    .name = lookup->statics[low - 1].name,
				    .type = lookup->statics[low - 1].type};
	return true;
}

void hw_modules_statics_clear(struct hw_modules *modules)
{
	for (uint32_t i = 0; i < modules->memory->object_count; i++) {
		struct hw_lookup *lookup = &modules->lookups[i];

		lookup->statics = hw_array_resize(lookup->statics, lookup->static_room, 0,
						  sizeof(*lookup->statics));
		lookup->static_count = lookup->static_room = 0;
		lookup->is_static_asked = false;
	}
}
