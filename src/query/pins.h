/* SPDX-License-Identifier: Apache-2.0 */
/* pins.h -- reached blocks that are kept by references which see only a part of them: a
 * substring, a subslice, a pointer to a field. Visible is the union of all views.
 *
 * Where the plugin knows nothing of views (C), a pointer to the start sees all, and one behind
 * it an unknown part: such a block is a pin, but what of it is visible is not known. No pins
 * there: a C++ array with a cookie (every pointer 8 bytes in, a plausible count at the
 * start); an object with a vtable that is pointed at no more than 64 bytes in (second
 * bases, make_shared); libc's own blocks (dtv, thread bookkeeping) and the allocator's.
 *
 * In a heap with a collector only reached blocks and roots count as holders: the collector
 * would free the others. In others all do. */
#ifndef HW_QUERY_PINS_H
#define HW_QUERY_PINS_H
#include "graph/views.h"
#include "query/path.h"

#define HW_PIN_MIN     4096
#define HW_PIN_HOLDERS 4 /* Listed of each pin. */

/* One place that refers to a pin. */
struct hw_pin_holder {
	uint32_t node; /* Block id, or blocks + root. */
	hw_addr slot;  /* 0: a register. */
	uint64_t into; /* How far inside the pin. */
	bool has_view; /* view is known. */
	struct hw_view view;
};

struct hw_pin {
	uint32_t block;
	uint64_t size;
	uint64_t views;                 /* References into it, its own aside. */
	uint64_t first_into, last_into; /* Where the lowest and the highest one point. */
	/* With sight.is_known also wasted: size - sight.visible. */
	struct hw_sight sight;
	uint64_t wasted;
	uint32_t holder_count;
	struct hw_pin_holder holders[HW_PIN_HOLDERS]; /* The first ones, by node and slot. */
};

/* Of pins whose visible part is known: those that rest on a guess (HW_GUESSED). */
struct hw_pins_guessed {
	uint64_t blocks, size, visible, wasted;
};

/* Adds a pin that is one of them; does nothing with others. */
void hw_pins_guessed_add(struct hw_pins_guessed *guessed, const struct hw_pin *pin);

struct hw_pins {
	GArray *pins; /* struct hw_pin, by wasted (not known: 0), then size, descending, then
		       * address. */
	uint64_t blocks, size;
	uint64_t known;      /* Of blocks: those whose visible part is known, */
	uint64_t known_size; /* and of these: */
	uint64_t visible, wasted, slack;
	struct hw_pins_guessed guessed; /* A part of these. */
	uint64_t min;
	uint64_t excused; /* Interior-only blocks that are no pins by the rules above. */
};

struct hw_pins *hw_pins_query(struct hw_session *session, uint64_t min, GError **error);
void hw_pins_free(struct hw_pins *pins); /* Accepts NULL. */
#endif
