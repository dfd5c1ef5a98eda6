/* SPDX-License-Identifier: Apache-2.0 */
/* allgs.c -- the list of every g that was ever made (runtime/proc.go). */
#include "goroutines.h"

enum { ALLGS_PIECE = 512 };

static hw_addr allgs_addr(const struct go_runtime *rt)
{
	hw_addr addr = rt->globals.allgs;

	if (!addr)
		rt->host->symbol(rt->host->self, rt->image.module, "runtime.allgs", &addr);
	return addr;
}

bool go_allgs(const struct go_runtime *rt, struct go_slice *ret)
{
	hw_addr addr = allgs_addr(rt);

	if (!addr || !go_slice_read(rt, addr, ret) || ret->len > ret->cap ||
	    ret->cap > UINT64_MAX / 8)
		return false;
	return true;
}

/* allgadd() only appends, and growslice() clears what is beyond: a pointer there means that
 * the length is too small. */
static void check_tail(const struct go_runtime *rt, const struct go_slice *allgs)
{
	uint64_t word;

	if (allgs->len < allgs->cap && go_word(rt, allgs->ptr + allgs->len * 8, &word) && word)
		rt->host->damage(rt->host->self, allgs->ptr + allgs->len * 8,
				 "allgs has a g behind its last one");
}

bool go_allgs_each(const struct go_runtime *rt, bool (*fn)(void *arg, hw_addr g), void *arg)
{
	struct go_slice allgs;
	uint64_t words[ALLGS_PIECE];

	if (!go_allgs(rt, &allgs)) {
		rt->host->damage(rt->host->self, rt->globals.allgs,
				 "allgs is not in the target, or no slice");
		return true;
	}
	check_tail(rt, &allgs);
	for (uint64_t done = 0; done < allgs.len;) {
		uint64_t n = allgs.len - done < ALLGS_PIECE ? allgs.len - done : ALLGS_PIECE;
		uint64_t got = rt->host->read(rt->host->self, allgs.ptr + done * 8, words, n * 8);

		for (uint64_t i = 0; i < got / 8; i++)
			if (!fn(arg, words[i]))
				return false;
		if (got / 8 < n) { /* Also bounds the loop by what is there. */
			rt->host->damage(rt->host->self, allgs.ptr + (done + got / 8) * 8,
					 "allgs: %llu of %llu entries are not in the target",
					 (unsigned long long)(allgs.len - done - got / 8),
					 (unsigned long long)allgs.len);
			return true;
		}
		done += n;
	}
	return true;
}
