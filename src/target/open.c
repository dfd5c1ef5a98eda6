/* SPDX-License-Identifier: Apache-2.0 */
/* open.c -- from a path to a mapped ELF64 x86-64 core, or one clear refusal. */
#include "base/error.h"
#include "target/file.h"
#include "target/private.h"
#include "target/unpack.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool refuse_kind(const char *name, mode_t mode, GError **error)
{
	const char *kind = hw_file_kind(mode);

	if (!kind)
		return false;
	g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s is %s, not a core file", name, kind);
	return true;
}

/* stat() before open(): opening a device can have effects, and a FIFO could block. */
static int open_regular(const char *path, const char *name, struct stat *st, GError **error)
{
	int fd;

	if (stat(path, st) != 0) {
		hw_error_errno(error, errno, "%s", name);
		return -1;
	}
	if (refuse_kind(name, st->st_mode, error))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		hw_error_errno(error, errno, "%s: cannot be opened", name);
		return -1;
	}
	if (fstat(fd, st) != 0) {
		hw_error_errno(error, errno, "%s", name);
	} else if (st->st_size <= 0 && S_ISREG(st->st_mode)) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s is empty", name);
	} else if (!refuse_kind(name, st->st_mode, error)) {
		return fd;
	}
	close(fd);
	return -1;
}

/* Maps what fd stands for. */
static bool map_file(struct core *core, GError **error)
{
	struct hw_target *target = core->target;
	struct stat st;

	if (fstat(target->fd, &st) != 0) {
		hw_error_errno(error, errno, "%s", core->name);
		return false;
	}
	target->map_size = (uint64_t)st.st_size;
	target->ends_at = target->map_size;
	target->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	target->map = hw_file_map(target->fd, target->map_size, core->name, error);
	return target->map != NULL;
}

/* A compressed core: from here on fd is its spool file. */
static bool unpack(struct core *core, GError **error)
{
	struct hw_target *target = core->target;
	struct hw_spool spool;
	uint8_t magic[6];
	ssize_t n = pread(target->fd, magic, sizeof(magic), 0);
	bool is_cut;

	if (n <= 0 || !hw_unpack_format(magic, (uint64_t)n))
		return true;
	if (!hw_unpack(target->fd, core->name, core->spool_dir, &spool, core->notes, &is_cut,
		       error))
		return false;
	close(target->fd);
	target->fd = hw_spool_steal(&spool);
	hw_spool_close(&spool);
	return true;
}

bool hw_core_open_file(struct core *core, const char *path, GError **error)
{
	struct hw_target *target = core->target;
	struct stat st;

	target->fd = open_regular(path, core->name, &st, error);
	if (target->fd < 0)
		return false;
	target->faults = hw_target_faults();
	return unpack(core, error) && map_file(core, error);
}

static const char *machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_ARM:
		return "ARM";
	case EM_AARCH64:
		return "AArch64";
	case EM_PPC64:
		return "PowerPC64";
	case EM_S390:
		return "S/390";
	case EM_RISCV:
		return "RISC-V";
	case EM_MIPS:
		return "MIPS";
	case EM_SPARCV9:
		return "SPARC";
	case EM_LOONGARCH:
		return "LoongArch";
	default:
		return NULL;
	}
}

static bool refuse_type(const struct core *core, uint16_t type, GError **error)
{
	const char *what = NULL;

	switch (type) {
	case ET_CORE:
		return false;
	case ET_EXEC:
		what = "an executable";
		break;
	case ET_DYN:
		what = "an executable or shared library";
		break;
	case ET_REL:
		what = "an object file";
		break;
	}
	if (what)
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
			    "%s is %s, not a core file; give the core of a process that ran it",
			    core->name, what);
	else
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
			    "%s is an ELF file of type %u, not a core file", core->name, type);
	return true;
}

static bool refuse_machine(const struct core *core, const uint8_t *ident, uint16_t machine,
			   GError **error)
{
	const char *name = machine_name(machine);

	if (ident[EI_CLASS] == ELFCLASS64 && ident[EI_DATA] == ELFDATA2LSB && machine == EM_X86_64)
		return false;
	if (ident[EI_CLASS] == ELFCLASS32)
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
			    "%s is a 32-bit core file (%s); heapwalk reads 64-bit x86-64 ones",
			    core->name, name ? name : "unknown machine");
	else if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB)
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
			    "%s: ELF class %u, byte order %u; heapwalk reads 64-bit little-endian "
			    "core files",
			    core->name, ident[EI_CLASS], ident[EI_DATA]);
	else
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
			    "%s is a core file of another machine (%s, e_machine %u); heapwalk "
			    "reads x86-64 ones",
			    core->name, name ? name : "unknown", machine);
	return true;
}

bool hw_core_read_header(struct core *core, GError **error)
{
	const struct hw_target *target = core->target;
	const uint8_t *map = target->map;
	Elf64_Ehdr *header = &core->header;
	/* e_type and e_machine lie at 16 and 18 in 32-bit files too. */
	uint16_t kind[2];

	if (target->map_size < SELFMAG || memcmp(map, ELFMAG, SELFMAG)) {
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
			    "%s is not a core file: it is no ELF file", core->name);
		return false;
	}
	if (!hw_elf_copy(map, target->map_size, EI_NIDENT, kind, sizeof(kind))) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "%s ends at 0x%" G_GINT64_MODIFIER "x, inside its ELF header",
			    core->name, target->map_size);
		return false;
	}
	if (map[EI_DATA] == ELFDATA2MSB) {
		kind[0] = GUINT16_SWAP_LE_BE(kind[0]);
		kind[1] = GUINT16_SWAP_LE_BE(kind[1]);
	}
	if (refuse_type(core, kind[0], error) || refuse_machine(core, map, kind[1], error))
		return false;
	if (!hw_elf_copy(map, target->map_size, 0, header, sizeof(*header))) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "%s ends at 0x%" G_GINT64_MODIFIER "x, inside its ELF header",
			    core->name, target->map_size);
		return false;
	}
	return true;
}
