/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c -- from DT_DEBUG to each thread's blocks of thread-local variables.
 *
 *   PT_DYNAMIC of the main program → DT_DEBUG → struct r_debug → link_map → l_next …
 *   (r_version 2, glibc 2.35: r_next leads to the other namespaces' r_debug)
 *
 * A private part of link_map says where the block is. Its offsets differ between versions
 * of glibc; it is recognised by what it must hold, PT_TLS of the same object:
 *
 *   l_tls_initimage       bias + p_vaddr       glibc include/link.h, the same order
 *   l_tls_initimage_size  p_filesz             since 2.3
 *   l_tls_blocksize       p_memsz
 *   l_tls_align           p_align
 *   l_tls_firstbyte_offset
 *   l_tls_offset          block = tcb - this; 0 and -1: dynamic
 *   l_tls_modid           index into the dtv
 *
 * else by the offsets that libc gives to libthread_db. The dtv is at tcb + 8: entries of
 * 16 bytes, {address of the block or -1, to free}; entry -1 holds how many there are, entry
 * 0 the generation. Statically linked programs have one block, right below the tcb. */
#include "module/tls.h"
#include "base/array.h"
#include "base/stop.h"
#include "module/private.h"
#include "target/elf.h"
#include <stdlib.h>

#define MAPS_MAX   65536 /* Loaded objects. */
#define SPACES_MAX 64    /* Namespaces; glibc has 16. */
#define PRIVATE_AT 0x28  /* Where the private part of link_map begins, */
#define MAP_MAX    0x600 /* and where it surely ends (0x490 in 2.36). */
#define DTV_MAX    65536 /* Modules with TLS. */
#define TLS_MAX    ((uint64_t)1 << 32)

enum { L_ADDR = 0, L_LD = 16, L_NEXT = 24 };
enum { R_VERSION = 0, R_MAP = 8, R_NEXT = 40 };

static bool find_phdr(const struct hw_memory *memory, const struct hw_object *object, uint32_t type,
		      Elf64_Phdr *ret)
{
	uint64_t held;
	const uint8_t *image = hw_memory_peek(memory, object->start, &held);
	struct hw_elf elf;
	bool is_found = false;

	if (image && hw_elf_init(&elf, image, held)) {
		for (uint32_t i = 0; hw_elf_phdr(&elf, i, ret); i++)
			if (ret->p_type == type)
				return true;
	}
	if (object->binary && hw_elf_init(&elf, object->binary->map, object->binary->size)) {
		for (uint32_t i = 0; !is_found && hw_elf_phdr(&elf, i, ret); i++)
			is_found = ret->p_type == type;
	}
	return is_found;
}

bool hw_tls_thread_db(const struct hw_memory *memory, struct hw_modules *modules, const char *name,
		      uint32_t index, uint32_t *ret)
{
	for (uint32_t i = 0; i < memory->object_count; i++) {
		const char *file = memory->objects[i].name;
		hw_addr at;

		if (!g_str_has_prefix(file, "libc.") && !g_str_has_prefix(file, "libc-") &&
		    !g_str_has_prefix(file, "libpthread"))
			continue;
		if (hw_modules_exports(modules, i, name) &&
		    hw_modules_symbol(modules, i, name, &at) &&
		    hw_memory_read(memory, at + 4 * (hw_addr)index, ret, sizeof(*ret)) ==
			sizeof(*ret))
			return true;
	}
	return false;
}

/* The object that a link_map is about. */
static uint32_t find_object(const struct hw_memory *memory, hw_addr map)
{
	uint64_t l_addr;
	uint64_t l_ld;

	if (!hw_memory_word(memory, map + L_ADDR, &l_addr) ||
	    !hw_memory_word(memory, map + L_LD, &l_ld))
		return HW_NO_MODULE;
	for (uint32_t i = 0; i < memory->object_count; i++)
		if (l_ld >= memory->objects[i].start && l_ld < memory->objects[i].end &&
		    l_addr == memory->objects[i].bias)
			return i;
	return HW_NO_MODULE;
}

/* Where l_tls_initimage is in a link_map. */
static bool find_fields(const struct hw_memory *memory, hw_addr map, const struct hw_object *object,
			const Elf64_Phdr *tls, uint64_t *ret)
{
	uint64_t words[MAP_MAX / 8];
	uint64_t count = hw_memory_read(memory, map, words, sizeof(words)) / 8;

	for (uint64_t i = PRIVATE_AT / 8; i + 7 <= count; i++) {
		if (words[i] == object->bias + tls->p_vaddr && words[i + 1] == tls->p_filesz &&
		    words[i + 2] == tls->p_memsz && words[i + 3] == tls->p_align) {
			*ret = i * 8;
			return true;
		}
	}
	return false;
}

/* Offsets of l_tls_offset and l_tls_modid. */
struct fields {
	bool is_asked;
	bool has_debugger;
	uint32_t offset; /* As libc gives them to debuggers. */
	uint32_t modid;
};

static bool read_map(const struct hw_memory *memory, struct hw_modules *modules, hw_addr map,
		     struct fields *fields, struct hw_tls_module *ret)
{
	const struct hw_object *object;
	uint64_t at;
	Elf64_Phdr tls;

	ret->object = find_object(memory, map);
	if (ret->object == HW_NO_MODULE)
		return false;
	object = &memory->objects[ret->object];
	if (!find_phdr(memory, object, PT_TLS, &tls) || !tls.p_memsz || tls.p_memsz > TLS_MAX)
		return false;
	ret->size = tls.p_memsz;
	if (find_fields(memory, map, object, &tls, &at))
		return hw_memory_word(memory, map + at + 40, &ret->offset) &&
		       hw_memory_word(memory, map + at + 48, &ret->modid);
	if (!fields->is_asked)
		fields->has_debugger =
		    hw_tls_thread_db(memory, modules, "_thread_db_link_map_l_tls_offset", 2,
				     &fields->offset) &&
		    hw_tls_thread_db(memory, modules, "_thread_db_link_map_l_tls_modid", 2,
				     &fields->modid);
	fields->is_asked = true;
	return fields->has_debugger && fields->offset < MAP_MAX && fields->modid < MAP_MAX &&
	       hw_memory_word(memory, map + fields->offset, &ret->offset) &&
	       hw_memory_word(memory, map + fields->modid, &ret->modid);
}

static bool read_debug(const struct hw_memory *memory, const struct hw_object *object, hw_addr *ret)
{
	Elf64_Phdr dynamic;
	Elf64_Dyn dyn;

	if (!find_phdr(memory, object, PT_DYNAMIC, &dynamic))
		return false;
	for (uint64_t at = 0; at < MIN(dynamic.p_memsz, 1 << 16); at += sizeof(dyn)) {
		if (hw_memory_read(memory, object->bias + dynamic.p_vaddr + at, &dyn,
				   sizeof(dyn)) != sizeof(dyn) ||
		    dyn.d_tag == DT_NULL)
			return false;
		if (dyn.d_tag == DT_DEBUG && dyn.d_un.d_ptr) {
			*ret = dyn.d_un.d_ptr;
			return true;
		}
	}
	return false;
}

/* The main program has it. When ld.so was called with the program's name, the kernel takes
 * ld.so for the main program; libraries have no DT_DEBUG, so any will do. */
static bool find_debug(const struct hw_memory *memory, hw_addr *ret)
{
	for (uint32_t i = 0; i < memory->object_count; i++)
		if (memory->objects[i].is_exe && read_debug(memory, &memory->objects[i], ret))
			return true;
	for (uint32_t i = 0; i < memory->object_count; i++)
		if (!memory->objects[i].is_exe && read_debug(memory, &memory->objects[i], ret))
			return true;
	return false;
}

static void read_space(const struct hw_memory *memory, struct hw_modules *modules, hw_addr map,
		       struct fields *fields, GArray *list, uint32_t *left)
{
	while (map && *left && !hw_stop_requested()) {
		struct hw_tls_module module = {0};
		uint64_t next;

		--*left;
		if (read_map(memory, modules, map, fields, &module)) {
			if (module.offset > TLS_MAX) /* FORCED_DYNAMIC_TLS_OFFSET is -1. */
				module.offset = 0;
			g_array_append_val(list, module);
		}
		if (!hw_memory_word(memory, map + L_NEXT, &next))
			return;
		map = next;
	}
}

/* Without ld.so: csu/libc-tls.c puts the block right below the tcb. */
static void add_static(const struct hw_memory *memory, GArray *list)
{
	for (uint32_t i = 0; i < memory->object_count; i++) {
		struct hw_tls_module module = {.object = i};
		Elf64_Phdr tls;
		uint64_t align;

		if (!memory->objects[i].is_exe ||
		    !find_phdr(memory, &memory->objects[i], PT_TLS, &tls) || !tls.p_memsz ||
		    tls.p_memsz > TLS_MAX || tls.p_align > TLS_MAX)
			continue;
		align = tls.p_align ? tls.p_align : 1;
		module.size = tls.p_memsz;
		module.offset = (tls.p_memsz + align - 1) / align * align;
		g_array_append_val(list, module);
	}
}

GArray *hw_tls_modules(const struct hw_memory *memory, struct hw_modules *modules)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct hw_tls_module));
	struct fields fields = {0};
	uint32_t left = MAPS_MAX;
	hw_addr debug;

	if (find_debug(memory, &debug)) {
		for (int i = 0; debug && i < SPACES_MAX; i++) {
			uint64_t version;
			uint64_t map;

			if (!hw_memory_word(memory, debug + R_VERSION, &version) ||
			    !hw_memory_word(memory, debug + R_MAP, &map))
				break;
			read_space(memory, modules, map, &fields, list, &left);
			if ((uint32_t)version < 2 ||
			    !hw_memory_word(memory, debug + R_NEXT, &debug))
				break;
		}
	}
	if (!list->len)
		add_static(memory, list);
	return list;
}

