/* SPDX-License-Identifier: Apache-2.0 */
/* resident.c -- pages against mappings, claims and blocks. */
#include "query/resident.h"
#include <string.h>

#define PAGE 4096u

static const char *look_up(void *arg, const char *name)
{
	return hw_target_text(arg, name);
}

struct hw_accounts *hw_resident_accounts(struct hw_session *session)
{
	if (!hw_target_text(session->target, "smaps"))
		return NULL;
	return hw_accounts_new(look_up, session->target, &session->notes);
}

/* Resident bytes of blocks, by state; blocks come by ascending address. */
struct tally {
	const struct hw_target *target;
	size_t page;               /* The first run that may still matter. */
	uint64_t bytes[HW_STATES]; /* Without what is lazy. */
};

static void add_block(struct tally *tally, const struct hw_block *block)
{
	const struct hw_target *target = tally->target;
	hw_addr end = block->addr + block->size;

	while (tally->page < target->page_count && target->pages[tally->page].end <= block->addr)
		tally->page++;
	for (size_t i = tally->page; i < target->page_count && target->pages[i].start < end; i++)
		if ((target->pages[i].flags & (HW_PAGE_PRESENT | HW_PAGE_LAZY)) == HW_PAGE_PRESENT)
			tally->bytes[block->state] += MIN(end, target->pages[i].end) -
						      MAX(block->addr, target->pages[i].start);
}

static bool add_batch(void *arg, const struct hw_blocks *batch)
{
	const uint8_t *at = (const uint8_t *)batch->blocks;

	for (uint32_t i = 0; i < batch->count; i++, at += batch->block_size)
		add_block(arg, (const struct hw_block *)(const void *)at);
	return true;
}

/* Resident bytes of a heap: its claims, but those inside modules (an arena in libc's data),
 * which are the module's. Claims are sorted and may overlap. */
static uint64_t heap_resident(struct hw_session *session, uint32_t heap, uint64_t *lazy_ret)
{
	const struct hw_memory *memory = session->memory;
	uint32_t count;
	const struct hw_claimed *claims = hw_heaps_claims(session->heaps, &count);
	uint64_t bytes = 0;
	hw_addr done = 0;

	*lazy_ret = 0;
	for (uint32_t i = 0; i < count; i++) {
		hw_addr start = MAX(claims[i].start, done);

		if (claims[i].heap != heap || start >= claims[i].end)
			continue;
		done = claims[i].end;
		for (uint32_t m = hw_memory_find(memory, start);
		     m < memory->mapping_count && memory->mappings[m].start < done; m++)
			if (memory->mappings[m].owner == HW_OWNER_HEAP) {
				hw_addr from = MAX(start, memory->mappings[m].start);
				hw_addr to = MIN(done, memory->mappings[m].end);

				bytes += hw_target_resident(session->target, from, to);
				*lazy_ret += hw_target_lazy(session->target, from, to);
			}
	}
	return bytes;
}

/* A heap's resident bytes: what its blocks have, and what its ledger can account for
 * besides. More than that is not explained. */
static bool add_heap(struct hw_session *session, struct hw_reconcile *chain, uint32_t index,
		     const char *label, uint64_t resident, uint64_t lazy, GError **error)
{
	const struct hw_heap *heap = hw_heaps_at(session->heaps, index);
	const uint64_t *rows = heap->ledger.bytes;
	struct tally tally = {.target = session->target};
	uint64_t seen = lazy, left, others;

	if (!hw_heaps_blocks(session->heaps, index, add_batch, &tally, error))
		return false;
	for (int state = 0; state < HW_STATES; state++)
		seen += tally.bytes[state];
	hw_reconcile_add(chain, label, "live", tally.bytes[HW_LIVE], "held by the program");
	hw_reconcile_add(chain, label, "cached", tally.bytes[HW_CACHED], "freed, kept by a thread");
	hw_reconcile_add(chain, label, "free", tally.bytes[HW_FREE],
			 "freed, kept by the allocator");
	hw_reconcile_add(chain, label, "lazy", lazy, "given back with MADV_FREE, still in memory");
	others = rows[HW_ROW_OVERHEAD] + rows[HW_ROW_METADATA] + rows[HW_ROW_STACKS] +
		 rows[HW_ROW_LAZY] + rows[HW_ROW_FREE] -
		 MIN(rows[HW_ROW_FREE], tally.bytes[HW_FREE]) + rows[HW_ROW_UNTOUCHED];
	left = resident > seen ? resident - seen : 0;
	hw_reconcile_add(chain, label, "other rows", MIN(left, others),
			 "headers, metadata, stacks, free pages without blocks");
	hw_reconcile_rest(chain, label);
	return true;
}

