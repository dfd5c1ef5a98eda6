/* SPDX-License-Identifier: Apache-2.0 */
/* types.h -- runtime type descriptors: what the compiler wrote of every type that a program
 * can meet at run time, and what package reflect made of its own. They lie between
 * moduledata.types and etypes, stripped or not, or in the heap.
 *
 *   runtime/type.go to 1.20, internal/abi/type.go since: the head of bits.h, then by kind
 *     array      elem, slice, len                  pointer, slice   elem
 *     chan       elem, dir                         struct           pkgPath, fields
 *     map        key, elem, bucket (1.24: group), hasher (1.14), sizes, flags
 *     interface  pkgPath, methods                  func             inCount, outCount
 *   A field is {name, type, offset}; to 1.18 the offset's lowest bit says embedded. A name is
 *   a byte of flags, its length (two bytes, high first; since 1.17 a varint), its text.
 *
 * The target is not trusted: a descriptor is only taken when its sizes, alignments, pointer
 * bytes and parts agree with each other. */
#ifndef GO_TYPES_H
#define GO_TYPES_H
#include "bits.h"

struct go_field_desc {
	const char *name; /* "_" for a blank one. */
	hw_addr type;
	uint64_t offset;
};

/* One of the pointers of a value; count of them, stride bytes apart (elements of an array). */
enum go_slot_kind {
	GO_SLOT_POINTER = 1,
	GO_SLOT_UNSAFE,
	GO_SLOT_STRING,
	GO_SLOT_SLICE,
	GO_SLOT_INTERFACE, /* offset is that of the type word or itab; the data word is next. */
	GO_SLOT_MAP,
	GO_SLOT_CHAN,
	GO_SLOT_FUNC,
};
struct go_slot {
	uint64_t offset;
	uint64_t stride;
	uint32_t count;
	uint32_t kind; /* enum go_slot_kind */
	hw_addr type;  /* Of the slot itself: *T, []T, string, … */
	hw_addr elem;  /* Of a pointer, slice or channel: what it leads to; 0: not known. */
};

/* Types of the library that are more than they say: by name. */
enum go_role {
	GO_ROLE_NONE = 0,
	GO_ROLE_BUCKET,     /* map.bucket[K]V, to 1.23. */
	GO_ROLE_ENTRY,      /* sync.entry. */
	GO_ROLE_NODE,       /* sync.node[K,V]. */
	GO_ROLE_POOL_LOCAL, /* sync.poolLocal. */
};

/* One descriptor. It does not move, and nothing but slots and bits is added later. */
struct go_desc {
	struct go_type head;
	uint32_t index; /* Its number in the cache, from 1. */
	uint32_t hash;
	const char *name;       /* As Go prints it: "main.idData", "map[string]main.idData". */
	hw_addr elem;           /* Of an array, slice, pointer, channel or map. */
	hw_addr key;            /* Of a map, like the next five. */
	hw_addr bucket;         /* To 1.23; the group of slots since. */
	bool is_swiss;          /* The design of 1.24. */
	bool has_key_pointers;  /* The slot has pointers to keys instead of keys, */
	bool has_elem_pointers; /* and to elements. */
	uint8_t align;
	bool has_methods; /* An interface's first word is an itab, not a type. */
	uint32_t slot_count;
	uint32_t field_count;
	uint64_t slot_size;   /* Swiss: bytes of a slot. */
	uint64_t elem_offset; /* Swiss: of the element in its slot. */
	uint64_t length;      /* Of an array. */
	const struct go_field_desc *fields;
	const struct go_slot *slots; /* For go_desc_slots(). */
	uint8_t slots_state;
	uint8_t role;       /* enum go_role */
	uint8_t bits_state; /* For go_desc_bits(). */
	uint64_t bits;
};

/* Descriptors by address, kept with what was refused. Growing it is for one thread at a
 * time; reading what is there, for any number. */
struct go_types;
struct go_types *go_types_new(const struct go_runtime *rt); /* NULL: no memory. */
void go_types_free(struct go_types *types);                 /* Accepts NULL. */
/* Was there no memory for a descriptor? Answers since then may lack some. */
bool go_types_broken(const struct go_types *types);

/* NULL when there is no descriptor, or none that can be believed. */
const struct go_desc *go_types_at(struct go_types *types, hw_addr addr);
/* The one of a number; NULL past the last. */
const struct go_desc *go_types_index(const struct go_types *types, uint32_t index);
uint32_t go_types_count(const struct go_types *types); /* The highest number. */

/* runtime/runtime2.go: itab, {inter, type, hash, …}: the type that implements inter. NULL when
 * it is none. inter_ret may be NULL. */
