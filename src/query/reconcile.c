/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile.c -- rows of the chain, and its levels above the process. */
#include "query/reconcile.h"
#include <string.h>

static void clear_row(gpointer item)
{
	g_free(((struct hw_reconcile_row *)item)->label);
}

void hw_reconcile_init(struct hw_reconcile *chain)
{
	chain->rows = g_array_new(FALSE, TRUE, sizeof(struct hw_reconcile_row));
	g_array_set_clear_func(chain->rows, clear_row);
}

void hw_reconcile_clear(struct hw_reconcile *chain)
{
	g_clear_pointer(&chain->rows, g_array_unref);
}

void hw_reconcile_add(struct hw_reconcile *chain, const char *of, const char *label, uint64_t bytes,
		      const char *why)
{
	struct hw_reconcile_row row = {.of = of, .why = why, .bytes = (int64_t)bytes};

	if (bytes > INT64_MAX)
		return;
	row.label = g_strdup(label);
	g_array_append_val(chain->rows, row);
}

void hw_reconcile_take(struct hw_reconcile *chain, const char *of, const char *label,
		       uint64_t bytes, const char *why)
{
	hw_reconcile_add(chain, of, label, bytes, why);
	if (bytes <= INT64_MAX)
		g_array_index(chain->rows, struct hw_reconcile_row, chain->rows->len - 1).bytes *=
		    -1;
}

const struct hw_reconcile_row *hw_reconcile_find(const struct hw_reconcile *chain,
						 const char *label)
{
	for (guint i = 0; i < chain->rows->len; i++) {
		const struct hw_reconcile_row *row =
		    &g_array_index(chain->rows, struct hw_reconcile_row, i);

		if (!strcmp(row->label, label))
			return row;
	}
	return NULL;
}

void hw_reconcile_rest(struct hw_reconcile *chain, const char *of)
{
	const struct hw_reconcile_row *whole = hw_reconcile_find(chain, of);
	struct hw_reconcile_row rest = {.of = of,
					.why = "counted by the kernel, not by a row above"};

	if (!whole)
		return;
	rest.bytes = whole->bytes;
	for (guint i = 0; i < chain->rows->len; i++) {
		const struct hw_reconcile_row *row =
		    &g_array_index(chain->rows, struct hw_reconcile_row, i);

		if (g_strcmp0(row->of, of) == 0)
			rest.bytes -= row->bytes;
	}
	rest.label = g_strdup("unexplained");
	g_array_append_val(chain->rows, rest);
}

/* The anonymous pages of the cgroup by process. Pages that two of them share after a fork
 * count half each, so the sum is right. */
static void add_peers(struct hw_reconcile *chain, const struct hw_accounts *accounts, int32_t pid)
{
	uint64_t own = HW_NOT_KNOWN, others = 0;

	for (uint32_t i = 0; i < accounts->peer_count; i++) {
		if (accounts->peers[i].pid == pid)
			own = accounts->peers[i].anon;
		else
			others += accounts->peers[i].anon;
	}
	if (own == HW_NOT_KNOWN || !hw_reconcile_find(chain, "anon"))
		return;
	hw_reconcile_add(chain, "anon", "anon of this process", own,
			 "heap, stacks and private data: what the rest of this answer is about");
	hw_reconcile_add(chain, "anon", "anon of other processes", others,
			 "other processes of the same cgroup");
	hw_reconcile_rest(chain, "anon");
}

void hw_reconcile_cgroup(struct hw_reconcile *chain, const struct hw_accounts *accounts,
			 int32_t pid)
{
	const struct hw_cgroup *cgroup = &accounts->cgroup;

	if (!accounts->has_cgroup)
		return;
	hw_reconcile_add(chain, NULL, "cgroup", cgroup->usage,
			 cgroup->version == 2 ? "memory.current" : "memory.usage_in_bytes");
	hw_reconcile_add(chain, "cgroup", "anon", cgroup->anon, "memory of no file");
	hw_reconcile_add(chain, "cgroup", "file", cgroup->file,
			 "page cache: files read or written; the kernel takes it back when it "
			 "needs memory");
	hw_reconcile_add(chain, "cgroup", "shmem", cgroup->shmem, "shared memory and tmpfs");
	hw_reconcile_add(chain, "cgroup", "kernel", cgroup->kernel,
			 "slab, kernel stacks, page tables");
	hw_reconcile_add(chain, "cgroup", "sock", cgroup->sock, "buffers of sockets");
	hw_reconcile_rest(chain, "cgroup");
	add_peers(chain, accounts, pid);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	if (a == HW_NOT_KNOWN || b == HW_NOT_KNOWN)
		return HW_NOT_KNOWN;
	return a > b ? a - b : 0;
}

uint64_t hw_reconcile_working_set(const struct hw_cgroup *cgroup)
{
	return less(cgroup->usage, cgroup->inactive_file);
}

uint64_t hw_reconcile_without_cache(const struct hw_cgroup *cgroup)
{
	return less(less(cgroup->usage, cgroup->file), cgroup->shmem);
}
