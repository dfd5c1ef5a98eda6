/* SPDX-License-Identifier: Apache-2.0 */
/* allocsite.c -- who allocated a block: of objects that the memory profile sampled, the span has a
 * record (runtime/mheap.go: specialprofile, a special and behind it a bucket of mprof.go). */
#include "goroutines.h"
#include "ledger.h"
#include "profile.h"
#include "views.h"
#include <string.h>

enum {
	SPECIALS_MAX = 1 << 24,
	BUCKET_NSTK = 40, /* runtime/mprof.go: bucket. */
	BUCKET_SIZE = 48,
	STACK_MAX = 1100,
	NAME_SIZE = 512,
	FILE_SIZE = 1024,
};

static uint32_t profile_kind(const struct go_runtime *rt)
{
	const uint32_t minor = rt->layout.minor;

	return minor >= 25 ? 4 : minor >= 23 ? 3 : 2; /* _KindSpecialProfile */
}

/* The bucket of a sampled object; 0: it was not sampled. */
static hw_addr find_bucket(const struct go_runtime *rt, const struct go_span *span, hw_addr block)
{
	uint64_t special, offset, kind;
	hw_addr bucket = 0;

	if (!go_get(rt, span->addr, GO_MSPAN_SPECIALS, &special))
		return 0;
	for (uint32_t i = 0; special && i < SPECIALS_MAX && !bucket; i++) {
		if (go_get(rt, special, GO_SPECIAL_OFFSET, &offset) &&
		    go_get(rt, special, GO_SPECIAL_KIND, &kind) && kind == profile_kind(rt) &&
		    offset / span->elemsize == (block - span->start) / span->elemsize)
			go_word(rt, special + rt->layout.at[GO_SPECIAL_SIZE], &bucket);
		if (!go_get(rt, special, GO_SPECIAL_NEXT, &special))
			break;
	}
	return bucket;
}

/* What the runtime does to allocate is no news: its own calls before the program's are hidden,
 * as pprof hides them. */
static bool is_runtime(const char *name)
{
	return strncmp(name, "runtime.", 8) == 0 || strncmp(name, "internal/runtime/", 17) == 0;
}

static bool send_call(const struct go_runtime *rt, hw_addr pc, bool is_leading,
		      void (*receiver)(void *self, const struct hw_call *call), void *self)
{
	char name[NAME_SIZE], file[FILE_SIZE] = "";
	int32_t line = 0;
	struct hw_call call = {.struct_size = sizeof(call), .pc = pc};

	if (!go_profile_call(rt, pc, name, sizeof(name), file, sizeof(file), &line))
		return false;
	is_leading = is_leading && is_runtime(name);
	call.function = name;
	call.file = *file ? file : NULL;
	call.line = line > 0 ? (uint32_t)line : 0;
	call.flags = is_leading ? HW_CALL_HIDDEN : 0;
	receiver(self, &call);
	return is_leading;
}

bool go_site(void *handle, uint32_t heap, hw_addr block,
	     void (*receiver)(void *self, const struct hw_call *call), void *self)
{
	const struct go_runtime *rt = go_runtime_of(handle, heap);
	const struct go_span *span = rt ? go_span_find(rt, block) : NULL;
	hw_addr bucket, pc;
	uint64_t count;
	bool is_leading = true;

	if (!span || !span->elemsize || span->state != GO_SPAN_IN_USE)
		return false;
	bucket = find_bucket(rt, span, block);
	if (!bucket || !go_word(rt, bucket + BUCKET_NSTK, &count) || !count || count > STACK_MAX)
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (go_word(rt, bucket + BUCKET_SIZE + i * 8, &pc))
			is_leading = send_call(rt, pc, is_leading, receiver, self);
	return true;
}