static bool add_heaps(struct hw_session *session, struct hw_reconcile *chain, bool with_blocks,
		      GError **error)
{
	uint32_t count = hw_heaps_count(session->heaps);
	g_autofree uint64_t *bytes = g_new0(uint64_t, count + 1);
	g_autofree uint64_t *lazy = g_new0(uint64_t, count + 1);
	g_autoptr(GPtrArray) labels = g_ptr_array_new();

	for (uint32_t i = 0; i < count; i++) {
		g_autofree char *name = hw_session_heap_label(hw_heaps_at(session->heaps, i));
		g_autofree char *label = g_strdup_printf("%s resident", name);

		bytes[i] = heap_resident(session, i, &lazy[i]);
		g_ptr_array_add(labels, (gpointer)(uintptr_t)g_intern_string(label));
		hw_reconcile_add(chain, "heaps resident", labels->pdata[i], bytes[i],
				 "its memory in RAM");
	}
	hw_reconcile_rest(chain, "heaps resident");
	for (uint32_t i = 0; with_blocks && i < count; i++)
		if (!add_heap(session, chain, i, labels->pdata[i], bytes[i], lazy[i], error))
			return false;
	return true;
}

static void add_owners(struct hw_session *session, const struct hw_accounts *accounts,
		       struct hw_reconcile *chain)
{
	static const char *const labels[HW_OWNERS] = {
	    [HW_OWNER_MODULE] = "modules resident", [HW_OWNER_HEAP] = "heaps resident",
	    [HW_OWNER_STACK] = "stacks resident",   [HW_OWNER_FILE] = "files resident",
	    [HW_OWNER_ANON] = "anonymous resident", [HW_OWNER_VDSO] = "vdso resident",
	};
	static const char *const why[HW_OWNERS] = {
	    [HW_OWNER_MODULE] = "programs and libraries",
	    [HW_OWNER_HEAP] = "claimed by an allocator",
	    [HW_OWNER_STACK] = "of threads",
	    [HW_OWNER_FILE] = "mapped files",
	    [HW_OWNER_ANON] = "memory of no file that no heap claims",
	    [HW_OWNER_VDSO] = "the kernel's pages",
	};
	uint64_t bytes[HW_OWNERS] = {0};

	for (uint32_t i = 0; i < session->memory->mapping_count; i++) {
		const struct hw_mapping *m = &session->memory->mappings[i];

		bytes[m->owner] += hw_target_resident(session->target, m->start, m->end);
	}
	for (int owner = 0; owner < HW_OWNERS; owner++)
		if (labels[owner])
			hw_reconcile_add(chain, "RSS", labels[owner], bytes[owner], why[owner]);
	if (accounts->total.hugetlb)
		hw_reconcile_take(chain, "RSS", "hugetlb, not in RSS", accounts->total.hugetlb,
				  "pages of hugetlbfs are above, but the kernel counts them apart");
	hw_reconcile_rest(chain, "RSS");
}

bool hw_resident_query(struct hw_session *session, const struct hw_accounts *accounts,
		       bool with_blocks, struct hw_reconcile *chain, GError **error)
{
	if (!accounts)
		return true;
	hw_reconcile_cgroup(chain, accounts, session->target->pid);
	hw_reconcile_add(chain, NULL, "RSS", accounts->total.rss,
			 "the sum over smaps: pages this process has in memory");
	add_owners(session, accounts, chain);
	return add_heaps(session, chain, with_blocks, error);
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

uint64_t hw_resident_huge_waste(const struct hw_session *session,
				const struct hw_accounts *accounts)
{
	const struct hw_target *target = session->target;
	uint64_t bytes = 0, huge = 0;

	for (size_t i = 0; i < target->page_count; i++) {
		const struct hw_page_run *run = &target->pages[i];

		if (!(run->flags & HW_PAGE_HUGE) || (run->flags & HW_PAGE_FILE))
			continue;
		huge += run->end - run->start;
		for (hw_addr at = run->start; at < run->end; at += PAGE) {
			uint64_t size = 0;
			const uint8_t *page = target->has_contents
						  ? hw_memory_peek(session->memory, at, &size)
						  : NULL;

			if (!page || size < PAGE)
				return HW_NOT_KNOWN;
			bytes += is_zero(page) ? PAGE : 0;
		}
	}
	/* More only with hugetlb pages, which smaps counts apart. */
	return accounts && huge >= accounts->total.huge ? bytes : HW_NOT_KNOWN;
}
