/* SPDX-License-Identifier: Apache-2.0 */
/* binary.c -- ELF files that a target names. The names come from the target, so a file
 * is looked at before it is opened (a device may act on being opened, a FIFO may
 * block) and a sysroot is never left, whatever links it has inside. */
#include "target/binary.h"
#include "base/error.h"
#include "target/elf.h"
#include "target/file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Like open() with root as "/"; root is a directory's descriptor, or -1 for ours. */
static int open_below(int root, const char *path, int flags)
{
	struct open_how how = {
	    .flags = (uint64_t)(flags | O_CLOEXEC),
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	if (root < 0)
		return open(path, flags | O_CLOEXEC);
	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static bool check_kind(int fd, const char *shown, struct stat *st, GError **error)
{
	const char *kind;

	if (fstat(fd, st) != 0) {
		hw_error_errno(error, errno, "%s", shown);
		return false;
	}
	kind = hw_file_kind(st->st_mode);
	if (kind)
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s is %s, not an ELF file", shown,
			    kind);
	else if (st->st_size <= 0)
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s is empty", shown);
	else
		return true;
	return false;
}

static int open_regular(int root, const char *path, const char *shown, struct stat *st,
			GError **error)
{
	int fd = open_below(root, path, O_PATH);
	bool is_regular;

	if (fd < 0) {
		hw_error_errno(error, errno, "%s", shown);
		return -1;
	}
	is_regular = check_kind(fd, shown, st, error);
	close(fd);
	if (!is_regular)
		return -1;
	fd = open_below(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		hw_error_errno(error, errno, "%s: cannot be opened", shown);
		return -1;
	}
	/* Again: the name may mean another file by now. */
	if (check_kind(fd, shown, st, error))
		return fd;
	close(fd);
	return -1;
}

static int open_in(const char *sysroot, const char *path, const char *shown, struct stat *st,
		   GError **error)
{
	int root = -1;
	int fd;

	if (sysroot && strcmp(sysroot, "/") != 0 && *sysroot) {
		root = open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0) {
			hw_error_errno(error, errno, "sysroot %s", sysroot);
			return -1;
		}
	}
	fd = open_regular(root, path, shown, st, error);
	if (root >= 0)
		close(root);
	return fd;
}

static bool read_elf(struct hw_binary *binary, const char *shown, GError **error)
{
	struct hw_elf elf;

	binary->map = hw_file_map(binary->fd, binary->size, shown, error);
	if (!binary->map)
		return false;
	if (!hw_elf_init(&elf, binary->map, binary->size)) {
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED, "%s is no x86-64 ELF file",
			    shown);
		return false;
	}
	hw_identity_find(binary->map, binary->size, true, &binary->identity);
	return true;
}

struct hw_binary *hw_binary_open(const char *sysroot, const char *path, GError **error)
{
	bool is_root = !sysroot || !*sysroot || !strcmp(sysroot, "/");
	g_autofree char *full = is_root ? g_strdup(path) : g_build_filename(sysroot, path, NULL);
	g_autofree char *shown = g_filename_display_name(full);
	struct hw_binary *binary;
	struct stat st;
	int fd;

	if (path[0] != '/') {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s: not an absolute path", shown);
		return NULL;
	}
	fd = open_in(sysroot, path, shown, &st, error);
	if (fd < 0)
		return NULL;
	binary = g_new0(struct hw_binary, 1);
	binary->fd = fd;
	binary->path = g_steal_pointer(&full);
	binary->size = (uint64_t)st.st_size;
	if (read_elf(binary, shown, error))
		return binary;
	hw_binary_free(binary);
	return NULL;
}

struct hw_binary *hw_binary_open_at(int dir, const char *name, GError **error)
{
	struct hw_binary *binary;
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0) {
		hw_error_errno(error, errno, "%s", name);
		return NULL;
	}
	if (!check_kind(fd, name, &st, error)) {
		close(fd);
		return NULL;
	}
	binary = g_new0(struct hw_binary, 1);
	binary->fd = fd;
	binary->path = g_strdup(name);
	binary->size = (uint64_t)st.st_size;
	if (read_elf(binary, name, error))
		return binary;
	hw_binary_free(binary);
	return NULL;
}

void hw_binary_free(struct hw_binary *binary)
{
	if (!binary)
		return;
	hw_file_unmap(binary->map, binary->size);
	close(binary->fd);
	g_free(binary->path);
	g_free(binary);
}

