/* SPDX-License-Identifier: Apache-2.0 */
/* Live bytes by allocation backtrace, where prof:true was on: a sampled allocation has an
 * extent of its own whose e_prof_tctx leads to the thread's counters (prof_tctx_t) and on to
 * the backtrace (prof_gctx_t), whose bt.vec is inside itself. */
#include "reports.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 1024

struct sample {
	hw_addr gctx, tctx;
	hw_addr vec;
	uint32_t depth;
	uint64_t bytes;
	uint64_t addr;
};

static int compare_samples(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->gctx != y->gctx)
		return x->gctx < y->gctx ? -1 : 1;
	if (x->tctx != y->tctx)
		return x->tctx < y->tctx ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* The backtrace that extent e was sampled at; false: it was not. */
static bool read_sample(struct jemalloc *je, const struct copy *copy, const struct extent *e,
			struct sample *ret)
{
	const struct version_layout *v = copy->version;
	struct sample s = {.addr = e->addr, .bytes = usable_size(copy, e)};
	uint32_t depth;

	if (!read_word(je, e->edata + v->edata_tctx, &s.tctx) || s.tctx < PAGE ||
	    !object_at(je, copy, s.tctx) || !read_word(je, s.tctx + v->tctx_gctx, &s.gctx) ||
	    !object_at(je, copy, s.gctx) || !read_word(je, s.gctx + v->gctx_bt, &s.vec) ||
	    s.vec != s.gctx + v->gctx_bt + 16 || !read_u32(je, s.gctx + v->gctx_bt + 8, &depth) ||
	    !depth || depth > DEPTH_MAX)
		return false;
	s.depth = depth;
	*ret = s;
	return true;
}

static bool collect(struct jemalloc *je, const struct copy *copy, struct sample **samples,
		    uint64_t *count, uint64_t *room)
{
	for (uint64_t i = 0; i < copy->extent_count; i++) {
		const struct extent *e = &copy->extents[i];
		struct sample s;

		if (e->kind != KIND_LARGE || e->cached || !read_sample(je, copy, e, &s))
			continue;
		if (!GROW(je, *samples, *room, *count))
			return false;
		(*samples)[(*count)++] = s;
	}
	return true;
}

/* One thread's samples of one backtrace, against its counters. */
static bool add_tctx(struct jemalloc *je, struct copy *copy, struct stack *stack,
		     const struct sample *s, uint64_t n)
{
	const struct version_layout *v = copy->version;
	hw_addr cnts = s->tctx + v->tctx_cnts;
	uint64_t objects = 0, bytes = 0, unbiased = 0, sum = 0, tdata = 0, tab = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += s[i].bytes;
	stack->objects += n;
	stack->bytes += sum;
	if (!read_word(je, cnts, &objects) || !read_word(je, cnts + v->cnt_curbytes, &bytes) ||
	    objects != n || bytes != sum)
		copy->prof_odd++;
	else if (v->cnt_unbiased && read_word(je, cnts + v->cnt_unbiased, &unbiased) &&
		 unbiased < UINT64_C(1) << 47)
		stack->unbiased += unbiased < bytes ? bytes : unbiased;
	if (!add_internal(je, copy, s->tctx, "prof_tctx_t"))
		return false;
	if (read_word(je, s->tctx, &tdata) && object_at(je, copy, tdata) == NULL)
		return true;
	if (read_word(je, tdata + v->tdata_tab, &tab) &&
	    !add_internal(je, copy, object_start(copy, tab), "prof table"))
		return false;
	return add_internal(je, copy, tdata, "prof_tdata_t");
}

/* Counters of nothing: the extent's e_prof_tctx is left from a sampled allocation that was
 * there before, and what it leads to may be somebody else's by now. */
static bool has_objects(struct jemalloc *je, const struct copy *copy, hw_addr tctx)
{
	uint64_t objects;

	return read_word(je, tctx + copy->version->tctx_cnts, &objects) && objects;
}

