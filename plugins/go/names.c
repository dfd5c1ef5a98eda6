/* SPDX-License-Identifier: Apache-2.0 */
/* names.c -- what pclntab has as text: names of functions and files. */
#include "pclntab.h"
#include <string.h>

/* A string that ends with NUL inside a table. */
static void read_text(const struct go_runtime *rt, const struct go_slice *table, uint64_t offset,
		      char *buf, uint64_t size)
{
	uint64_t used = 0;

	buf[0] = 0;
	while (offset < table->len && used < size - 1) {
		uint64_t held;
		const char *at = rt->host->peek(rt->host->self, table->ptr + offset, &held);
		uint64_t n;

		if (!at || !held)
			break;
		n = table->len - offset < held ? table->len - offset : held;
		n = size - 1 - used < n ? size - 1 - used : n;
		n = strnlen(at, n);
		memcpy(buf + used, at, n);
		used += n;
		offset += n;
		if (n < held && !at[n])
			break;
	}
	buf[used] = 0;
	for (uint64_t i = 0; i < used; i++)
		if ((uint8_t)buf[i] < 0x20 || buf[i] == 0x7f)
			buf[i] = '?';
}

void go_func_name(const struct go_runtime *rt, const struct go_moduledata *module, uint32_t name,
		  char *buf, uint64_t size)
{
	if (name)
		read_text(rt, &module->funcnametab, name, buf, size);
	else
		buf[0] = 0;
}

/* 1.16 and later: the file number is one of the compilation unit's. */
static bool file_offset(const struct go_runtime *rt, const struct go_func *func, uint32_t number,
			uint64_t *ret)
{
	const bool is_old = rt->layout.minor < 16;
	const struct go_slice *table = is_old ? &func->module->filetab : &func->module->cutab;
	uint64_t index = is_old ? number : (uint64_t)func->cu + number;
	uint32_t offset;

	if (index >= table->len || index > UINT32_MAX ||
	    !go_u32(rt, table->ptr + index * 4, &offset) || offset == UINT32_MAX)
		return false;
	*ret = offset;
	return true;
}

bool go_func_line(const struct go_runtime *rt, const struct go_func *func, hw_addr pc, char *file,
		  uint64_t file_size, int32_t *line_ret)
{
	const struct go_slice *names =
	    rt->layout.minor < 16 ? &func->module->pclntable : &func->module->filetab;
	int32_t number, line;
	uint64_t offset;

	if (!go_pcvalue(rt, func, func->pcfile, pc, &number) || number < 0 ||
	    !go_pcvalue(rt, func, func->pcln, pc, &line) || line < 0 ||
	    !file_offset(rt, func, (uint32_t)number, &offset))
		return false;
	read_text(rt, names, offset, file, file_size);
	*line_ret = line;
	return file[0] != 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* cmd/internal/objabi/path.go: in the last element of a package path dots, and everywhere
 * control bytes, quotes and '%', are written as %xx. */
static void unescape(char *name)
{
	char *to = name;

	for (const char *at = name; *at; to++) {
		int high = *at == '%' ? hex_digit(at[1]) : -1;
		int low = high >= 0 ? hex_digit(at[2]) : -1;

		if (low >= 0 && high * 16 + low >= 0x20 && high * 16 + low != 0x7f) {
			*to = (char)(high * 16 + low);
			at += 3;
		} else {
			*to = *at++;
		}
	}
	*to = 0;
}

/* runtime/symtab.go funcNameForPrint(): a shape says nothing to a reader. */
static void shorten_arguments(char *name)
{
	char *open = strchr(name, '['), *close = strrchr(name, ']');

	if (!open || !close || close - open < 4)
		return;
	memmove(open + 4, close, strlen(close) + 1);
	memcpy(open + 1, "...", 3);
}

void go_name_clean(char *name)
{
	unescape(name);
	shorten_arguments(name);
}