const struct go_desc *go_types_itab(struct go_types *types, hw_addr itab,
				    const struct go_desc **inter_ret);
/* The type of what an interface holds, by its first word. NULL when it holds nothing, or
 * nothing that makes sense. */
const struct go_desc *go_types_held(struct go_types *types, bool has_methods, hw_addr word);
/* Is the second word of an interface that holds such a value the value itself? */
bool go_desc_is_direct(const struct go_types *types, const struct go_desc *desc);
/* typebits.c: the pointers of one value of at most 512 bytes, bit i: word i. False: of a larger
 * one, or its mask cannot be had. */
bool go_desc_bits(struct go_types *types, const struct go_desc *desc, uint64_t *ret);
/* The import path of a named type's package; false when it has none. */
bool go_desc_package(const struct go_types *types, const struct go_desc *desc, char *buf,
		     uint64_t size);

/* One more of the same layout, that no descriptor of the program's file has: of another name, which
 * is the caller's. NULL: no memory. */
const struct go_desc *go_types_renamed(struct go_types *types, const struct go_desc *desc,
				       const char *name);

/* typeslots.c: the pointers of a value, by offset (of the first of each run). False: they are
 * too many, or a part has no descriptor. Borrowed. */
bool go_desc_slots(struct go_types *types, const struct go_desc *desc,
		   const struct go_slot **slots_ret, uint32_t *count_ret);
/* The slot that covers a byte of a value, as a run of one; false: no pointer, or not known. */
bool go_desc_slot_at(struct go_types *types, const struct go_desc *desc, uint64_t offset,
		     struct go_slot *ret);
/* One step into a value; *offset becomes that in the part. A field's name, or NULL and an element's
 * index. NULL: it has no part there. */
const struct go_desc *go_desc_step(struct go_types *types, const struct go_desc *desc,
				   uint64_t *offset, const char **name_ret, uint64_t *index_ret);
/* What stands at an offset of a value: ".Msg", "[3].key"; "" for a value without parts. Returns
 * the length, at most size - 1 (it is cut there). *leaf_ret, which may be NULL: the innermost
 * part's type. */
uint64_t go_desc_path(struct go_types *types, const struct go_desc *desc, uint64_t offset,
		      char *buf, uint64_t size, const struct go_desc **leaf_ret);

/* Every descriptor between types and etypes of the modules, by trying every place where one
 * could be. False when out of memory or stopped. */
bool go_types_scan(struct go_types *types);
/* A channel of elements of a type (kind GO_KIND_CHAN), a map with buckets or groups of one
 * (GO_KIND_MAP); NULL when there is none. Of several one without a name of its own, of channels one
 * for both directions, then the lowest. */
const struct go_desc *go_types_around(struct go_types *types, uint8_t kind, hw_addr part);
/* Do descriptors of the program's file lie there? */
bool go_types_hold(const struct go_runtime *rt, hw_addr addr);
/* After that: the first of a name among those that were found; NULL when there is none. */
const struct go_desc *go_types_named(const struct go_types *types, const char *name);
/* All of a name, one after the other. */
const struct go_desc *const *go_types_all_named(const struct go_types *types, const char *name,
						uint64_t *count_ret);

/* typenames.c: the name of a type as people are to read it: as Go prints it, and with the whole
 * import path where another package has a type of the same name: "example.com/b.Item". */
void go_desc_full_name(struct go_types *types, const struct go_desc *desc, char *buf,
		       uint64_t size);

/* Between types.c, typekinds.c and typeslots.c. */
enum { GO_NAME_MAX = 4096, GO_TFLAG_NAMED = 4 };
void *go_types_room(struct go_types *types, uint64_t size); /* NULL: no memory; zeros. */
/* The same memory each time, for typeslots.c alone. */
void *go_types_scratch(struct go_types *types, uint64_t size);
const struct go_runtime *go_types_runtime(const struct go_types *types);
struct go_desc *go_types_own(struct go_types *types, const struct go_desc *desc);
/* A name that ptr points at; NULL when it makes no sense. Borrowed from the cache. */
const char *go_types_name(struct go_types *types, hw_addr ptr);
/* Reads what comes behind the head, by kind, and checks the two together. */
bool go_desc_read_kind(struct go_types *types, struct go_desc *desc);
/* The name of a type that has none in the target: package reflect's. NULL when it cannot be
 * put together. */
const char *go_desc_compose(struct go_types *types, const struct go_desc *desc, uint32_t depth);
const struct go_desc *go_types_at_depth(struct go_types *types, hw_addr addr, uint32_t depth);
#endif
