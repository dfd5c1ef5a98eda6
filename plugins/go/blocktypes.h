/* SPDX-License-Identifier: Apache-2.0 */
/* blocktypes.h -- what the blocks of a heap are, as far as it can be known without debug info.
 *
 * Types come from where the runtime wrote them (headers of objects above 512 bytes, since 1.22),
 * from variables that debug info names, and from the first words of interfaces in the data
 * segments; then from every typed value to what its pointers lead to, the last found first. A guess
 * is refused when the block's size class or its pointer bits contradict it. Two that both
 * fit: the surer source; then the type with the larger values (*T to the first field of an U says
 * T, where *U says U); then an array of them; then the lower descriptor.
 *
 * What no typed value reaches is looked at word by word at last, for interfaces and functions.
 * Single threaded, in an order that depends on addresses alone. */
#ifndef GO_BLOCKTYPES_H
#define GO_BLOCKTYPES_H
#include "types.h"
#include "variables.h"

/* What a block is to its type. Ordered: of two the later one wins, all else alike. */
enum go_form {
	GO_FORM_VALUE = 0, /* One of desc. */
	GO_FORM_STRING,    /* Bytes of a string. desc: NULL. */
	GO_FORM_ARRAY,     /* What a slice of desc points at, or buckets, or groups of slots. */
	GO_FORM_FUNC,      /* A func value: its code, then what it captured. desc: NULL, the
			    * header's, or that of closures.h. */
	GO_FORM_CHAN,      /* runtime.hchan. desc: the channel's type. */
	GO_FORM_TABLE,     /* internal/runtime/maps.table. desc: the map's type; NULL: not known, */
	GO_FORM_DIRECTORY, /* Its pointers to tables. Likewise. */
	GO_FORM_MAP,       /* runtime.hmap, maps.Map. Likewise. */
};

/* What the runtime makes its containers of: their parts see all of what they point at. */
static inline bool go_form_is_container(enum go_form form)
{
	return form >= GO_FORM_CHAN;
}

/* How it is known. Ordered: a larger one is surer. */
enum go_how {
	GO_HOW_NONE = 0,
	GO_HOW_VIEW,       /* A string or slice of a part of it: a guess. */
	GO_HOW_PROPAGATED, /* A pointer in a typed value. */
	GO_HOW_CLOSURE,    /* Its first word is a function. */
	GO_HOW_CODE,       /* And code says of which type the struct is (closures.h). */
	GO_HOW_DEBUG,      /* A pointer in a variable of debug info. */
	GO_HOW_INTERFACE,  /* The first word of an interface that points at it. */
	GO_HOW_HEADER,     /* The runtime's own record of the block. */
};

struct go_block_type {
	const struct go_desc *desc;
	enum go_form form;
	enum go_how how;
	hw_addr func;   /* GO_FORM_FUNC: its entry. */
	hw_addr first;  /* Of the first value: behind a header. */
	uint64_t bytes; /* From there to the end of the block. */
	uint64_t count; /* Values that there is room for: 1 for GO_FORM_VALUE. */
	/* What it is a part of and has no meaning without: the map of buckets and groups, the
	 * channel of a buffer, sync.Map's entry of an interface; NULL: of nothing, or not known
	 * here. */
	const struct go_desc *inside;
};

/* A block's place in the tables. */
struct go_place {
	const struct go_span *span;
	uint64_t number; /* Of the slot, over all spans. */
	hw_addr slot;
	hw_addr first;
	uint64_t bytes;
	bool has_header;
	bool is_noscan;
};

