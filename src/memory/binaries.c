/* SPDX-License-Identifier: Apache-2.0 */
/* binaries.c -- what a core leaves out because a file has it: text and constants of
 * the binaries it names. A file is used only when its build-id is the one that the
 * target's memory shows; the one exception is what the user gave as --exe. */
#include "base/array.h"
#include "base/error.h"
#include "memory/private.h"
#include "target/process.h"
#include <inttypes.h>
#include <string.h>

#define WARNED_MAX 10  /* Warnings about single binaries; then one for the rest. */
#define OPEN_MAX   400 /* Each holds a descriptor, and libdwfl wants a second one. */

#define DELETED " (deleted)"

/* Are bytes wanted that only the file has, in memory the program may write to? */
static bool lacks_data(const struct hw_memory *memory, uint32_t module)
{
	const struct hw_object *object = &memory->objects[module];

	for (uint32_t i = hw_memory_find(memory, object->start);
	     i < memory->mapping_count && memory->mappings[i].start < object->end; i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];

		if (mapping->module == module && (mapping->perm & HW_PERM_W) &&
		    mapping->promised < mapping->end - mapping->start)
			return true;
	}
	return false;
}

static void refuse(struct hw_build *build, uint32_t module, const char *code, const char *hint,
		   const char *message)
{
	if (build->refused++ >= WARNED_MAX) {
		if (lacks_data(build->memory, module))
			build->notes->incomplete = true;
		return;
	}
	if (lacks_data(build->memory, module))
		hw_notes_missing(build->notes, code, hint, "%s", message);
	else
		hw_notes_warn(build->notes, code, hint, "%s", message);
}

static const struct hw_build_id *any_id(const struct hw_identity *identity)
{
	return identity->gnu.size ? &identity->gnu : &identity->go;
}

static char *mismatch(const struct hw_object *object, const struct hw_binary *binary)
{
	const struct hw_build_id *a = any_id(&object->identity);
	const struct hw_build_id *b = any_id(&binary->identity);
	g_autofree char *wanted = NULL;
	g_autofree char *found = NULL;

	hw_identity_common(&object->identity, &binary->identity, &a, &b);
	wanted = hw_build_id_hex(a);
	found = hw_build_id_hex(b);
	return g_strdup_printf("%s has build-id %s, but the target ran %s with build-id %s",
			       binary->path, found, object->path, wanted);
}

/* Takes binary: into the object, or frees it. */
static bool judge(struct hw_build *build, uint32_t module, struct hw_binary *binary, bool is_given,
		  GError **error)
{
	struct hw_object *object = &build->memory->objects[module];
	const struct hw_build_id *wanted, *found;
	bool has_id = any_id(&object->identity)->size != 0;
	bool is_known = hw_identity_common(&object->identity, &binary->identity, &wanted, &found);
	g_autofree char *message = NULL;

	if (is_known && hw_build_id_equal(wanted, found)) {
		object->binary = binary;
		return true;
	}
	if (is_known || (has_id && !is_given)) {
		message = mismatch(object, binary);
		hw_binary_free(binary);
		if (is_given) {
			g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED, "%s", message);
			return false;
		}
		refuse(build, module, "binary-mismatch",
		       "give the machine's files with --sysroot, or install that version", message);
		return true;
	}
	message = g_strdup_printf("%s cannot be checked: %s shows no build-id%s", binary->path,
				  has_id ? "the file" : "the target's memory",
				  is_given ? "; used because it was given" : "; not used");
	if (is_given) {
		hw_notes_warn(build->notes, "binary-unverified", NULL, "%s", message);
		object->binary = binary;
		return true;
	}
	hw_binary_free(binary);
	refuse(build, module, "binary-unverified",
	       object->is_exe ? "if it is the right one, give it with --exe" : NULL, message);
	return true;
}

static bool open_given(struct hw_build *build, uint32_t module, GError **error)
{
	g_autofree char *path = g_canonicalize_filename(build->options->exe, NULL);
	struct hw_binary *binary = hw_binary_open("/", path, error);

	if (!binary) {
		g_prefix_error(error, "--exe: ");
		return false;
	}
	return judge(build, module, binary, true, error);
}

static bool is_match(const struct hw_object *object, const struct hw_binary *binary)
{
	const struct hw_build_id *wanted, *found;

	return hw_identity_common(&object->identity, &binary->identity, &wanted, &found) &&
	       hw_build_id_equal(wanted, found);
}

/* The binary that an earlier look at the process had found for it. */
static bool take_earlier(struct hw_build *build, struct hw_object *object)
{
	struct hw_memory *earlier = build->options->earlier;

	for (uint32_t i = 0; earlier && i < earlier->object_count; i++) {
		struct hw_object *other = &earlier->objects[i];

		if (!other->binary || other->start != object->start ||
		    strcmp(other->path, object->path) != 0 || !is_match(object, other->binary))
			continue;
		object->binary = g_steal_pointer(&other->binary);
		return true;
	}
	return false;
}

