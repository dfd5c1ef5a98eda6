/* SPDX-License-Identifier: Apache-2.0 */
/* pin_groups.h -- pins added up: by who holds them, by their type, by who allocated them. */
#ifndef HW_QUERY_PIN_GROUPS_H
#define HW_QUERY_PIN_GROUPS_H
#include "query/pins.h"

enum hw_pins_by {
	HW_PINS_HOLDER = 0, /* The root of a shortest path: a variable; slots of the same place of
			     * code in several stacks together. */
	HW_PINS_TYPE,       /* Of the block. */
	HW_PINS_SITE,       /* The calls that allocated it, where the runtime sampled them. */
	HW_PINS_BYS
};
extern const char *const hw_pins_by_names[HW_PINS_BYS];

struct hw_pin_call {
	char *function;
	char *file; /* Or NULL. */
	uint32_t line;
};

struct hw_pin_group {
	const char *key; /* Borrowed from the groups; NULL: not known. */
	uint32_t root;   /* By holder: index of the first root met. */
	GArray *calls;   /* By site: struct hw_pin_call, innermost first; the runtime's own before
			  * the program's left out. */
	uint64_t blocks, size, size_min, size_max;
	/* Of those whose visible part is known. */
	uint64_t known, known_size, visible, visible_min, visible_max, wasted, slack;
	struct hw_pins_guessed guessed; /* A part of these. */
	uint64_t kinds[HW_PIN_KINDS];
	uint32_t confidence; /* enum hw_confidence: the worst. */
};

struct hw_pin_groups {
	enum hw_pins_by by;
	GArray *groups; /* struct hw_pin_group, by wasted, then size, descending, then key. */
	/* Private. */
	GStringChunk *strings;
};

struct hw_pin_groups *hw_pin_groups_query(struct hw_session *session, const struct hw_pins *pins,
					  enum hw_pins_by by, GError **error);
void hw_pin_groups_free(struct hw_pin_groups *groups); /* Accepts NULL. */

/* The calls that allocated a block, as in struct hw_pin_group; NULL: not known. Free with
 * g_array_unref(). */
GArray *hw_pin_site(struct hw_session *session, uint32_t block);
#endif