static bool add_stacks(struct jemalloc *je, struct copy *copy, const struct sample *samples,
		       uint64_t count)
{
	for (uint64_t i = 0, next; i < count; i = next) {
		const struct sample *s = &samples[i];
		struct stack *stack;

		for (next = i + 1; next < count && samples[next].gctx == s->gctx &&
				   samples[next].tctx == s->tctx;)
			next++;
		if (!has_objects(je, copy, s->tctx)) {
			copy->prof_odd++;
			continue;
		}
		stack = copy->stack_count ? &copy->stacks[copy->stack_count - 1] : NULL;
		if (!stack || stack->gctx != s->gctx) {
			if (!GROW(je, copy->stacks, copy->stack_room, copy->stack_count))
				return false;
			stack = &copy->stacks[copy->stack_count++];
			*stack = (struct stack){.gctx = s->gctx, .vec = s->vec, .depth = s->depth};
			if (!add_internal(je, copy, s->gctx, "prof_gctx_t"))
				return false;
		}
		if (!add_tctx(je, copy, stack, s, next - i))
			return false;
	}
	return true;
}

bool find_stacks(struct jemalloc *je, struct copy *copy)
{
	struct sample *samples = NULL;
	uint64_t count = 0, room = 0;
	bool ok;

	if (!copy->version)
		return true;
	ok = collect(je, copy, &samples, &count, &room);
	if (ok && count) {
		qsort(samples, count, sizeof(*samples), compare_samples);
		ok = add_stacks(je, copy, samples, count);
	}
	if (ok && copy->prof_odd)
		je->host->warn(je->host->self, "prof-counts", false,
			       "%" PRIu64 " counters of the profiler disagree with the sampled "
			       "allocations found: some were in progress",
			       copy->prof_odd);
	if (samples)
		je->host->resize(je->host->self, samples, room, 0, sizeof(*samples));
	return ok;
}

/* "function", or "module+0x123". */
static void name_frame(struct jemalloc *je, hw_addr pc, char *ret, size_t room)
{
	const struct hw_host *host = je->host;
	struct hw_range r = {.struct_size = sizeof(r)};
	struct hw_module_info m = {.struct_size = sizeof(m)};
	uint64_t offset;
	const char *name = host->struct_size >= offsetof(struct hw_host, name) + sizeof(host->name)
			       ? host->name(host->self, pc - 1, &offset)
			       : NULL;

	if (name)
		snprintf(ret, room, "%s", name);
	else if (host->range(host->self, pc - 1, &r) && r.start < pc && r.module != HW_NO_MODULE &&
		 host->module(host->self, r.module, &m) && m.name)
		snprintf(ret, room, "%s+0x%" PRIx64, m.name, pc - m.start);
	else
		snprintf(ret, room, "0x%" PRIx64, pc);
	for (char *c = ret; *c; c++) /* Separators of the folded format. */
		if (*c == ';' || *c == '\n' || *c == ' ')
			*c = '_';
}

static uint64_t weight(const struct stack *s)
{
	return s->unbiased ? s->unbiased : s->bytes;
}

static int compare_weights(const void *a, const void *b)
{
	const struct stack *const *x = a, *const *y = b;

	if (weight(*x) != weight(*y))
		return weight(*x) > weight(*y) ? -1 : 1;
	return (*x)->gctx < (*y)->gctx ? -1 : (*x)->gctx > (*y)->gctx;
}

static bool is_inside(struct jemalloc *je, const struct copy *copy, hw_addr pc)
{
	struct hw_range r = {.struct_size = sizeof(r)};

	return je->host->range(je->host->self, pc - 1, &r) && r.start < pc &&
	       r.module == copy->module;
}

/* The innermost frame worth showing: of those inside jemalloc the outermost, its entry. */
static uint32_t first_frame(struct jemalloc *je, const struct copy *copy, const struct stack *s)
{
	struct hw_module_info m = {.struct_size = sizeof(m)};
	uint64_t pc = 0;
	uint32_t i = 0;

	if (!je->host->module(je->host->self, copy->module, &m) || m.is_exe)
		return 0;
	while (i < s->depth && read_word(je, s->vec + 8 * (uint64_t)i, &pc) &&
	       is_inside(je, copy, pc))
		i++;
	return i ? i - 1 : 0;
}

/* Outermost first, into a buffer that grows; NULL: no room. */
static char *fold(struct jemalloc *je, const struct copy *copy, const struct stack *s, char **buf,
		  uint64_t *room)
{
	size_t used = 0;
	char *text = *buf;
	uint32_t first = first_frame(je, copy, s);

	for (uint32_t i = s->depth; i-- > first;) {
		uint64_t pc = 0;
		char name[512];
		size_t n;

		read_word(je, s->vec + 8 * (uint64_t)i, &pc);
		name_frame(je, pc, name, sizeof(name));
		n = strlen(name);
		while (used + n + 2 > *room)
			if (!grow(je, (void **)buf, room, *room, 1))
				return NULL;
		text = *buf;
		if (used)
			text[used++] = ';';
		memcpy(text + used, name, n + 1);
		used += n;
	}
	return text;
}

