/* SPDX-License-Identifier: Apache-2.0 */
/* read.c -- reading words, fields, slices and strings of the target. */
#include "go.h"
#include <string.h>

bool go_read(const struct go_runtime *rt, hw_addr addr, void *buf, uint64_t n)
{
	uint64_t there;
	const void *bytes = rt->host->peek(rt->host->self, addr, &there);

	if (bytes && there >= n) {
		memcpy(buf, bytes, n);
		return true;
	}
	return bytes && rt->host->read(rt->host->self, addr, buf, n) == n;
}

const void *go_bytes(const struct go_runtime *rt, hw_addr addr, uint64_t n)
{
	uint64_t there;
	const void *bytes = rt->host->peek(rt->host->self, addr, &there);

	return bytes && there >= n ? bytes : NULL;
}

bool go_word(const struct go_runtime *rt, hw_addr addr, uint64_t *ret)
{
	uint64_t word;

	if (!go_read(rt, addr, &word, sizeof(word)))
		return false;
	*ret = word;
	return true;
}

bool go_u32(const struct go_runtime *rt, hw_addr addr, uint32_t *ret)
{
	uint32_t word;

	if (!go_read(rt, addr, &word, sizeof(word)))
		return false;
	*ret = word;
	return true;
}

bool go_u8(const struct go_runtime *rt, hw_addr addr, uint8_t *ret)
{
	return go_read(rt, addr, ret, 1);
}

static uint32_t width_of(const struct go_layout *layout, enum go_field field)
{
	return layout->width[field] < 8 ? layout->width[field] : 8;
}

bool go_get(const struct go_runtime *rt, hw_addr addr, enum go_field field, uint64_t *ret)
{
	uint64_t value = 0;

	if (!go_has(&rt->layout, field) ||
	    !go_read(rt, addr + rt->layout.at[field], &value, width_of(&rt->layout, field)))
		return false;
	*ret = value;
	return true;
}

uint64_t go_pick(const struct go_layout *layout, const void *bytes, uint64_t size,
		 enum go_field field)
{
	uint32_t width = width_of(layout, field);
	uint64_t value = 0;

	if (go_has(layout, field) && layout->at[field] <= size && width <= size - layout->at[field])
		memcpy(&value, (const uint8_t *)bytes + layout->at[field], width);
	return value;
}

hw_addr go_at(const struct go_runtime *rt, hw_addr addr, enum go_field field)
{
	return go_has(&rt->layout, field) ? addr + rt->layout.at[field] : 0;
}

bool go_slice_read(const struct go_runtime *rt, hw_addr addr, struct go_slice *ret)
{
	struct go_slice slice;

	if (!addr || !go_read(rt, addr, &slice, sizeof(slice)))
		return false;
	*ret = slice;
	return true;
}

bool go_text(const struct go_runtime *rt, hw_addr addr, uint64_t len, char *buf, uint64_t size)
{
	uint64_t n = len < size - 1 ? len : size - 1;

	if (!go_read(rt, addr, buf, n))
		return false;
	buf[n] = 0;
	for (uint64_t i = 0; i < n; i++)
		if ((uint8_t)buf[i] < 0x20 || buf[i] == 0x7f)
			buf[i] = '?';
	return true;
}
