/* SPDX-License-Identifier: Apache-2.0 */
/* sizeclasses.c -- what a span of a class looks like. */
#include "sizeclasses.h"

enum {
	NEWEST = 26, /* Of the releases that were looked at. */
	MASKED_MAX =
	    512, /* mbitmap.go: spans of such objects have their pointer bits at the end, */
	INLINE_MIN =
	    16, /* and of these, with Green Tea, 128 bytes of marks (mgcmark_greenteagc.go). */
	INLINE_MARKS = 128,
};

static const struct {
	uint16_t size;
	uint8_t pages;
} classes[] = {
    {0, 0},     {8, 1},      {16, 1},    {24, 1},    {32, 1},    {48, 1},    {64, 1},    {80, 1},
    {96, 1},    {112, 1},    {128, 1},   {144, 1},   {160, 1},   {176, 1},   {192, 1},   {208, 1},
    {224, 1},   {240, 1},    {256, 1},   {288, 1},   {320, 1},   {352, 1},   {384, 1},   {416, 1},
    {448, 1},   {480, 1},    {512, 1},   {576, 1},   {640, 1},   {704, 1},   {768, 1},   {896, 1},
    {1024, 1},  {1152, 1},   {1280, 1},  {1408, 2},  {1536, 1},  {1792, 2},  {2048, 1},  {2304, 2},
    {2688, 1},  {3072, 3},   {3200, 2},  {3456, 3},  {4096, 1},  {4864, 3},  {5376, 2},  {6144, 3},
    {6528, 4},  {6784, 5},   {6912, 6},  {8192, 1},  {9472, 7},  {9728, 6},  {10240, 5}, {10880, 4},
    {12288, 3}, {13568, 5},  {14336, 7}, {16384, 2}, {18432, 9}, {19072, 7}, {20480, 5}, {21760, 8},
    {24576, 3}, {27264, 10}, {28672, 7}, {32768, 4},
};
#define CLASSES  (sizeof(classes) / sizeof(*classes))
#define CLASS_24 3 /* Not there up to 1.15: the later ones move down by one. */

/* Row of a class; 0 when there is none. */
static uint32_t row_of(const struct go_runtime *rt, uint32_t sizeclass)
{
	if (rt->layout.minor <= 15 && sizeclass >= CLASS_24)
		sizeclass++;
	return sizeclass < CLASSES ? sizeclass : 0;
}

static struct go_class make(const struct go_runtime *rt, uint32_t row)
{
	uint32_t below = row ? row - 1 : 0;

	if (below == CLASS_24 && rt->layout.minor <= 15)
		below--;
	return (struct go_class){classes[row].size, classes[row].pages, classes[below].size};
}

struct go_class go_class(const struct go_runtime *rt, uint32_t sizeclass)
{
	return make(rt, row_of(rt, sizeclass));
}

struct go_class go_class_of(const struct go_runtime *rt, uint64_t size)
{
	for (uint32_t row = 1; row < CLASSES; row++)
		if (classes[row].size == size && (row != CLASS_24 || rt->layout.minor > 15))
			return make(rt, row);
	return make(rt, 0);
}

/* Slots of a span that keeps `reserve` bytes at its end (mheap.go, initSpan). */
static bool has_slots(const struct go_span *s, uint64_t reserve)
{
	return s->nelems == (go_span_bytes(s) - reserve) / s->elemsize;
}

/* Bytes that pointer bits take at the end of a span. */
static uint64_t mask_bytes(const struct go_runtime *rt, const struct go_span *s)
{
	bool is_masked = rt->layout.minor >= 22 && s->elemsize <= MASKED_MAX && !(s->spanclass & 1);

	return is_masked ? go_span_bytes(s) / 64 : 0;
}

/* An experiment in 1.25, on by default in 1.26. */
static bool may_have_marks(const struct go_runtime *rt, const struct go_span *s)
{
	return rt->layout.minor >= 25 && s->spanclass >= 2 && s->elemsize >= INLINE_MIN &&
	       s->elemsize <= MASKED_MAX;
}

static bool fits_slots(const struct go_runtime *rt, const struct go_span *s)
{
	uint64_t reserve = mask_bytes(rt, s);

	return has_slots(s, reserve) ||
	       (may_have_marks(rt, s) && has_slots(s, reserve + INLINE_MARKS));
}

int go_class_marks(const struct go_runtime *rt, const struct go_span *s)
{
	uint64_t reserve;

	if (rt->layout.minor > NEWEST || !may_have_marks(rt, s))
		return 0;
	reserve = mask_bytes(rt, s);
	return (int)has_slots(s, reserve + INLINE_MARKS) - (int)has_slots(s, reserve);
}

bool go_class_fits(const struct go_runtime *rt, const struct go_span *s)
{
	struct go_class class = go_class(rt, s->spanclass / 2);

	if (rt->layout.minor > NEWEST)
		return true;
	if (s->spanclass < 2) /* A chunk of a user arena keeps its bitmap at its end. */
		return s->nelems == 1 &&
		       (s->elemsize == go_span_bytes(s) ||
			((s->flags & GO_SPAN_USER_ARENA) && s->elemsize < go_span_bytes(s)));
	return class.size && s->elemsize == class.size && s->npages == class.pages &&
	       fits_slots(rt, s);
}
