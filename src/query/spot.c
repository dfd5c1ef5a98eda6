/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the block at an address: the table has the live ones, the heap the others. */
#include "query/spot.h"
#include "query/show.h"

const char *const hw_spot_state_names[HW_SPOT_STATES] = {
    "reached", "unreached", "cached", "free", "none", "unmapped", "internal",
};

bool hw_spot_find(struct hw_session *s, hw_addr addr, struct hw_spot *ret, GError **error)
{
	struct hw_spot spot = {.addr = addr, .state = HW_SPOT_UNMAPPED, .id = HW_NO_BLOCK};
	struct hw_show show;
	uint32_t id = hw_table_at(s->table, addr);

	if (id != HW_NO_BLOCK) {
		spot.id = id;
		spot.start = hw_table_addr(s->table, id);
		spot.size = hw_table_size(s->table, id);
		spot.state = hw_graph_is_reached(s->graph, id) ? HW_SPOT_REACHED
			     : hw_table_flags(s->table, id) & HW_BLOCK_INTERNAL
				 ? HW_SPOT_INTERNAL
				 : HW_SPOT_UNREACHED;
		*ret = spot;
		return true;
	}
	if (!hw_show_query(s, addr, &show, error))
		return false;
	if (show.place.mapping)
		spot.state = HW_SPOT_NONE;
	if (show.has_block && show.block.state != HW_LIVE) {
		spot.state = show.block.state == HW_CACHED ? HW_SPOT_CACHED : HW_SPOT_FREE;
		spot.start = show.block.addr;
		spot.size = show.block.size;
	}
	*ret = spot;
	return true;
}
