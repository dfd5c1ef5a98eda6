/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and checks each heap, and counts what that turned up. */
#include "query/verify.h"
#include "base/progress.h"

static bool verify_heap(struct hw_session *session, uint32_t index, struct hw_verify *v,
			GError **error)
{
	const struct hw_heap *heap = hw_heaps_at(session->heaps, index);
	struct hw_verify_heap entry = {.heap = heap, .checked = heap->plugin->verify != NULL};
	uint64_t before = session->notes.damage_count;

	if (!hw_heaps_ledger(session->heaps, index, error) ||
	    !hw_heaps_verify(session->heaps, index, error))
		return false;
	entry.damage = session->notes.damage_count - before;
	g_array_append_val(v->heaps, entry);
	return true;
}

struct hw_verify *hw_verify_query(struct hw_session *session, GError **error)
{
	struct hw_verify *v = g_new0(struct hw_verify, 1);
	uint32_t count = hw_heaps_count(session->heaps);

	v->heaps = g_array_new(FALSE, TRUE, sizeof(struct hw_verify_heap));
	v->before = session->notes.damage_count;
	for (uint32_t i = 0; i < count; i++) {
		hw_progress("checking heaps", i, count);
		if (!verify_heap(session, i, v, error)) {
			hw_verify_free(v);
			return NULL;
		}
	}
	hw_progress_end();
	hw_target_check(session->target, &session->notes);
	v->damage = session->notes.damage_count;
	return v;
}

void hw_verify_free(struct hw_verify *v)
{
	if (!v)
		return;
	g_array_unref(v->heaps);
	g_free(v);
}
