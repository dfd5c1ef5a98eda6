/* SPDX-License-Identifier: Apache-2.0 */
/* What version it says it is: JEMALLOC_VERSION, a string like 5.3.0-0-g54eaed1d8b56… in the
 * read-only data of the binary that holds it (configure.ac). A hint, never the reason to
 * choose a layout. */
#include "jemalloc.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_DIGITS  40
#define NEWEST_KNOWN 50301 /* 5.3.1 */

static bool is_hash(const char *p)
{
	for (int i = 0; i < HASH_DIGITS; i++)
		if (!isxdigit((unsigned char)p[i]) || isupper((unsigned char)p[i]))
			return false;
	return true;
}

/* The digits, dots and dash before "-g" at g: "5.3.0-0". start: no byte before it. */
static bool take_version(const char *start, const char *g, char *ret, size_t room)
{
	const char *p = g;
	uint32_t dots = 0, dashes = 0;

	while (p > start && (isdigit((unsigned char)p[-1]) || p[-1] == '.' || p[-1] == '-')) {
		p--;
		dots += *p == '.';
		dashes += *p == '-';
	}
	if (dots != 2 || dashes != 1 || !isdigit((unsigned char)*p) || (size_t)(g - p) >= room ||
	    g - p < 7)
		return false;
	memcpy(ret, p, (size_t)(g - p));
	ret[g - p] = 0;
	return true;
}

static bool find_text(struct jemalloc *je, uint32_t module, char *ret, size_t room)
{
	const struct hw_host *host = je->host;
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		uint64_t size;
		const char *data, *p, *g;

		if (r.module != module || r.owner != HW_OWNER_MODULE || (r.perm & HW_PERM_W))
			continue;
		data = host->peek(host->self, r.start, &size);
		if (!data)
			continue;
		if (size > r.end - r.start)
			size = r.end - r.start;
		for (p = data; (g = memmem(p, size - (size_t)(p - data), "-g", 2)); p = g + 2) {
			if ((size_t)(g - data) + 2 + HASH_DIGITS > size)
				break;
			if (is_hash(g + 2) && take_version(data, g, ret, room))
				return true;
		}
	}
	return false;
}

/* 5.3.1-7 → 50301, 7 */
static uint32_t version_number(const char *text, uint32_t *commits_ret)
{
	uint32_t n[4] = {0};

	if (sscanf(text, "%3" SCNu32 ".%2" SCNu32 ".%2" SCNu32 "-%6" SCNu32, &n[0], &n[1], &n[2],
		   &n[3]) < 3)
		return 0;
	*commits_ret = n[3];
	return n[0] * 10000 + n[1] * 100 + n[2];
}

void name_version(struct jemalloc *je, struct copy *copy)
{
	const struct hw_host *host = je->host;
	struct hw_module_info m = {.struct_size = sizeof(m)};
	uint32_t commits = 0, number;

	if (host->module(host->self, copy->module, &m) && m.name)
		snprintf(copy->name, sizeof(copy->name), "%s", m.name);
	else
		snprintf(copy->name, sizeof(copy->name), "jemalloc");
	if (!find_text(je, copy->module, copy->version_text, sizeof(copy->version_text)))
		copy->version_text[0] = 0;
	number = version_number(copy->version_text, &commits);
	copy->is_newer = number > NEWEST_KNOWN || (number == NEWEST_KNOWN && commits > 20);
}

/* A jemalloc older than 5 keeps its memory in chunks with a page map in each; say that it is
 * there, since nothing of it was found. */
void find_undecoded(struct jemalloc *je)
{
	const struct hw_host *host = je->host;
	struct hw_module_info m = {.struct_size = sizeof(m)};

	for (uint32_t i = 0; host->module(host->self, i, &m); i++) {
		char text[32];
		uint32_t commits, number;
		bool known = false;

		if (!m.is_exe && !m.exports_malloc)
			continue;
		for (uint64_t c = 0; c < je->count; c++)
			known |= je->copies[c].module == i;
		if (known || !find_text(je, i, text, sizeof(text)))
			continue;
		number = version_number(text, &commits);
		text[strcspn(text, "-")] = 0;
		if (number >= 30000 && number < 50000)
			host->warn(
			    host->self, "jemalloc-version", true,
			    "%s has jemalloc %s, whose chunks, runs and huge allocations are "
			    "not decoded: versions 5.0 to 5.3.1 are",
			    m.name, text);
	}
}
