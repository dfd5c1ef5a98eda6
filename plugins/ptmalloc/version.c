/* SPDX-License-Identifier: Apache-2.0 */
/* The version of a libc: by its own banner ("… stable release version 2.36.") when its
 * read-only data is at hand, else the range of versions with the layouts found. */
#include "ptmalloc.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool find_banner(const struct hw_host *host, uint32_t module, char *buf, size_t size)
{
	static const char banner[] = "GNU C Library", release[] = " release version ";
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		uint64_t n;
		const char *data, *hit, *text;

		if (r.owner != HW_OWNER_MODULE || r.module != module || (r.perm & HW_PERM_W))
			continue;
		for (hw_addr p = r.start; p < r.end; p += n) {
			data = host->peek(host->self, p, &n);
			if (!data || n == 0)
				break;
			hit = memmem(data, n, banner, sizeof(banner) - 1);
			text =
			    hit ? memmem(hit,
					 (size_t)(data + n - hit) > 200 ? 200
									: (size_t)(data + n - hit),
					 release, sizeof(release) - 1)
				: NULL;
			if (!text)
				continue;
			text += sizeof(release) - 1;
			for (size_t i = 0; i + 1 < size && text + i < data + n; i++) {
				if (!isdigit((unsigned char)text[i]) && text[i] != '.')
					break;
				buf[i] = text[i];
				buf[i + 1] = 0;
			}
			if (buf[0] && buf[strlen(buf) - 1] == '.') /* The end of the sentence. */
				buf[strlen(buf) - 1] = 0;
			if (buf[0])
				return true;
		}
	}
	return false;
}

/* The versions all found layouts have in common. */
static void name_range(const struct libc *libc, char *buf, size_t size)
{
	const char *state = libc->state->versions;

	if (strcmp(state, "2.27-2.42") == 0) {
		if (libc->tcache_kind == TCACHE_SLOTS76)
			state = "2.42";
		else if (libc->heap_info == HEAP_INFO_NEW ||
			 (libc->par.addr && libc->par.layout->tcache_bins == 104))
			state = libc->tcache_kind == TCACHE_U16 ? "2.35-2.41" : "2.35-2.42";
		else if (libc->tcache_kind == TCACHE_CHAR64)
			state = "2.27-2.29";
		else if (libc->tcache_kind == TCACHE_U16)
			state = libc->safe_linking_known && libc->safe_linking ? "2.32-2.34"
									       : "2.30-2.34";
	} else if (strcmp(state, "2.23-2.26") == 0 && libc->par.addr) {
		state = libc->par.layout->tcache_bins       ? "2.26"
			: !libc->par.sbrk_base              ? "2.23-2.25"
			: libc->par.layout->sbrk_base == 72 ? "2.24-2.25"
							    : "2.23";
	}
	snprintf(buf, size, "%s", state);
}

void name_version(struct ptmalloc *pt, struct libc *libc)
{
	struct hw_module_info info = {.struct_size = sizeof(info)};

	if (libc->module != HW_NO_MODULE && pt->host->module(pt->host->self, libc->module, &info))
		snprintf(libc->name, sizeof(libc->name), "%s", info.name);
	else
		snprintf(libc->name, sizeof(libc->name), "libc");
	libc->version[0] = 0;
	if (libc->module == HW_NO_MODULE ||
	    !find_banner(pt->host, libc->module, libc->version, sizeof(libc->version)))
		name_range(libc, libc->version, sizeof(libc->version));
}
