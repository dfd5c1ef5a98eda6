/* SPDX-License-Identifier: Apache-2.0 */
/* The address space by owner, and how permissions are written. */
#include "report/owners.h"

/* What people call it; the JSON has hw_owner_names. */
static const char *owner_title(enum hw_owner owner)
{
	static const char *const titles[HW_OWNERS] = {
	    [HW_OWNER_UNKNOWN] = "unexplained", [HW_OWNER_MODULE] = "modules",
	    [HW_OWNER_HEAP] = "heaps",          [HW_OWNER_STACK] = "stacks",
	    [HW_OWNER_FILE] = "mapped files",   [HW_OWNER_ANON] = "anonymous",
	    [HW_OWNER_VDSO] = "vdso",
	};

	return titles[owner];
}

static void owners_json(struct hw_answer *a, const struct hw_maps *maps)
{
	static const struct hw_column columns[] = {
	    {"owner", "", HW_KIND_TEXT, 0},
	    {"bytes", "", HW_KIND_SIZE, 0},
	    {"held", "", HW_KIND_SIZE, 0},
	    {"mappings", "", HW_KIND_COUNT, 0},
	};

	hw_answer_table(a, "owners", NULL, columns, G_N_ELEMENTS(columns));
	for (int i = 0; i < HW_OWNERS; i++) {
		const struct hw_owner_total *t = &maps->totals[i];
		const struct hw_value row[] = {hw_text(hw_owner_names[t->owner]), hw_size(t->bytes),
					       hw_size(t->held), hw_count(t->mappings)};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static void owners_text(struct hw_answer *a, const struct hw_maps *maps)
{
	static const struct hw_column columns[] = {
	    {NULL, "", HW_KIND_TEXT, 0},
	    {NULL, "bytes", HW_KIND_SIZE, 0},
	    {NULL, "share", HW_KIND_RATIO, HW_COLUMN_BAR},
	    {NULL, "mappings", HW_KIND_COUNT, 0},
	};
	g_autofree char *total = hw_answer_size(a, maps->bytes);
	g_autofree char *missing = hw_answer_size(a, maps->bytes - maps->held);
	const bool is_missing = maps->bytes - maps->held > maps->bytes / 100;

	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_TITLE, "Address space  %s in %u mapping%s%s%s%s", total,
		       maps->mappings, maps->mappings == 1 ? "" : "s", is_missing ? ", " : "",
		       is_missing ? missing : "", is_missing ? " of it not readable" : "");
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	for (int i = 0; i < HW_OWNERS; i++) {
		const struct hw_owner_total *t = &maps->totals[i];
		const struct hw_value row[] = {
		    hw_text(owner_title(t->owner)),
		    hw_size(t->bytes),
		    hw_ratio(maps->bytes ? (double)t->bytes / (double)maps->bytes : 0),
		    hw_count(t->mappings),
		};

		/* What nobody owns is shown even when it is nothing. */
		if (t->bytes || t->owner == HW_OWNER_UNKNOWN)
			hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

void hw_owners(struct hw_answer *a, const struct hw_maps *maps)
{
	if (a->is_json)
		owners_json(a, maps);
	else
		owners_text(a, maps);
}

const char *hw_owners_perm(char *buf, uint32_t perm)
{
	buf[0] = perm & HW_PERM_R ? 'r' : '-';
	buf[1] = perm & HW_PERM_W ? 'w' : '-';
	buf[2] = perm & HW_PERM_X ? 'x' : '-';
	buf[3] = '\0';
	return buf;
}
