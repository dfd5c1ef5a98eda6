/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h -- one address space, whatever the target was.
 *
 * Ranges are sorted, do not overlap, and each is backed by bytes, by nothing
 * (missing), or partly: the first `size` bytes are there. Where segments of a core
 * overlap, the earlier one in the file wins. Bytes that the core lacks are taken
 * from the binary it names when the build-ids match. Immutable once made, but for
 * the owner of a range, which heaps claim later through hw_memory_claim(). */
#ifndef HW_MEMORY_MEMORY_H
#define HW_MEMORY_MEMORY_H
#include "target/binary.h"
#include "target/target.h"

enum hw_source {
	HW_SOURCE_NONE = 0, /* Not in the target, not found elsewhere. */
	HW_SOURCE_CORE,
	HW_SOURCE_BINARY, /* A file on this machine, checked by build-id. */
};

/* One piece of address space with one owner and one source. */
struct hw_mapping {
	hw_addr start;
	hw_addr end;          /* Exclusive. */
	const uint8_t *data;  /* Borrowed; NULL when size is 0. */
	uint64_t size;        /* Bytes held from start on. */
	uint64_t promised;    /* Bytes the core's headers promised; > size where it is cut. */
	uint64_t file_offset; /* Of data in the core (HW_SOURCE_CORE): for holes. */
	uint64_t map_offset;  /* Offset into the mapped file, when name is a file. */
	uint32_t perm;        /* HW_PERM_ bits; 0: PROT_NONE, a reserve mostly, but bytes may
			       * be there: a range that was in use before. */
	uint32_t owner;       /* enum hw_owner. */
	uint32_t source;      /* enum hw_source. */
	uint32_t module;      /* Index into modules, or HW_NO_MODULE. */
	bool is_unlisted;     /* Only NT_FILE has it; perm is the program header's. */
	const char *name;     /* Path or "[stack]", "[vdso]", …; NULL when nameless. Borrowed. */
};

/* An ELF object the target has mapped. */
struct hw_object {
	char *path;       /* As the target names it; valid UTF-8. */
	const char *name; /* Base name inside path. */
	hw_addr start;    /* Lowest address mapped. */
	hw_addr end;      /* Exclusive; bss included. */
	hw_addr bias;     /* Load address - p_vaddr. */
	bool is_exe;
	struct hw_identity identity; /* From the target's memory. */
	struct hw_binary *binary;    /* NULL: not found or refused; see the warnings. */
};

struct hw_memory_options {
	const char *sysroot; /* Default "/". */
	const char *exe;     /* Main executable on this machine, or NULL. */
	/* An earlier look at the same process: binaries that are still the same are taken
	 * out of it instead of being opened again. NULL: none. */
	struct hw_memory *earlier;
};

struct hw_memory {
	const struct hw_target *target;
	struct hw_mapping *mappings; /* By start, disjoint. */
	uint32_t mapping_count;
	struct hw_object *objects; /* By start; the vdso is none. */
	uint32_t object_count;
	/* Private. */
	size_t mapping_room;
	size_t object_room;
	uint32_t *last; /* Last hit of hw_memory_find(), relaxed atomic: a hint only. */
	GStringChunk *strings;
};

/* Builds the address space. Binaries that are missing or refused by build-id become
 * warnings (codes binary-missing, binary-mismatch: both ids shown); an options->exe
 * that is refused is an error (UNSUPPORTED). NULL on error. */
struct hw_memory *hw_memory_new(const struct hw_target *target,
				const struct hw_memory_options *options, struct hw_notes *notes,
				GError **error);
void hw_memory_free(struct hw_memory *memory); /* Accepts NULL. */

/* Index of the mapping that contains addr, or of the first one above it;
 * mapping_count past the last. O(log mappings), O(1) near the last hit. */
uint32_t hw_memory_find(const struct hw_memory *memory, hw_addr addr);

/* Borrowed pointer to the bytes at addr and how many follow without a gap (at most
 * to the end of its mapping). NULL for a miss. */
const uint8_t *hw_memory_peek(const struct hw_memory *memory, hw_addr addr, uint64_t *size_ret);

/* Copies up to size bytes across mappings; returns how many before the first miss. */
uint64_t hw_memory_read(const struct hw_memory *memory, hw_addr addr, void *buf, uint64_t size);

/* One aligned or unaligned word; false on a miss. */
bool hw_memory_word(const struct hw_memory *memory, hw_addr addr, uint64_t *ret);

/* First stretch of [from, end) that is held and no hole of the file. */
bool hw_memory_data(const struct hw_memory *memory, hw_addr from, hw_addr end, hw_addr *start_ret,
		    hw_addr *end_ret);

/* Bytes of [start, end) that are held and that are neither a hole nor a page of
 * zeros, counted by whole pages. What a core shows of residency: a lower bound. */
uint64_t hw_memory_nonzero(const struct hw_memory *memory, hw_addr start, hw_addr end);

/* Gives [start, end) to a heap (owner HW_OWNER_HEAP, name copied), splitting mappings
 * where needed. Parts that no mapping covers become new ones with source NONE and
 * perm 0 (gdb leaves PROT_NONE reserves out). Borrowed data pointers stay valid,
 * mapping indexes do not. Module memory is left alone. False when out of memory. */
bool hw_memory_claim(struct hw_memory *memory, hw_addr start, hw_addr end, const char *name);
#endif
