/* SPDX-License-Identifier: Apache-2.0 */
/* labels.c -- the labels that pprof.Do() gave a goroutine. g.labels points at a
 * runtime/pprof.labelMap: up to 1.23 a map[string]string (src/runtime/map.go), since
 * 1.24 a list of pairs (src/runtime/pprof/label.go). */
#include "labels.h"

enum {
	BUCKET_SLOTS = 8,
	BUCKET_KEYS = 8,                                 /* Behind tophash[8]. */
	BUCKET_VALUES = BUCKET_KEYS + BUCKET_SLOTS * 16, /* Strings are 16 bytes. */
	BUCKET_NEXT = BUCKET_VALUES + BUCKET_SLOTS * 16,
	BUCKET_SIZE = BUCKET_NEXT + 8,
	TOPHASH_FILLED = 5, /* minTopHash: smaller ones mark empty and moved slots. */
	B_MAX = 6,          /* 64 buckets hold more labels than are kept. */
	CHAIN_MAX = 16,
};

static bool read_string(const struct go_runtime *rt, hw_addr at, char *buf)
{
	hw_addr ptr;
	uint64_t len;

	buf[0] = 0;
	if (!go_word(rt, at, &ptr) || !go_word(rt, at + 8, &len))
		return false;
	return !len || go_text(rt, ptr, len, buf, GO_LABEL_BYTES);
}

static void keep(const struct go_runtime *rt, struct go_labels *to, hw_addr key, hw_addr value)
{
	uint32_t n = to->count;

	if (n == GO_LABELS_MAX || !read_string(rt, key, to->keys[n]) ||
	    !read_string(rt, value, to->values[n]))
		return;
	to->labels[n].key = to->keys[n];
	to->labels[n].value = to->values[n];
	to->count++;
}

static void read_bucket(const struct go_runtime *rt, struct go_labels *to, hw_addr bucket)
{
	for (uint32_t i = 0; i < BUCKET_SLOTS; i++) {
		uint8_t top;

		if (go_u8(rt, bucket + i, &top) && top >= TOPHASH_FILLED)
			keep(rt, to, bucket + BUCKET_KEYS + i * 16,
			     bucket + BUCKET_VALUES + i * 16);
	}
}

/* A map that grows has its elements in the old buckets, too: those moved have a low tophash. */
static void read_buckets(const struct go_runtime *rt, struct go_labels *to, hw_addr buckets,
			 uint64_t count)
{
	for (uint64_t i = 0; i < count && buckets; i++) {
		hw_addr at = buckets + i * BUCKET_SIZE;

		for (int n = 0; n < CHAIN_MAX && at; n++) {
			read_bucket(rt, to, at);
			if (!go_word(rt, at + BUCKET_NEXT, &at))
				break;
		}
	}
}

static void read_map(const struct go_runtime *rt, struct go_labels *to, hw_addr hmap)
{
	uint64_t b, buckets, old;

	if (!go_get(rt, hmap, GO_HMAP_B, &b) || b > B_MAX ||
	    !go_get(rt, hmap, GO_HMAP_BUCKETS, &buckets) ||
	    !go_get(rt, hmap, GO_HMAP_OLDBUCKETS, &old))
		return;
	read_buckets(rt, to, buckets, UINT64_C(1) << b);
	read_buckets(rt, to, old, old && b ? UINT64_C(1) << (b - 1) : 0);
}

void go_labels_read(const struct go_runtime *rt, hw_addr labels, struct go_labels *to)
{
	struct go_slice list;
	hw_addr hmap;

	to->count = 0;
	if (!labels)
		return;
	if (rt->layout.minor < 24) {
		if (go_word(rt, labels, &hmap) && hmap)
			read_map(rt, to, hmap);
		return;
	}
	if (!go_slice_read(rt, labels, &list) || list.len > list.cap)
		return;
	for (uint64_t i = 0; i < list.len && i < GO_LABELS_MAX; i++)
		keep(rt, to, list.ptr + i * 32, list.ptr + i * 32 + 16);
}