struct go_block_types;
/* All of a runtime's. NULL when out of memory or stopped. */
struct go_block_types *go_block_types_new(const struct go_runtime *rt);
void go_block_types_free(struct go_block_types *blocks); /* Accepts NULL. */
struct go_types *go_block_types_cache(struct go_block_types *blocks);
/* The slot that covers an address, allocated or not. */
bool go_block_place(const struct go_block_types *blocks, hw_addr addr, struct go_place *ret);
/* False when the type of the block that covers addr is not known. */
bool go_block_type(const struct go_block_types *blocks, hw_addr addr, struct go_block_type *ret);
/* A func value may be of several types: what is said of its words would be a guess. */
bool go_block_is_unclear(const struct go_block_types *blocks, const struct go_block_type *type);
/* The variable of debug info, or its part, that covers addr; NULL. */
const struct go_variable *go_block_variable(const struct go_block_types *blocks, hw_addr addr);

/* For typefield.c: the host's number of the type of the block that covers addr, 0 when it has
 * not been asked for one; NULL when the type is not known. */
uint32_t *go_blocks_host_type(struct go_block_types *blocks, hw_addr addr);

/* typenames.c: "[]main.idData", "func literal main.Push.func1". */
void go_block_type_name(struct go_block_types *blocks, const struct go_block_type *type, char *buf,
			uint64_t size);
void go_func_literal_name(const struct go_runtime *rt, hw_addr entry, char *buf, uint64_t size);
/* What a map is made of, as the compiler calls it: map.bucket[K]V, map.group[K]V. */
bool go_desc_is_map_part(const struct go_desc *desc);

/* holders.c: what blocks are parts of a container that people know as one thing, and how such a
 * container's parts are called. */
enum go_holder {
	GO_HOLDER_NONE = 0,
	GO_HOLDER_MAP,
	GO_HOLDER_CHAN,
	GO_HOLDER_SYNC_MAP,
	GO_HOLDER_LIST,
	GO_HOLDER_POOL,
	GO_HOLDER_CONTEXT,
};
/* By a type that only such a container has. */
enum go_holder go_desc_holder(struct go_types *types, const struct go_desc *desc);
/* Of which the block that covers addr is a part: its name. False: of none. */
bool go_block_inside(struct go_block_types *blocks, hw_addr addr, char *buf, uint64_t size);
bool go_inside(void *handle, uint32_t heap, hw_addr block, char *buf, uint64_t size);
/* For typefield.c: adds what stands at an offset of a value at base, with containers' own parts
 * left out and interfaces' types asserted. Returns the bytes added. */
uint64_t go_holder_path(struct go_block_types *blocks, const struct go_desc *desc, hw_addr base,
			uint64_t offset, uint32_t flags, char *buf, uint64_t size);
/* Of the path to a variable, which has a desc and is a container's own field: without the field.
 * Returns the length. */
uint64_t go_holder_cut(struct go_block_types *blocks, const struct go_variable *variable,
		       char *path);
/* typefield.c: "[key@0x… len 7]". */
uint64_t go_key_text(struct go_block_types *blocks, const struct go_desc *key, hw_addr at,
		     uint32_t flags, char *buf, uint64_t size);

/* For struct hw_plugin. */
bool go_types(void *handle);
bool go_type_of(void *handle, uint32_t heap, hw_addr block, struct hw_typed *ret);
bool go_field(void *handle, hw_addr slot, uint32_t flags, char *buf, uint64_t size);
/* typevalues.c */
bool go_fields(void *handle, hw_addr addr, uint32_t flags,
	       void (*receiver)(void *self, const struct hw_part *part), void *self);

bool go_variable_type(void *handle, hw_addr slot, char *buf, uint64_t size);

