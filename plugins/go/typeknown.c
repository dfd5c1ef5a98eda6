/* SPDX-License-Identifier: Apache-2.0 */
/* typeknown.c -- the runtime's own structs and package time's, by name. */
#include "holders.h"

/* The one of package time among those of a name. */
static const struct go_desc *of_time(struct go_types *types, const char *name)
{
	uint64_t count;
	const struct go_desc *const *all = go_types_all_named(types, name, &count);

	for (uint64_t i = 0; i < count; i++)
		if (go_desc_is(types, all[i], name, "time"))
			return all[i];
	return NULL;
}

/* Since 1.23 all of package time's timers are runtime.timeTimer, of which its types are the head.
 */
static bool find_timers(struct go_types *types, const struct go_desc **known)
{
	const struct go_desc *timer = go_types_named(types, "runtime.timeTimer");

	if (go_types_runtime(types)->layout.minor < 23) {
		known[GO_KNOWN_TIMER] = of_time(types, "time.Timer");
		known[GO_KNOWN_TICKER] = of_time(types, "time.Ticker");
	} else if (timer) {
		known[GO_KNOWN_TIMER] = go_types_renamed(types, timer, "time.Timer");
		known[GO_KNOWN_TICKER] = go_types_renamed(types, timer, "time.Ticker");
		return known[GO_KNOWN_TIMER] && known[GO_KNOWN_TICKER];
	}
	return true;
}

bool go_known_find(struct go_types *types, const struct go_desc **known)
{
	static const char *const names[GO_KNOWN_STRUCTS] = {
	    [GO_KNOWN_HMAP] = "runtime.hmap", [GO_KNOWN_MAP] = "maps.Map",
	    [GO_KNOWN_TABLE] = "maps.table",  [GO_KNOWN_HCHAN] = "runtime.hchan",
	    [GO_KNOWN_G] = "runtime.g",       [GO_KNOWN_P] = "runtime.p",
	    [GO_KNOWN_M] = "runtime.m"};

	for (uint32_t i = 0; i < GO_KNOWN_STRUCTS; i++)
		known[i] = names[i] ? go_types_named(types, names[i]) : NULL;
	return find_timers(types, known);
}