/* The kernel still has the file that is mapped, whatever its name means by now. */
static bool take_mapped(struct hw_build *build, struct hw_object *object)
{
	const struct hw_target *target = build->memory->target;
	struct hw_binary *binary = NULL;

	for (uint32_t i = 0; target->process && i < target->file_map_count && !binary; i++)
		if (target->file_maps[i].start == object->start)
			binary = hw_process_binary(target->process, object->start,
						   target->file_maps[i].end, NULL);
	/* Also one without a build-id: no name stands between it and the mapping. */
	if (binary && (is_match(object, binary) || !any_id(&object->identity)->size))
		object->binary = binary;
	else
		hw_binary_free(binary);
	return object->binary != NULL;
}

static void open_named(struct hw_build *build, uint32_t module)
{
	struct hw_object *object = &build->memory->objects[module];
	g_autofree char *path = g_strdup(object->path);
	g_autoptr(GError) problem = NULL;
	struct hw_binary *binary;

	/* Replaced on disk, maybe by the same: the build-id tells. */
	if (g_str_has_suffix(path, DELETED))
		path[strlen(path) - strlen(DELETED)] = '\0';
	if (take_earlier(build, object))
		return;
	binary = hw_binary_open(build->options->sysroot, path, &problem);
	if (!(binary && is_match(object, binary)) && take_mapped(build, object)) {
		hw_binary_free(binary);
		return;
	}
	if (binary)
		judge(build, module, binary, false, NULL);
	else
		refuse(build, module, "binary-missing", "give the machine's files with --sysroot",
		       problem->message);
}

static bool open_all(struct hw_build *build, GError **error)
{
	struct hw_memory *memory = build->memory;
	bool is_given = build->options->exe != NULL;
	uint32_t opened = 0;

	for (uint32_t i = 0; i < memory->object_count; i++) {
		if (memory->objects[i].is_exe && is_given) {
			is_given = false;
			if (!open_given(build, i, error))
				return false;
		} else if (opened < OPEN_MAX) {
			open_named(build, i);
			opened += memory->objects[i].binary != NULL;
		} else {
			refuse(build, i, "binary-missing", NULL, "too many binaries");
		}
	}
	if (is_given)
		hw_notes_warn(build->notes, "binary-unverified", NULL,
			      "--exe is not used: no main executable was found in the target");
	if (build->refused > WARNED_MAX)
		hw_notes_warn(
		    build->notes, "binary-missing", "give the machine's files with --sysroot",
		    "and %u more binaries were not found or not used", build->refused - WARNED_MAX);
	return true;
}

/* Where the file's bytes end that the mapping shows: a writable segment reads as
 * zeros behind its p_filesz, whatever the file has there. */
static uint64_t data_end(const struct hw_build *build, const struct hw_mapping *mapping)
{
	const struct hw_layout *layout = &build->layouts[mapping->module];
	const struct hw_object *object = &build->memory->objects[mapping->module];
	uint64_t end = object->binary->size;
	Elf64_Phdr phdr;

	if (!(mapping->perm & HW_PERM_W))
		return end;
	for (uint32_t i = 0; layout->has_elf && hw_elf_phdr(&layout->elf, i, &phdr); i++)
		if (phdr.p_type == PT_LOAD && (phdr.p_flags & PF_W) &&
		    mapping->start >= object->bias + hw_page_down(phdr.p_vaddr) &&
		    mapping->start < object->bias + phdr.p_vaddr + phdr.p_filesz)
			end = MIN(end, phdr.p_offset + phdr.p_filesz);
	return end;
}

/* May bytes that the core's headers leave out be taken from the file? Those that they
 * promise and the file lacks may not: a promise means they had been written to. */
static bool is_fillable(const struct hw_build *build, const struct hw_mapping *mapping)
{
	if (mapping->module == HW_NO_MODULE || mapping->owner != HW_OWNER_MODULE ||
	    mapping->size < mapping->promised || mapping->size == mapping->end - mapping->start)
		return false;
	/* Without private memory in the core, .data of the file is not what it was. */
	if ((mapping->perm & HW_PERM_W) && !build->has_private)
		return false;
	return build->memory->objects[mapping->module].binary != NULL;
}

static bool fill(const struct hw_build *build, struct hw_draft *draft, struct hw_mapping mapping)
{
	const struct hw_binary *binary = build->memory->objects[mapping.module].binary;
	struct hw_mapping rest = mapping;
	uint64_t end = data_end(build, &mapping);

	if (mapping.size) {
		hw_mapping_cut(&mapping, mapping.start + mapping.size, &rest);
		if (!hw_draft_push(draft, &mapping))
			return false;
	}
	if (rest.map_offset < end) {
		rest.size = MIN(end - rest.map_offset, rest.end - rest.start);
		rest.data = binary->map + rest.map_offset;
		rest.source = HW_SOURCE_BINARY;
	}
	return hw_draft_push(draft, &rest);
}

bool hw_build_binaries(struct hw_build *build, GError **error)
{
	struct hw_memory *memory = build->memory;
	struct hw_draft draft = {0};
	bool is_done = true;

	if (!open_all(build, error))
		return false;
	for (uint32_t i = 0; is_done && i < memory->mapping_count; i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];

		if (is_fillable(build, mapping))
			is_done = fill(build, &draft, *mapping);
		else
			is_done = hw_draft_push(&draft, mapping);
	}
	if (is_done && hw_build_adopt(build, &draft))
		return true;
	hw_draft_clear(&draft);
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for the list of mappings");
	return false;
}