bool hw_tls_dtv(const struct hw_memory *memory, hw_addr tcb, hw_addr *ret, uint64_t *count_ret)
{
	uint64_t held;
	uint64_t dtv;
	uint64_t count;

	if (!hw_memory_word(memory, tcb + 8, &dtv) || dtv < 16 || dtv % 8 ||
	    !hw_memory_word(memory, dtv - 16, &count) || count == 0 || count > DTV_MAX ||
	    !hw_memory_peek(memory, dtv - 16, &held) || held < (count + 2) * 16)
		return false;
	*ret = dtv;
	*count_ret = count;
	return true;
}

static bool find_block(const struct hw_memory *memory, const struct hw_tls_module *module,
		       const struct hw_thread_stack *thread, hw_addr *ret)
{
	uint64_t held;
	uint64_t value;

	if (module->offset && module->offset < thread->tcb) {
		*ret = thread->tcb - module->offset;
		return hw_memory_peek(memory, *ret, &held) != NULL;
	}
	if (!module->modid || module->modid > thread->dtv_count ||
	    !hw_memory_word(memory, thread->dtv + module->modid * 16, &value) || !value ||
	    value > UINT64_MAX - module->size || !hw_memory_peek(memory, value, &held))
		return false;
	*ret = value;
	return true;
}