/* Between blocktypes.c and typespread.c, typeseeds.c, typefit.c. */
struct go_guess {
	enum go_form form;
	enum go_how how;
	const struct go_desc *desc;
	hw_addr func;
	hw_addr at;                   /* Where the values are said to begin. */
	uint64_t bytes;               /* And how many bytes of them. */
	const struct go_desc *inside; /* As in struct go_block_type. */
};
/* Structs of the runtime by name; NULL when the program has no descriptor of one. */
enum go_known {
	GO_KNOWN_HMAP,
	GO_KNOWN_MAP,
	GO_KNOWN_TABLE,
	GO_KNOWN_HCHAN,
	GO_KNOWN_G,
	GO_KNOWN_P,
	GO_KNOWN_M,
	GO_KNOWN_TIMER,  /* Of package time, with what it has for the runtime. */
	GO_KNOWN_TICKER, /* Likewise. */
	GO_KNOWN_STRUCTS
};
/* typeknown.c: fills known after go_types_scan(). False when out of memory. */
bool go_known_find(struct go_types *types, const struct go_desc **known);
const struct go_desc *go_blocks_known(const struct go_block_types *blocks, enum go_known which);
const struct go_runtime *go_blocks_runtime(const struct go_block_types *blocks);
bool go_blocks_word(struct go_block_types *blocks, hw_addr addr, uint64_t *ret);
/* The pointer bits of a slot of at most 512 bytes, bit i: word i, where the span has them
 * (from 1.22); false: elsewhere, or not at hand. */
bool go_block_bits(const struct go_block_types *blocks, const struct go_place *place,
		   uint64_t *ret);
bool go_blocks_is_typed(const struct go_block_types *blocks, uint64_t number);
/* A variable without a name that a typed pointer leads to: values that the compiler laid out. */
bool go_blocks_add_static(struct go_block_types *blocks, const struct go_desc *desc, hw_addr addr);
bool go_blocks_add_variable(struct go_block_types *blocks, const struct go_variable *variable);
void go_blocks_sort_variables(struct go_block_types *blocks); /* When all have been added. */
/* Takes a guess for what it is worth; false when out of memory. */
bool go_blocks_offer(struct go_block_types *blocks, const struct go_guess *guess);
/* typefit.c: would an object of so many bytes have got a slot of this size? */
bool go_place_is_class_of(const struct go_runtime *rt, const struct go_place *place,
			  uint64_t bytes);
/* How sure a guess is: 0: it is refused. */
uint32_t go_guess_fits(struct go_block_types *blocks, const struct go_place *place,
		       const struct go_guess *guess);
const struct go_desc *go_place_header(struct go_block_types *blocks, const struct go_place *place);
/* typestructs.c: offers what a block that nothing typed leads to is by its contents, when it is a
 * part of one of the runtime's containers; *is_one_ret then. */
bool go_seed_struct(struct go_block_types *blocks, const struct go_place *place, bool *is_one_ret);
/* May a block be the head of a map by its contents? *map_ret: NULL where they do not say of which.
 */
bool go_map_at(struct go_block_types *blocks, const struct go_place *place,
	       const struct go_desc **map_ret);
/* Do the buckets or groups of such a head fit a map's type? */
bool go_map_fits(struct go_block_types *blocks, const struct go_place *place,
		 const struct go_desc *map);
/* mapcode.c: offers the maps that variables without a name lead to, by the code that uses them.
 * False when out of memory or stopped. */
bool go_seed_maps(struct go_block_types *blocks);
/* typespread.c: offers what the pointers of values lead to. inside: what they are the parts of, or
 * NULL. */
bool go_spread_parts(struct go_block_types *blocks, const struct go_desc *desc, hw_addr at,
		     uint64_t count, enum go_how how, const struct go_desc *inside);
bool go_spread_values(struct go_block_types *blocks, const struct go_desc *desc, hw_addr at,
		      uint64_t count, enum go_how how);
bool go_spread_block(struct go_block_types *blocks, const struct go_place *place,
		     const struct go_block_type *type);
/* An interface whose first word, at addr, is a type or an itab. *is_one_ret: it is one. */
bool go_spread_interface(struct go_block_types *blocks, hw_addr addr, bool *is_one_ret);
bool go_spread_func(struct go_block_types *blocks, hw_addr func, enum go_how how);
/* typeseeds.c: where all begins. False when out of memory or stopped. */
bool go_seed_all(struct go_block_types *blocks);
bool go_seed_untyped(struct go_block_types *blocks);
#endif
