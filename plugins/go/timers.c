/* SPDX-License-Identifier: Apache-2.0 */
/* timers.c -- time.Timer and time.Ticker as people know them: a channel C or a function. The rest
 * is the runtime's (time/sleep.go, time/tick.go, runtime/time.go):
 *
 *   to 1.22   {C, r runtimeTimer}, which has runtime.timer's fields
 *   1.23-     runtime.timeTimer {c, init, timer}; its head is what package time declares
 *
 * What a timer calls says that it is package time's: time.sendTime or time.goFunc. */
#include "holders.h"
#include "pclntab.h"
#include <string.h>

enum go_timer_call go_timer_calls(const struct go_runtime *rt, hw_addr timer)
{
	struct go_func func;
	uint64_t value, entry;
	char name[16];

	if (!go_get(rt, timer, GO_TIMER_F, &value) || !value || !go_word(rt, value, &entry) ||
	    !go_func_find(rt, entry, &func) || func.entry != entry)
		return GO_TIMER_OTHER;
	go_func_name(rt, func.module, func.name, name, sizeof(name));
	return !strcmp(name, "time.goFunc")     ? GO_TIMER_FUNC
	       : !strcmp(name, "time.sendTime") ? GO_TIMER_SEND
						: GO_TIMER_OTHER;
}

/* Where the runtime's part begins. */
static uint64_t runtime_part(const struct go_desc *desc)
{
	for (uint32_t i = 0; i < desc->field_count; i++)
		if (strcmp(desc->fields[i].name, "r") == 0 ||
		    strcmp(desc->fields[i].name, "timer") == 0)
			return desc->fields[i].offset;
	return UINT64_MAX;
}

const struct go_desc *go_timer_at(struct go_block_types *blocks, const struct go_place *place)
{
	static const enum go_known known[] = {GO_KNOWN_TIMER, GO_KNOWN_TICKER};
	const struct go_runtime *rt = go_blocks_runtime(blocks);

	for (uint32_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct go_desc *desc = go_blocks_known(blocks, known[i]);
		const uint64_t part = desc ? runtime_part(desc) : UINT64_MAX;
		const struct go_guess guess = {.how = GO_HOW_PROPAGATED,
					       .desc = desc,
					       .at = place->first,
					       .bytes = desc ? desc->head.size : 0};
		uint64_t period = 0;

		if (part == UINT64_MAX || !go_place_is_class_of(rt, place, guess.bytes) ||
		    !go_timer_calls(rt, place->first + part) ||
		    !go_get(rt, place->first + part, GO_TIMER_PERIOD, &period) ||
		    (period != 0) != (known[i] == GO_KNOWN_TICKER))
			continue;
		return go_guess_fits(blocks, place, &guess) > 1 ? desc : NULL;
	}
	return NULL;
}

bool go_timers_hold(struct go_types *types, const struct go_desc *elem)
{
	if (elem->head.kind == GO_KIND_POINTER) {
		elem = go_types_at(types, elem->elem);
		return elem && go_desc_is(types, elem, "runtime.timer", "runtime");
	}
	return go_desc_is(types, elem, "runtime.timerWhen", "runtime");
}

bool go_timer_field(struct go_text *t, struct go_block_types *blocks, const struct go_desc *desc,
		    hw_addr base, const char *field, bool *is_done_ret)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);

	if (strcmp(desc->name, "time.Timer") == 0 || strcmp(desc->name, "time.Ticker") == 0) {
		*is_done_ret = strcmp(field, "c") == 0 || strcmp(field, "C") == 0;
		go_text_add(t, *is_done_ret ? ".C" : "");
		return true;
	}
	if (strcmp(field, "arg") != 0)
		return false;
	switch (go_timer_calls(rt, base)) {
	case GO_TIMER_FUNC:
		go_text_add(t, "[timer function]");
		break;
	case GO_TIMER_SEND:
		go_text_add(t, ".C");
		break;
	case GO_TIMER_OTHER:
	default:
		return false;
	}
	*is_done_ret = true;
	return true;
}
