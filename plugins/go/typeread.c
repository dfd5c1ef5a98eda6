/* SPDX-License-Identifier: Apache-2.0 */
/* typeread.c -- the head of a type descriptor, and where its pointer mask is. */
#include "bits.h"
#include <string.h>

bool go_type_read(const struct go_runtime *rt, hw_addr addr, struct go_type *ret)
{
	struct go_type type = {.addr = addr};
	uint8_t bytes[48];

	if (!addr || addr % 8 || !go_read(rt, addr, bytes, sizeof(bytes)))
		return false;
	memcpy(&type.size, bytes, 8);
	memcpy(&type.ptrdata, bytes + 8, 8);
	memcpy(&type.gcdata, bytes + 32, 8);
	type.tflag = bytes[20];
	type.kind = bytes[23] & 31;
	type.flags = bytes[23] & ~31;
	if (type.size > (UINT64_C(1) << 47) || type.ptrdata > type.size || type.ptrdata % 8)
		return false;
	*ret = type;
	return true;
}

hw_addr go_type_mask(const struct go_runtime *rt, const struct go_type *type)
{
	enum { ON_DEMAND = 1 << 4 /* tflag, 1.24 */, PROGRAM = 1 << 6 /* kind, to 1.23 */ };
	hw_addr mask;

	if (rt->layout.minor >= 24 && type->tflag & ON_DEMAND)
		return go_word(rt, type->gcdata, &mask) ? mask : 0;
	if (rt->layout.minor < 24 && type->flags & PROGRAM)
		return 0;
	return type->gcdata;
}
