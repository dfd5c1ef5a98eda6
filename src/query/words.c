/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the words of a command line. Strict: a number that is half understood would
 * make an answer to another question. */
#include "query/words.h"
#include "base/error.h"
#include <errno.h>
#include <string.h>

#define LONGEST_WORD 32 /* Longer ones have no neighbour. */

/* How far to shift for a unit: "", "B", "k", "KiB", …; -1 when it is none. */
static int unit_shift(const char *unit)
{
	static const char letters[] = "kmgt";
	const char *letter;

	if (!*unit || !g_ascii_strcasecmp(unit, "b"))
		return 0;
	letter = strchr(letters, g_ascii_tolower(*unit));
	if (!letter || (unit[1] && g_ascii_strcasecmp(unit + 1, "ib") != 0))
		return -1;
	return 10 * (int)(letter - letters + 1);
}

bool hw_words_size(const char *word, uint64_t *ret, GError **error)
{
	char *end = NULL;
	uint64_t value = 0;
	int shift = -1;

	errno = 0;
	if (g_ascii_isdigit(*word)) {
		value = g_ascii_strtoull(word, &end, 10);
		shift = unit_shift(end);
	}
	if (shift < 0 || errno || value > UINT64_MAX >> shift) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "'%s' is no size: write 4096, 4k or 4KiB", word);
		return false;
	}
	*ret = value << shift;
	return true;
}

bool hw_words_address(const char *word, hw_addr *ret, GError **error)
{
	bool is_hex = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	const char *digits = is_hex ? word + 2 : word;
	char *end = NULL;
	uint64_t value = 0;

	errno = 0;
	if (is_hex ? g_ascii_isxdigit(*digits) : g_ascii_isdigit(*digits))
		value = g_ascii_strtoull(digits, &end, is_hex ? 16 : 10);
	if (!end || *end || errno) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "'%s' is no address: write 0x7f12... or a decimal number", word);
		return false;
	}
	*ret = value;
	return true;
}

/* Letters to change, add, drop or swap (optimal string alignment). */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][LONGEST_WORD + 1], rows = strlen(a), columns = strlen(b);

	for (size_t j = 0; j <= columns; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= rows; i++) {
		size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			now[j] =
			    MIN(last[j - 1] + (a[i - 1] != b[j - 1]), MIN(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = MIN(now[j], before[j - 2] + 1);
		}
	}
	return row[rows % 3][columns];
}

const char *hw_words_nearest(const char *word, const char *const *list)
{
	size_t length = strlen(word), best = length < 5 ? 2 : 3;
	const char *nearest = NULL;

	if (length > LONGEST_WORD)
		return NULL;
	for (; *list; list++) {
		size_t d = strlen(*list) > LONGEST_WORD ? best : distance(word, *list);

		if (d < best) {
			best = d;
			nearest = *list;
		}
	}
	return nearest;
}
