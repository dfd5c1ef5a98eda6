/* SPDX-License-Identifier: Apache-2.0 */
/* find.c -- which images of the target hold a Go runtime, of which version. Symbols are not
 * asked: stripped binaries are the normal case.
 *
 * Version: the linker leaves "\xff Go buildinf:" in every binary since 1.13 (cmd/link
 * buildinfo), and the string variable runtime.buildVersion in its data. Tables: pclntab
 * begins with a magic number (runtime/symtab.go), firstmoduledata with a pointer to it. */
#include "find.h"
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 100 /* Longer version strings are none. */

/* cmd/link/internal/ld: magic at +0, pointer size at +14, flags at +15: 1 big endian, 2 the
 * version is inline at +32 (1.18 and later), else +16 points at a string header. */
static const char buildinfo_magic[14] = "\xff Go buildinf:";
enum { BUILDINFO_SIZE = 32, BUILDINFO_FLAGS = 15, BUILDINFO_INLINE = 2 };

/* What a scan of one image gathers. */
struct found {
	const struct hw_host *host;
	const struct go_image *image;
	char text[TEXT_MAX + 1]; /* The first version string seen. */
	uint32_t strings;        /* Distinct ones seen. */
	char info[TEXT_MAX + 1]; /* The one that build info names. */
	hw_addr pclntab;
	uint32_t magic;
	uint32_t pclntabs;
};

bool go_in_image(const struct go_image *image, hw_addr addr)
{
	return addr >= image->start && addr < image->end;
}

static void read_image(const struct hw_host *host, uint32_t module,
		       const struct hw_module_info *info, struct go_image *ret)
{
	struct hw_range r = {.struct_size = sizeof(r)};
	struct go_image image = {
	    .module = module,
	    .is_exe = info->is_exe,
	    .start = info->start,
	    .end = info->end,
	    .name = info->name,
	};

	for (hw_addr at = info->start; at < info->end && host->range(host->self, at, &r);
	     at = r.end) {
		if (r.start >= info->end || image.segment_count == GO_SEGMENTS_MAX)
			break;
		if (r.module == module)
			image.segments[image.segment_count++] =
			    (struct go_segment){r.start, r.end, r.perm};
	}
	*ret = image;
}

/* Calls fn with every stretch of bytes of the segments that have `with` and not `without`
 * among their permissions, until it returns false. */
static void each_stretch(const struct hw_host *host, const struct go_image *image, uint32_t with,
			 uint32_t without,
			 bool (*fn)(void *arg, hw_addr at, const uint8_t *bytes, uint64_t size),
			 void *arg)
{
	for (uint32_t s = 0; s < image->segment_count; s++) {
		const struct go_segment *segment = &image->segments[s];
		hw_addr start, end;

		if ((segment->perm & with) != with || (segment->perm & without))
			continue;
		for (hw_addr at = segment->start;
		     host->data(host->self, at, segment->end, &start, &end); at = end) {
			uint64_t size;
			const uint8_t *bytes = host->peek(host->self, start, &size);

			if (!bytes || host->stopped(host->self))
				break;
			if (!fn(arg, start, bytes, size < end - start ? size : end - start))
				return;
		}
	}
}

