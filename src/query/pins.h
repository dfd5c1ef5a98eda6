/* SPDX-License-Identifier: Apache-2.0 */
/* pins.h -- reached blocks that only interior pointers hold: nothing anywhere points at
 * their start. How much of such a block is needed cannot be known without types, so
 * visible and wasted are not.
 *
 * No pins: a C++ array with a cookie (every pointer 8 bytes in, a plausible count at the
 * start); an object with a vtable that is pointed at no more than 64 bytes in (second
 * bases, make_shared); libc's own blocks (dtv, thread bookkeeping) and the allocator's. */
#ifndef HW_QUERY_PINS_H
#define HW_QUERY_PINS_H
#include "query/path.h"

#define HW_PIN_MIN     4096
#define HW_PIN_HOLDERS 4 /* Listed of each pin. */

/* One place that points into a pin. */
struct hw_pin_holder {
	uint32_t node; /* Block id, or blocks + root. */
	hw_addr slot;  /* 0: a register. */
	uint64_t into; /* How far inside the pin. */
};

struct hw_pin {
	uint32_t block;
	uint64_t size;
	uint64_t views;                 /* References into it, its own aside. */
	uint64_t first_into, last_into; /* Where the lowest and the highest one point. */
	uint32_t holder_count;
	struct hw_pin_holder holders[HW_PIN_HOLDERS]; /* The first ones, by node and slot. */
};

struct hw_pins {
	GArray *pins; /* struct hw_pin, by size descending, then address. */
	uint64_t blocks, size;
	uint64_t min;
	uint64_t excused; /* Interior-only blocks that are no pins by the rules above. */
};

struct hw_pins *hw_pins_query(struct hw_session *session, uint64_t min, GError **error);
void hw_pins_free(struct hw_pins *pins); /* Accepts NULL. */
#endif