static int compare_blocks(const void *a, const void *b)
{
	const struct hw_tls_block *x = a;
	const struct hw_tls_block *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->object < y->object ? -1 : x->object > y->object;
}

/* Blocks sorted and disjoint: what a damaged dtv gives twice is counted once. */
static void tidy(struct hw_thread_stack *thread)
{
	uint32_t kept = 0;

	qsort(thread->tls, thread->tls_count, sizeof(*thread->tls), compare_blocks);
	for (uint32_t i = 0; i < thread->tls_count; i++) {
		struct hw_tls_block block = thread->tls[i];

		if (kept)
			block.start = MAX(block.start, thread->tls[kept - 1].end);
		if (block.start == thread->tls[i].start && block.start < block.end)
			thread->tls[kept++] = block;
	}
	thread->tls_count = kept;
}

bool hw_tls_thread(const struct hw_memory *memory, const GArray *list,
		   struct hw_thread_stack *thread)
{
	hw_tls_dtv(memory, thread->tcb, &thread->dtv, &thread->dtv_count);
	if (!list->len)
		return true;
	thread->tls = hw_array_resize(NULL, 0, list->len, sizeof(*thread->tls));
	if (!thread->tls)
		return false;
	thread->tls_room = list->len;
	for (guint i = 0; i < list->len; i++) {
		const struct hw_tls_module *module = &g_array_index(list, struct hw_tls_module, i);
		hw_addr start;

		if (find_block(memory, module, thread, &start))
			thread->tls[thread->tls_count++] = (struct hw_tls_block){
			    .object = module->object,
			    .start = start,
			    .end = start + module->size,
			};
	}
	tidy(thread);
	return true;
}
