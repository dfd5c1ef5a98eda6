/* SPDX-License-Identifier: Apache-2.0 */
#include "x86.h"
#include "pclntab.h"

static void read_piece(const struct go_code_reader *r, const uint8_t *code, hw_addr at,
		       uint64_t size)
{
	for (uint64_t i = 0; i + GO_RIP_BYTES <= size; i++) {
		const uint8_t *c = code + i;

		if (go_is_lea(c))
			r->lea(r->arg, at + i, go_rip_target(c, at + i, GO_RIP_BYTES));
		else if (go_is_load(c))
			r->load(r->arg, at + i, go_rip_target(c, at + i, GO_RIP_BYTES));
		else if (go_is_call(c))
			r->call(r->arg, at + i, go_rip_target(c, at + i, GO_CALL_BYTES));
	}
}

bool go_code_read(const struct go_runtime *rt, const struct go_code_reader *reader)
{
	const struct hw_host *host = rt->host;

	for (uint32_t i = 0; i < rt->module_count; i++) {
		const struct go_moduledata *md = &rt->modules[i];
		hw_addr at = md->text;

		while (at < md->etext) {
			uint64_t size = 0;
			const uint8_t *code = host->peek(host->self, at, &size);

			if (host->stopped(host->self))
				return false;
			if (!code || !size)
				break;
			size = size < md->etext - at ? size : md->etext - at;
			read_piece(reader, code, at, size);
			at += size;
		}
	}
	return true;
}

bool go_code_call(const struct go_runtime *rt, hw_addr from, hw_addr at, hw_addr target, char *name,
		  uint64_t size)
{
	struct go_func called, caller;

	if (at - from >= GO_CALL_NEAR || !go_func_find(rt, target, &called) ||
	    called.entry != target || !go_func_find(rt, at, &caller) || caller.entry > from)
		return false;
	go_func_name(rt, called.module, called.name, name, size);
	return true;
}