static uint64_t load(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

bool go_version_parse(const char *text, uint32_t *minor_ret)
{
	const char *at = strstr(text, "go1.");
	uint32_t minor = 0;

	if (!at || (at != text && strncmp(text, "devel ", 6) != 0))
		return false;
	for (at += 4; *at >= '0' && *at <= '9' && minor < 1000; at++)
		minor = minor * 10 + (uint32_t)(*at - '0');
	if (minor == 0 || minor >= 1000)
		return false;
	*minor_ret = minor;
	return true;
}

/* A version string at addr of the image, into text. */
static bool read_version(const struct hw_host *host, hw_addr addr, uint64_t len, char *text)
{
	uint32_t minor;

	if (len < 5 || len > TEXT_MAX || host->read(host->self, addr, text, len) != len)
		return false;
	text[len] = 0;
	for (uint64_t i = 0; i < len; i++)
		if ((uint8_t)text[i] < 0x20 || (uint8_t)text[i] > 0x7e)
			return false;
	return go_version_parse(text, &minor);
}

/* String variables that hold a version. */
static bool scan_strings(void *arg, hw_addr at, const uint8_t *bytes, uint64_t size)
{
	struct found *f = arg;

	for (uint64_t i = -at & 7; i + 8 <= size; i += 8) {
		char text[TEXT_MAX + 1];
		uint64_t len;

		/* Its second word may lie in the next mapping. */
		if (i + 16 <= size)
			len = load(bytes + i + 8);
		else if (f->host->read(f->host->self, at + i + 8, &len, 8) != 8)
			continue;
		if (len < 5 || len > TEXT_MAX || !go_in_image(f->image, load(bytes + i)) ||
		    !read_version(f->host, load(bytes + i), len, text))
			continue;
		if (!f->strings)
			strcpy(f->text, text);
		if (!f->strings || strcmp(f->text, text) != 0)
			f->strings++;
	}
	return true;
}

static void read_buildinfo(struct found *f, hw_addr at)
{
	uint8_t head[BUILDINFO_SIZE + 2];
	uint64_t word[2];

	if (f->host->read(f->host->self, at, head, sizeof(head)) != sizeof(head) || head[14] != 8)
		return;
	if (head[BUILDINFO_FLAGS] & BUILDINFO_INLINE) {
		/* A uvarint; versions are shorter than 128 bytes. */
		read_version(f->host, at + BUILDINFO_SIZE + 1, head[BUILDINFO_SIZE], f->info);
	} else if (f->host->read(f->host->self, load(head + 16), word, sizeof(word)) ==
		       sizeof(word) &&
		   go_in_image(f->image, word[0])) {
		read_version(f->host, word[0], word[1], f->info);
	}
}

/* Build info, aligned to 16. */
static bool scan_buildinfo(void *arg, hw_addr at, const uint8_t *bytes, uint64_t size)
{
	struct found *f = arg;

	for (uint64_t i = -at & 15; i + BUILDINFO_SIZE <= size; i += 16) {
		if (bytes[i] != 0xff || memcmp(bytes + i, buildinfo_magic, sizeof(buildinfo_magic)))
			continue;
		read_buildinfo(f, at + i);
		if (f->info[0])
			return false;
	}
	return true;
}

/* runtime/symtab.go, moduledataverify1: magic, 0, 0, minimum instruction size 1, pointer
 * size 8. */
static bool scan_pclntab(void *arg, hw_addr at, const uint8_t *bytes, uint64_t size)
{
	struct found *f = arg;

	for (uint64_t i = -at & 7; i + 16 <= size; i += 8) {
		uint64_t word = load(bytes + i);
		uint32_t magic = (uint32_t)word;
		uint64_t count = load(bytes + i + 8);

		if (word >> 32 != 0x08010000 ||
		    (magic != GO_PCLNTAB_12 && magic != GO_PCLNTAB_116 && magic != GO_PCLNTAB_118 &&
		     magic != GO_PCLNTAB_120))
			continue;
		if (count == 0 || count > f->image->end - f->image->start)
			continue;
		if (!f->pclntabs++) {
			f->pclntab = at + i;
			f->magic = magic;
		}
	}
	return true;
}

static bool is_go(const struct found *f)
{
	return f->strings || f->info[0];
}

/* The note of cmd/link in the first page: type 4, owner "Go". It has no version. */
static bool has_note(const struct hw_host *host, const struct go_image *image)
{
	static const char note[] = "\4\0\0\0Go\0";
	uint64_t size;
	const char *bytes = host->peek(host->self, image->start, &size);

	if (bytes && size > host->page_size)
		size = host->page_size;
	for (uint64_t i = 0; bytes && i + sizeof(note) <= size; i += 4)
		if (!memcmp(bytes + i, note, sizeof(note)))
			return true;
	return false;
}

/* Reads the writable data only: what says that an image is Go. */
static void look(struct found *f)
{
	each_stretch(f->host, f->image, HW_PERM_W, 0, scan_strings, f);
	each_stretch(f->host, f->image, HW_PERM_W, 0, scan_buildinfo, f);
}

/* Everything else that an image says, when it is Go or the executable. */
static void look_closer(struct found *f)
{
	if (!f->info[0])
		each_stretch(f->host, f->image, HW_PERM_R, HW_PERM_W | HW_PERM_X, scan_buildinfo,
			     f);
	each_stretch(f->host, f->image, HW_PERM_R, HW_PERM_X, scan_pclntab, f);
	if (!f->pclntab) /* One segment for text and constants: old linkers with -n. */
		each_stretch(f->host, f->image, HW_PERM_X, 0, scan_pclntab, f);
}

static void name_group(struct go_version *v, uint32_t lowest, uint32_t highest)
{
	v->lowest = lowest;
	v->highest = highest;
	v->minor = highest;
	v->source = GO_VERSION_PCLNTAB;
	snprintf(v->text, sizeof(v->text), "1.%u-1.%u", lowest, highest);
}

static void choose_version(const struct found *f, struct go_version *ret)
{
	const char *text = f->info[0] ? f->info : f->text;
	struct go_version v = {0};

	if (go_version_parse(text, &v.minor)) {
		v.lowest = v.highest = v.minor;
		v.source = f->info[0]        ? GO_VERSION_BUILDINFO
			   : f->strings == 1 ? GO_VERSION_STRING
					     : GO_VERSION_STRINGS;
		if (!strncmp(text, "go", 2))
			text += 2;
		snprintf(v.text, sizeof(v.text), "%.63s", text);
	} else if (f->magic == GO_PCLNTAB_12) {
		name_group(&v, GO_FIRST, 15);
	} else if (f->magic == GO_PCLNTAB_116) {
		name_group(&v, 16, 17);
	} else if (f->magic == GO_PCLNTAB_118) {
		name_group(&v, 18, 19);
	} else if (f->magic) {
		name_group(&v, 20, GO_LAST);
	} else {
		name_group(&v, GO_FIRST, GO_LAST);
	}
	*ret = v;
}

bool go_probe(const struct hw_host *host)
{
	struct hw_module_info info = {.struct_size = sizeof(info)};
	struct go_image image;

	for (uint32_t i = 0; host->module(host->self, i, &info); i++) {
		struct found f = {.host = host, .image = &image};

		read_image(host, i, &info, &image);
		look(&f);
		if (!is_go(&f) && info.is_exe)
			look_closer(&f);
		if (is_go(&f) || f.pclntab || has_note(host, &image))
			return true;
	}
	return false;
}

static struct go_runtime *add_runtime(struct go *go)
{
	if (go->count == go->room) {
		uint64_t room = go->room + 2;
		struct go_runtime *grown =
		    go->host->resize(go->host->self, go->runtimes, go->room, room, sizeof(*grown));

		if (!grown) {
			go->no_memory = true;
			return NULL;
		}
		go->runtimes = grown;
		go->room = room;
	}
	return &go->runtimes[go->count++];
}

/* A Go plugin's image (buildmode=plugin) has tables of its own, but the runtime that links
 * them is the executable's. */
static bool is_linked(const struct go *go, hw_addr moduledata)
{
	for (uint64_t r = 0; r < go->count; r++)
		for (uint32_t m = 0; m < go->runtimes[r].module_count; m++)
			if (go->runtimes[r].modules[m].addr == moduledata)
				return true;
	return false;
}

static bool look_at(struct go *go, const struct go_image *image)
{
	struct found f = {.host = go->host, .image = image};
	struct go_runtime *rt;

	look(&f);
	if (!is_go(&f) && !image->is_exe && !has_note(go->host, image))
		return true;
	look_closer(&f);
	if (!is_go(&f) && !f.pclntab && !has_note(go->host, image))
		return true;
	rt = add_runtime(go);
	if (!rt)
		return false;
	*rt = (struct go_runtime){
	    .host = go->host,
	    .image = *image,
	    .pclntab = f.pclntab,
	    .pclntab_magic = f.magic,
	};
	choose_version(&f, &rt->version);
	go_layout_init(&rt->layout, rt->version.minor);
	if (f.pclntab)
		go_find_moduledata(rt);
	return true;
}

bool go_find_runtimes(struct go *go)
{
	struct hw_module_info info = {.struct_size = sizeof(info)};
	struct go_image image;

	for (uint32_t i = 0; go->host->module(go->host->self, i, &info); i++) {
		read_image(go->host, i, &info, &image);
		if (!look_at(go, &image) || go->host->stopped(go->host->self))
			return false;
	}
	/* In the order of modules, so what links an image may come after it. */
	for (uint64_t r = 0; r < go->count;) {
		hw_addr addr = go->runtimes[r].modules[0].addr;
		struct go_runtime self = go->runtimes[r];

		go->runtimes[r].module_count = 0;
		if (addr && is_linked(go, addr)) {
			memmove(&go->runtimes[r], &go->runtimes[r + 1],
				(go->count - r - 1) * sizeof(self));
			go->count--;
			continue;
		}
		go->runtimes[r++].module_count = self.module_count;
	}
	return true;
}
