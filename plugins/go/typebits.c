/* SPDX-License-Identifier: Apache-2.0 */
/* typebits.c -- the pointers of a small value as one word, worked out once for each type. */
#include "types.h"

bool go_desc_bits(struct go_types *types, const struct go_desc *desc, uint64_t *ret)
{
	enum { UNKNOWN = 0, THERE, REFUSED, WORDS_BYTES = 512, AT = 1 << 12 };
	struct go_desc *own;
	uint64_t bits = 0;
	const struct go_wanted wanted = {AT, AT + WORDS_BYTES, &bits};

	if (desc->head.size > WORDS_BYTES)
		return false;
	if (desc->bits_state == UNKNOWN) {
		own = go_types_own(types, desc);
		own->bits_state =
		    go_wanted_type(go_types_runtime(types), &wanted, AT, AT + desc->head.size,
				   &desc->head, AT, AT + desc->head.size)
			? THERE
			: REFUSED;
		own->bits = bits;
	}
	*ret = desc->bits;
	return desc->bits_state == THERE;
}
