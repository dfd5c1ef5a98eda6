/* SPDX-License-Identifier: Apache-2.0 */
/* private.h -- the address space under construction. Private to this stage. */
#ifndef HW_MEMORY_PRIVATE_H
#define HW_MEMORY_PRIVATE_H
#include "memory/memory.h"
#include "target/elf.h"

/* In hw_mapping.perm while building: the core has no header for the range. */
#define PERM_UNKNOWN ((uint32_t)1 << 31)

/* A growing list of mappings, by address. */
struct hw_draft {
	struct hw_mapping *items;
	size_t count;
	size_t room;
};

bool hw_draft_push(struct hw_draft *draft, const struct hw_mapping *mapping);
void hw_draft_clear(struct hw_draft *draft);

/* Cuts *mapping at `at` (inside it): it keeps what lies below, ret is the rest. */
void hw_mapping_cut(struct hw_mapping *mapping, hw_addr at, struct hw_mapping *ret);
/* Narrows mapping to [start, end), which lies inside it. */
void hw_mapping_clip(struct hw_mapping *mapping, hw_addr start, hw_addr end);

/* flatten.c: segments to disjoint mappings; file maps laid over them. */
bool hw_draft_segments(struct hw_draft *draft, const struct hw_target *target);
bool hw_draft_files(struct hw_draft *draft, const struct hw_draft *from,
		    const struct hw_target *target);

/* What is known of an object only while building. */
struct hw_layout {
	struct hw_elf elf; /* Its headers, in the target or in the binary. */
	bool has_elf;      /* elf is valid and was found to fit the mappings. */
};

struct hw_build {
	struct hw_memory *memory;
	const struct hw_memory_options *options;
	struct hw_notes *notes;
	struct hw_layout *layouts; /* One per object. */
	size_t layout_room;
	bool has_private; /* Private anonymous memory was meant to be in the core. */
	uint32_t refused; /* Binaries not found or not used; warned about or not. */
};

/* Replaces the mappings of memory by the draft's (taken). */
bool hw_build_adopt(struct hw_build *build, struct hw_draft *draft);

/* Where one copy of an object lies. */
struct hw_span {
	hw_addr start;
	hw_addr end; /* Exclusive. */
	hw_addr bias;
};

/* By the program headers; at: address of the image's first byte. False when they make
 * no sense. */
bool hw_span_measure(const struct hw_elf *elf, hw_addr at, struct hw_span *ret);

/* checks.c: damage where headers, NT_FILE and the object's own headers disagree. first
 * and end: its mappings. The rest: a mapping that is no object. */
void hw_build_check_object(struct hw_build *build, uint32_t module, uint32_t first, uint32_t end);
void hw_build_check_rest(struct hw_build *build, const struct hw_mapping *mapping);

/* objects.c: finds ELF objects; mappings get owner and module. */
bool hw_build_objects(struct hw_build *build);
/* binaries.c: opens them, fills what the core lacks. */
bool hw_build_binaries(struct hw_build *build, GError **error);
/* owners.c: bss, stacks, vdso; what is missing. */
bool hw_build_bss(struct hw_build *build);
void hw_build_names(struct hw_build *build);
void hw_build_check(struct hw_build *build);
#endif