typedef bool (*stack_fn)(void *arg, const struct stack *s, const char *folded);

/* Every backtrace of a copy, the heaviest first. */
static bool each_stack(struct jemalloc *je, const struct copy *copy, stack_fn fn, void *arg)
{
	const struct hw_host *host = je->host;
	const struct stack **order;
	char *buf = NULL;
	uint64_t room = 0;
	bool ok = true;

	if (!copy->stack_count)
		return true;
	order = host->resize(host->self, NULL, 0, copy->stack_count, sizeof(const struct stack *));
	if (!order)
		return false;
	for (uint64_t i = 0; i < copy->stack_count; i++)
		order[i] = &copy->stacks[i];
	qsort(order, copy->stack_count, sizeof(const struct stack *), compare_weights);
	for (uint64_t i = 0; ok && i < copy->stack_count; i++) {
		const char *folded = fold(je, copy, order[i], &buf, &room);

		ok = folded && fn(arg, order[i], folded) && !host->stopped(host->self);
	}
	host->resize(host->self, order, copy->stack_count, 0, sizeof(const struct stack *));
	if (buf)
		host->resize(host->self, buf, room, 0, 1);
	return ok;
}

static bool emit_stack(void *arg, const struct stack *s, const char *folded)
{
	const struct hw_emit *out = arg;

	out->row(out->self,
		 (struct hw_value[]){s->unbiased ? hw_size(s->unbiased) : hw_null(),
				     hw_size(s->bytes), hw_count(s->objects), hw_text(folded)});
	return true;
}

static void emit_sums(const struct hw_emit *out, const struct copy *copy)
{
	uint64_t objects = 0, bytes = 0, unbiased = 0;

	for (uint64_t i = 0; i < copy->stack_count; i++) {
		objects += copy->stacks[i].objects;
		bytes += copy->stacks[i].bytes;
		unbiased += copy->stacks[i].unbiased;
	}
	out->field(out->self, "heap", "heap", hw_text(copy->name));
	out->field(out->self, "objects", "sampled objects", hw_count(objects));
	out->field(out->self, "sampled_bytes", "sampled bytes", hw_size(bytes));
	out->field(out->self, "bytes", "they stand for", unbiased ? hw_size(unbiased) : hw_null());
}

bool report_prof(void *handle, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"bytes", "stand for", HW_KIND_SIZE, 0},
	    {"sampled_bytes", "sampled", HW_KIND_SIZE, 0},
	    {"objects", "objects", HW_KIND_COUNT, 0},
	    {"stack", "allocated by", HW_KIND_TEXT, 0},
	};
	struct jemalloc *je = handle;
	bool ok = true;

	out->list(out->self, "heaps", NULL);
	for (uint64_t c = 0; ok && c < je->count; c++) {
		const struct copy *copy = &je->copies[c];

		out->begin(out->self, NULL, NULL);
		emit_sums(out, copy);
		out->table(out->self, "stacks", "Live sampled allocations by backtrace", columns,
			   COUNT(columns));
		ok = each_stack(je, copy, emit_stack, (void *)(uintptr_t)out);
		out->table_end(out->self);
		out->end(out->self);
	}
	out->list_end(out->self);
	if (!ok)
		je->host->fail(je->host->self, "stopped, or out of memory");
	return ok;
}

const char *const prof_formats[] = {"folded", NULL};

struct line {
	const struct hw_sink *sink;
};

static bool write_line(void *arg, const struct stack *s, const char *folded)
{
	const struct hw_sink *sink = ((struct line *)arg)->sink;
	char count[32];
	int n = snprintf(count, sizeof(count), " %" PRIu64 "\n", weight(s));

	return sink->write(sink->self, folded, strlen(folded)) &&
	       sink->write(sink->self, count, (uint64_t)n);
}

/* Lines of `outer;inner BYTES`. A full disk ends it; the host knows. */
bool write_prof(void *handle, const char *format, const struct hw_sink *sink)
{
	struct jemalloc *je = handle;
	struct line line = {sink};

	(void)format;
	for (uint64_t c = 0; c < je->count; c++)
		if (!each_stack(je, &je->copies[c], write_line, &line))
			break;
	return true;
}
