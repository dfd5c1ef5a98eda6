/* SPDX-License-Identifier: Apache-2.0 */
/* goroutine_report.c -- the report `goroutines`: a line for each, in the runtime's order. Whole
 * stacks, and goroutines in groups, are what `heapwalk goroutines` is for. */
#include "goroutines.h"
#include "reports.h"
#include <stdio.h>

enum { NAME_MOST = 512 };

struct listing {
	const struct hw_emit *out;
	void *handle;
	uint64_t count, system, stack_bytes;
};

/* The first call that the runtime's own traceback shows. */
struct site {
	char function[NAME_MOST];
	char place[NAME_MOST];
};

static void take(void *self, const struct hw_call *call)
{
	struct site *site = self;

	if (site->function[0] || (call->flags & HW_CALL_HIDDEN))
		return;
	snprintf(site->function, sizeof(site->function), "%s", call->function);
	if (call->file)
		snprintf(site->place, sizeof(site->place), "%s:%u", call->file, call->line);
}

static struct hw_value text_or_null(const char *text)
{
	return text && *text ? hw_text(text) : hw_null();
}

static struct hw_value ns_or_null(int64_t ns)
{
	return ns < 0 ? hw_null() : hw_count((uint64_t)ns);
}

static bool list_one(void *self, const struct hw_goroutine *g)
{
	struct listing *l = self;
	struct site at = {0}, by = {0};
	uint64_t stack = g->stack_end - g->stack_start;

	if (g->flags & HW_GOROUTINE_UNREAD)
		return true;
	go_frames(l->handle, g->pcs, g->pc_count, take, &at);
	if (g->created_pc)
		go_frames(l->handle, &g->created_pc, 1, take, &by);
	l->count++;
	l->system += (g->flags & HW_GOROUTINE_SYSTEM) != 0;
	l->stack_bytes += stack;
	l->out->row(l->out->self,
		    (struct hw_value[]){
			hw_id(g->id), text_or_null(g->state),
			hw_flag((g->flags & HW_GOROUTINE_SYSTEM) != 0), hw_size(stack),
			g->tid ? hw_id((uint64_t)g->tid) : hw_null(), text_or_null(at.function),
			text_or_null(at.place), text_or_null(by.function), text_or_null(by.place),
			g->parent ? hw_id(g->parent) : hw_null(), ns_or_null(g->wait_ns),
			ns_or_null(g->wait_about_ns), hw_address(g->addr)});
	return true;
}

bool go_report_goroutines(void *handle, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"id", "id", HW_KIND_ID, 0},
	    {"state", "state", HW_KIND_TEXT, 0},
	    {"system", "system", HW_KIND_FLAG, 0},
	    {"stack_bytes", "stack", HW_KIND_SIZE, 0},
	    {"thread", "thread", HW_KIND_ID, 0},
	    {"function", "function", HW_KIND_TEXT, 0},
	    {"place", NULL, HW_KIND_TEXT, HW_COLUMN_JSON},
	    {"created_by", "created by", HW_KIND_TEXT, 0},
	    {"created_at", NULL, HW_KIND_TEXT, HW_COLUMN_JSON},
	    {"parent", NULL, HW_KIND_ID, HW_COLUMN_JSON},
	    {"wait_ns", NULL, HW_KIND_COUNT, HW_COLUMN_JSON}, /* At least so long. */
	    {"wait_about_ns", NULL, HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"address", NULL, HW_KIND_ADDR, HW_COLUMN_JSON},
	};
	struct listing l = {.out = out, .handle = handle};
	bool ok;

	out->table(out->self, "goroutines", "Goroutines", columns,
		   sizeof(columns) / sizeof(*columns));
	ok = go_goroutines_each(handle, list_one, &l);
	out->table_end(out->self);
	if (!ok)
		return false;
	out->field(out->self, "total", NULL, hw_count(l.count));
	out->field(out->self, "system", NULL, hw_count(l.system));
	out->field(out->self, "stack_bytes", NULL, hw_size(l.stack_bytes));
	out->note(out->self,
		  "%llu goroutines, %llu of them the runtime's own. 'heapwalk goroutines' "
		  "has them in groups of equal stacks.",
		  (unsigned long long)l.count, (unsigned long long)l.system);
	return true;
}