bool hw_build_id_equal(const struct hw_build_id *a, const struct hw_build_id *b)
{
	return a->size == b->size && a->is_text == b->is_text && a->size <= HW_BUILD_ID_MAX &&
	       !memcmp(a->bytes, b->bytes, a->size);
}

char *hw_build_id_hex(const struct hw_build_id *id)
{
	GString *hex = g_string_new(NULL);

	for (uint32_t i = 0; i < id->size && i < HW_BUILD_ID_MAX; i++) {
		if (id->is_text)
			g_string_append_c(hex,
					  g_ascii_isgraph(id->bytes[i]) ? (char)id->bytes[i] : '?');
		else
			g_string_append_printf(hex, "%02x", id->bytes[i]);
	}
	if (!hex->len)
		g_string_append(hex, "none");
	return g_string_free(hex, FALSE);
}

bool hw_identity_common(const struct hw_identity *a, const struct hw_identity *b,
			const struct hw_build_id **a_ret, const struct hw_build_id **b_ret)
{
	bool is_gnu = a->gnu.size && b->gnu.size;

	if (!is_gnu && !(a->go.size && b->go.size))
		return false;
	*a_ret = is_gnu ? &a->gnu : &a->go;
	*b_ret = is_gnu ? &b->gnu : &b->go;
	return true;
}

static void take(const struct hw_elf_note *note, bool is_text, struct hw_build_id *ret)
{
	if (ret->size || note->desc_size == 0 || note->desc_size > HW_BUILD_ID_MAX)
		return;
	ret->size = (uint32_t)note->desc_size;
	ret->is_text = is_text;
	memcpy(ret->bytes, note->desc, note->desc_size);
}

#define NT_GO_BUILD_ID 4 /* cmd/internal/buildid: elfGoBuildIDTag */

void hw_identity_in_notes(const uint8_t *bytes, uint64_t size, uint64_t p_align,
			  struct hw_identity *ret)
{
	struct hw_elf_note note;
	uint64_t offset = 0;

	while (hw_elf_note(bytes, size, p_align == 8 ? 8 : 4, &offset, &note) == HW_ELF_NOTE) {
		if (hw_elf_note_is(&note, "GNU", NT_GNU_BUILD_ID))
			take(&note, false, &ret->gnu);
		else if (hw_elf_note_is(&note, "Go", NT_GO_BUILD_ID))
			take(&note, true, &ret->go);
	}
}

/* By section headers: what `objcopy --only-keep-debug` leaves of program headers
 * need not point at the notes, and Go's linker leaves GNU's note out of them. */
static void find_in_sections(const struct hw_elf *elf, struct hw_identity *ret)
{
	Elf64_Shdr section;

	if (elf->header.e_shentsize != sizeof(section))
		return;
	for (uint32_t i = 0; i < elf->header.e_shnum && !ret->gnu.size; i++) {
		if (!hw_elf_copy(elf->image, elf->size, elf->header.e_shoff + i * sizeof(section),
				 &section, sizeof(section)))
			return;
		if (section.sh_type == SHT_NOTE && section.sh_offset < elf->size)
			hw_identity_in_notes(elf->image + section.sh_offset,
					     MIN(section.sh_size, elf->size - section.sh_offset),
					     section.sh_addralign, ret);
	}
}

void hw_identity_find(const uint8_t *image, uint64_t size, bool is_file, struct hw_identity *ret)
{
	struct hw_elf elf;
	Elf64_Phdr phdr;
	uint64_t base = 0; /* p_vaddr of the image's first byte. */
	bool has_base = is_file;

	*ret = (struct hw_identity){0};
	if (!hw_elf_init(&elf, image, size))
		return;
	for (uint32_t i = 0; !has_base && hw_elf_phdr(&elf, i, &phdr); i++) {
		if (phdr.p_type == PT_LOAD) {
			base = phdr.p_vaddr - phdr.p_offset;
			has_base = true;
		}
	}
	for (uint32_t i = 0; has_base && hw_elf_phdr(&elf, i, &phdr); i++) {
		uint64_t at = is_file ? phdr.p_offset : phdr.p_vaddr - base;

		if (phdr.p_type == PT_NOTE && at < size)
			hw_identity_in_notes(image + at, MIN(phdr.p_filesz, size - at),
					     phdr.p_align, ret);
	}
	if (is_file)
		find_in_sections(&elf, ret);
}
