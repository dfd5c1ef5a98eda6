/* SPDX-License-Identifier: Apache-2.0 */
#include "query/named.h"
#include "query/firsts.h"
#include <string.h>

/* Of what stands between two paths in the name of a type. */
static bool is_delimiter(char c)
{
	return strchr("[]*(){} ,;", c) != NULL;
}

/* Behind the path that begins here: at the name of its last element. */
static const char *skip_path(const char *at)
{
	const char *last = at;

	for (const char *c = at; *c && !is_delimiter(*c); c++)
		if (*c == '/')
			last = c + 1;
	return last;
}

bool hw_named_is(const char *type, const char *name)
{
	bool is_start = true;

	if (!type)
		return false;
	if (strcmp(type, name) == 0)
		return true;
	if (strchr(name, '/') || !strchr(type, '/'))
		return false;
	for (;; type++, name++) {
		/* "..." stands before a path, too. */
		if (is_start && *type != '.')
			type = skip_path(type);
		if (*type != *name)
			return false;
		if (!*type)
			return true;
		is_start = is_delimiter(*type) || (is_start && *type == '.');
	}
}

const char *hw_named_type(struct hw_session *s, uint32_t block, const char *name)
{
	const char *type = hw_session_type(s, block);
	const struct hw_first *first;

	if (hw_named_is(type, name))
		return type;
	if (!g_str_has_prefix(name, "_Z"))
		return NULL;
	first = hw_firsts_find(s, block);
	if (!first || g_strcmp0(first->symbol, name) != 0)
		return NULL;
	return type ? type : first->symbol;
}

void hw_named_count(GArray *named, const char *type, uint64_t bytes)
{
	struct hw_named one = {type, 1, bytes};

	for (guint i = 0; i < named->len; i++) {
		struct hw_named *n = &g_array_index(named, struct hw_named, i);

		if (n->type != type && strcmp(n->type, type) != 0)
			continue;
		n->blocks++;
		n->bytes += bytes;
		return;
	}
	g_array_append_val(named, one);
}

static gint compare(gconstpointer a, gconstpointer b)
{
	const struct hw_named *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return strcmp(x->type, y->type);
}

void hw_named_sort(GArray *named)
{
	g_array_sort(named, compare);
}
