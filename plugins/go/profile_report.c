/* SPDX-License-Identifier: Apache-2.0 */
/* profile_report.c -- the memory profile as a table, as JSON and as folded stacks. */
#include "profile.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 4096, FILE_MAX_BYTES = 4096, ROWS = 25 };

const char *const go_profile_formats[] = {"pprof", "folded", NULL};

struct ranked {
	uint64_t index;
	struct go_scaled scaled;
};

/* By what is in use, then what was allocated, then as the runtime has them. */
static int compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->scaled.inuse_bytes != y->scaled.inuse_bytes)
		return x->scaled.inuse_bytes < y->scaled.inuse_bytes ? 1 : -1;
	if (x->scaled.alloc_bytes != y->scaled.alloc_bytes)
		return x->scaled.alloc_bytes < y->scaled.alloc_bytes ? 1 : -1;
	return x->index < y->index ? -1 : 1;
}

static struct ranked *rank(const struct go_profile *p)
{
	const struct hw_host *host = p->rt->host;
	struct ranked *list = host->resize(host->self, NULL, 0, p->count + 1, sizeof(*list));

	for (uint64_t i = 0; list && i < p->count; i++)
		list[i] = (struct ranked){i, go_profile_scale(p, &p->records[i])};
	if (list)
		qsort(list, p->count, sizeof(*list), compare);
	return list;
}

static void emit_stack(const struct go_profile *p, const struct go_record *r,
		       const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"function", "", HW_KIND_TEXT, HW_COLUMN_JSON},
	    {"file", "", HW_KIND_TEXT, HW_COLUMN_JSON},
	    {"line", "", HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"pc", "", HW_KIND_ADDR, HW_COLUMN_JSON},
	};
	char name[NAME_MAX_BYTES], file[FILE_MAX_BYTES];

	out->table(out->self, "stack", NULL, columns, sizeof(columns) / sizeof(*columns));
	for (uint32_t i = 0; i < r->count; i++) {
		const hw_addr pc = p->pcs[r->first + i];
		int32_t line;
		const bool known =
		    go_profile_call(p->rt, pc, name, sizeof(name), file, sizeof(file), &line);
		const struct hw_value row[] = {
		    known ? hw_text(name) : hw_text("?"),
		    known && file[0] ? hw_text(file) : hw_null(),
		    known && line > 0 ? hw_count((uint64_t)line) : hw_null(),
		    hw_address(pc),
		};

		out->row(out->self, row);
	}
	out->table_end(out->self);
}

static void emit_records(const struct go_profile *p, const struct ranked *list,
			 const struct hw_emit *out)
{
	for (uint64_t i = 0; i < p->count; i++) {
		const struct go_record *r = &p->records[list[i].index];
		const struct go_scaled *s = &list[i].scaled;

		out->begin(out->self, NULL, NULL);
		out->field(out->self, "inuse_bytes_scaled", NULL, hw_size(s->inuse_bytes));
		out->field(out->self, "inuse_objects_scaled", NULL, hw_count(s->inuse_objects));
		out->field(out->self, "alloc_bytes_scaled", NULL, hw_size(s->alloc_bytes));
		out->field(out->self, "alloc_objects_scaled", NULL, hw_count(s->alloc_objects));
		out->field(out->self, "alloc_bytes", NULL, hw_size(r->alloc_bytes));
		out->field(out->self, "free_bytes", NULL, hw_size(r->free_bytes));
		out->field(out->self, "alloc_objects", NULL, hw_count(r->alloc_objects));
		out->field(out->self, "free_objects", NULL, hw_count(r->free_objects));
		emit_stack(p, r, out);
		out->end(out->self);
	}
}

/* "main.fill, main.go:42", or "?". */
static void site_of(const struct go_profile *p, const struct go_record *r, uint32_t at, char *buf,
		    size_t size)
{
	char name[512], file[FILE_MAX_BYTES];
	const char *base;
	int32_t line;

	buf[0] = 0;
	if (at >= r->count)
		return;
	if (!go_profile_call(p->rt, p->pcs[r->first + at], name, sizeof(name), file, sizeof(file),
			     &line)) {
		snprintf(buf, size, "0x%llx", (unsigned long long)p->pcs[r->first + at]);
		return;
	}
	base = strrchr(file, '/');
	snprintf(buf, size, file[0] ? "%s, %.200s:%d" : "%s", name, base ? base + 1 : file, line);
}

