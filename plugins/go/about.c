/* SPDX-License-Identifier: Apache-2.0 */
/* about.c -- the report `runtime`: what was found, where, and by what. */
#include "reports.h"
#include <stdio.h>

static const char *const sources[] = {
    [GO_VERSION_BUILDINFO] = "build info",
    [GO_VERSION_STRING] = "runtime.buildVersion",
    [GO_VERSION_STRINGS] = "one of several version strings",
    [GO_VERSION_PCLNTAB] = "the format of pclntab",
    [GO_VERSION_STRUCTURE] = "the structure of the heap",
};

const char *go_version_source_name(enum go_version_source source)
{
	return sources[source];
}

static struct hw_value address_or_null(hw_addr addr)
{
	return addr ? hw_address(addr) : hw_null();
}

static void emit_modules(const struct go_runtime *rt, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"moduledata", "moduledata", HW_KIND_ADDR, 0},
	    {"text", "text", HW_KIND_ADDR, 0},
	    {"etext", "to", HW_KIND_ADDR, 0},
	    {"data", "data", HW_KIND_ADDR, 0},
	    {"edata", "to", HW_KIND_ADDR, 0},
	    {"bss", "bss", HW_KIND_ADDR, 0},
	    {"ebss", "to", HW_KIND_ADDR, 0},
	    {"functions", "functions", HW_KIND_COUNT, 0},
	};

	out->table(out->self, "modules", NULL, columns, sizeof(columns) / sizeof(*columns));
	for (uint32_t i = 0; i < rt->module_count; i++) {
		const struct go_moduledata *md = &rt->modules[i];
		const struct hw_value row[] = {
		    hw_address(md->addr), hw_address(md->text),       hw_address(md->etext),
		    hw_address(md->data), hw_address(md->edata),      hw_address(md->bss),
		    hw_address(md->ebss), hw_count(md->ftab.len - 1),
		};

		out->row(out->self, row);
	}
	out->table_end(out->self);
}

static void emit_runtime(const struct go_runtime *rt, const struct hw_emit *out)
{
	out->begin(out->self, NULL, rt->image.name);
	out->field(out->self, "module", NULL, hw_text(rt->image.name));
	out->field(out->self, "version", "version", hw_text(rt->version.text));
	out->field(out->self, "version_from", "version from",
		   hw_text(go_version_source_name(rt->version.source)));
	out->field(out->self, "pclntab", "pclntab", address_or_null(rt->pclntab));
	out->field(out->self, "mheap", "mheap_", address_or_null(rt->globals.mheap));
	out->field(out->self, "by_structure", NULL, hw_flag(rt->ways & GO_WAY_STRUCTURE));
	out->field(out->self, "by_code", NULL, hw_flag(rt->ways & GO_WAY_CODE));
	out->field(out->self, "by_symbol", NULL, hw_flag(rt->ways & GO_WAY_SYMBOL));
	out->field(out->self, "allgs", "allgs", address_or_null(rt->globals.allgs));
	out->field(out->self, "allp", "allp", address_or_null(rt->globals.allp));
	out->field(out->self, "allm", "allm", address_or_null(rt->globals.allm));
	out->field(out->self, "sched", "sched", address_or_null(rt->globals.sched));
	out->field(out->self, "work", "work", address_or_null(rt->globals.work));
	out->field(out->self, "memstats", "memstats", address_or_null(rt->globals.memstats));
	out->field(out->self, "gc_controller", "gcController",
		   address_or_null(rt->globals.gc_controller));
	out->field(out->self, "mbuckets", "mbuckets", address_or_null(rt->globals.mbuckets));
	out->field(out->self, "m0", "m0", address_or_null(rt->globals.m0));
	emit_modules(rt, out);
	out->end(out->self);
}

const struct go_runtime *go_reported(const struct go *go, const struct hw_emit *out)
{
	const struct go_runtime *found = NULL;

	for (uint64_t r = 0; r < go->count; r++) {
		const struct go_runtime *rt = &go->runtimes[r];

		if (rt->id == HW_NO_MODULE || (found && !rt->image.is_exe))
			continue;
		found = rt;
	}
	for (uint64_t r = 0; found && r < go->count; r++)
		if (&go->runtimes[r] != found && go->runtimes[r].id != HW_NO_MODULE)
			out->note(out->self, "%s has a Go runtime of its own, not shown here.",
				  go->runtimes[r].image.name);
	if (!found)
		out->note(out->self, "No Go heap was found.");
	return found;
}

bool go_report_runtime(void *handle, const struct hw_emit *out)
{
	const struct go *go = handle;

	out->list(out->self, "runtimes", NULL);
	for (uint64_t r = 0; r < go->count; r++)
		emit_runtime(&go->runtimes[r], out);
	out->list_end(out->self);
	return true;
}