/* Records of one place, whatever their sizes and callers. */
struct site {
	uint64_t hash;  /* Of its text. */
	uint64_t index; /* A record of it. */
	struct go_scaled sum;
};

static int compare_hashes(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static int compare_sites(const void *a, const void *b)
{
	const struct site *x = a, *y = b;
	const struct ranked p = {x->index, x->sum}, q = {y->index, y->sum};

	return compare(&p, &q);
}

static void add_scaled(struct go_scaled *to, const struct go_scaled *s)
{
	to->alloc_objects += s->alloc_objects;
	to->alloc_bytes += s->alloc_bytes;
	to->inuse_objects += s->inuse_objects;
	to->inuse_bytes += s->inuse_bytes;
}

/* Puts the sites together in place; returns how many are left. */
static uint64_t merge_sites(const struct go_profile *p, const struct ranked *list,
			    struct site *sites)
{
	char text[1024];
	uint64_t n = 0;

	for (uint64_t i = 0; i < p->count; i++) {
		const struct go_record *r = &p->records[list[i].index];
		uint64_t hash = UINT64_C(0xcbf29ce484222325);

		site_of(p, r, go_profile_skip(p, r), text, sizeof(text));
		for (const char *c = text; *c; c++)
			hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
		sites[i] = (struct site){hash, list[i].index, list[i].scaled};
	}
	qsort(sites, p->count, sizeof(*sites), compare_hashes);
	for (uint64_t i = 0; i < p->count; i++) {
		if (n && sites[n - 1].hash == sites[i].hash)
			add_scaled(&sites[n - 1].sum, &sites[i].sum);
		else
			sites[n++] = sites[i];
	}
	qsort(sites, n, sizeof(*sites), compare_sites);
	return n;
}

static void emit_table(const struct go_profile *p, const struct site *sites, uint64_t count,
		       const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"inuse_bytes", "in use", HW_KIND_SIZE, HW_COLUMN_TEXT},
	    {"inuse_objects", "objects", HW_KIND_COUNT, HW_COLUMN_TEXT},
	    {"alloc_bytes", "allocated", HW_KIND_SIZE, HW_COLUMN_TEXT},
	    {"alloc_objects", "objects", HW_KIND_COUNT, HW_COLUMN_TEXT},
	    {"site", "where", HW_KIND_TEXT, HW_COLUMN_TEXT},
	};
	char text[1024];

	out->table(out->self, NULL, NULL, columns, sizeof(columns) / sizeof(*columns));
	for (uint64_t i = 0; i < count && i < ROWS; i++) {
		const struct go_record *r = &p->records[sites[i].index];
		const struct go_scaled *s = &sites[i].sum;

		site_of(p, r, go_profile_skip(p, r), text, sizeof(text));
		const struct hw_value row[] = {
		    hw_size(s->inuse_bytes),       hw_count(s->inuse_objects),
		    hw_size(s->alloc_bytes),       hw_count(s->alloc_objects),
		    hw_text(text[0] ? text : "?"),
		};

		out->row(out->self, row);
	}
	out->table_end(out->self);
	if (count > ROWS)
		out->note(out->self,
			  "... and %llu more places (--json has all, --format pprof too)",
			  (unsigned long long)(count - ROWS));
}

/* False: out of memory. */
static bool emit_sites(const struct go_profile *p, const struct ranked *list,
		       const struct hw_emit *out)
{
	const struct hw_host *host = p->rt->host;
	struct site *sites = host->resize(host->self, NULL, 0, p->count + 1, sizeof(*sites));

	if (!sites)
		return false;
	emit_table(p, sites, merge_sites(p, list, sites), out);
	host->resize(host->self, sites, p->count + 1, 0, sizeof(*sites));
	return true;
}

static void emit_totals(const struct go_profile *p, const struct ranked *list,
			const struct hw_emit *out)
{
	struct go_scaled sum = {0};

	for (uint64_t i = 0; i < p->count; i++)
		add_scaled(&sum, &list[i].scaled);
	out->begin(out->self, "totals", NULL);
	out->field(out->self, "inuse_bytes", "in use", hw_size(sum.inuse_bytes));
	out->field(out->self, "inuse_objects", "objects in use", hw_count(sum.inuse_objects));
	out->field(out->self, "alloc_bytes", "allocated", hw_size(sum.alloc_bytes));
	out->field(out->self, "alloc_objects", "objects allocated", hw_count(sum.alloc_objects));
	out->end(out->self);
}

/* False: out of memory. */
static bool emit_profile(const struct go_profile *p, const struct ranked *list,
			 const struct hw_emit *out)
{
	out->field(out->self, "rate", "one sample in", p->has_rate ? hw_size(p->rate) : hw_null());
	out->field(out->self, "before_gc", NULL, hw_flag(p->before_gc));
	emit_totals(p, list, out);
	if (p->has_rate && !p->rate)
		out->note(out->self,
			  "The program does not profile its memory: MemProfileRate is 0, "
			  "as the linker sets it where nothing reads the profile.");
	else
		out->note(out->self, "Estimates from samples, as of the last collection%s.",
			  p->before_gc ? " (none yet: all of them)" : "");
	if (!emit_sites(p, list, out))
		return false;
	out->list(out->self, "records", NULL);
	emit_records(p, list, out);
	out->list_end(out->self);
	return true;
}

/* The runtime whose profile is shown: the one of the executable, else the first. */
static const struct go_runtime *pick(const struct go *go)
{
	for (uint64_t i = 0; i < go->count; i++)
		if (go->runtimes[i].image.is_exe)
			return &go->runtimes[i];
	if (go->count)
		return &go->runtimes[0];
	go->host->fail(go->host->self, "no Go runtime was found");
	return NULL;
}

bool go_report_profile(void *handle, const struct hw_emit *out)
{
	const struct go_runtime *rt = pick(handle);
	struct go_profile p;
	struct ranked *list;
	bool ok;

	if (!rt || !go_profile_read(rt, &p))
		return false;
	list = rank(&p);
	ok = list && emit_profile(&p, list, out);
	if (list)
		rt->host->resize(rt->host->self, list, p.count + 1, 0, sizeof(*list));
	if (!ok)
		rt->host->fail(rt->host->self, "out of memory");
	go_profile_clear(&p);
	return ok;
}

/* Outermost first, separated by ';', then bytes in use: what flame graphs read. */
static bool write_folded(const struct go_profile *p, const struct hw_sink *sink)
{
	char name[NAME_MAX_BYTES];

	for (uint64_t i = 0; i < p->count; i++) {
		const struct go_record *r = &p->records[i];
		const struct go_scaled s = go_profile_scale(p, r);
		const uint32_t skip = go_profile_skip(p, r);
		char number[32];

		if (!s.inuse_bytes || p->rt->host->stopped(p->rt->host->self))
			continue;
		for (uint32_t n = r->count; n-- > skip;) {
			if (!go_profile_call(p->rt, p->pcs[r->first + n], name, sizeof(name), NULL,
					     0, NULL))
				memcpy(name, "?", 2);
			for (char *c = name; *c; c++)
				*c = *c == ';' ? ':' : *c;
			if (!sink->write(sink->self, name, strlen(name)) ||
			    (n > skip && !sink->write(sink->self, ";", 1)))
				return true;
		}
		snprintf(number, sizeof(number), "%s %llu\n", r->count ? "" : "?",
			 (unsigned long long)s.inuse_bytes);
		if (!sink->write(sink->self, number, strlen(number)))
			return true;
	}
	return true;
}

bool go_write_profile(void *handle, const char *format, const struct hw_sink *sink)
{
	const struct go_runtime *rt = pick(handle);
	struct go_profile p;
	bool ok;

	if (!rt || !go_profile_read(rt, &p))
		return false;
	ok = strcmp(format, "folded") == 0 ? write_folded(&p, sink) : go_profile_pprof(&p, sink);
	if (!ok)
		rt->host->fail(rt->host->self, "out of memory");
	go_profile_clear(&p);
	return ok;
}
