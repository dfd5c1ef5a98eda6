/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk maps`: every mapping by address, then the totals by owner. What a core
 * does not record (resident, dirty, swap) is left out, not guessed. */
#include "report/owners.h"
#include "report/report.h"

static const char *const source_names[] = {
    [HW_SOURCE_NONE] = "none",
    [HW_SOURCE_CORE] = "core",
    [HW_SOURCE_BINARY] = "binary",
};

static const struct hw_column columns[] = {
    {"start", "start", HW_KIND_ADDR, 0},
    {"end", "end", HW_KIND_ADDR, HW_COLUMN_JSON},
    {"size", "size", HW_KIND_SIZE, 0},
    {"perm", "perm", HW_KIND_TEXT, 0},
    {"owner", "owner", HW_KIND_TEXT, 0},
    {"name", "name", HW_KIND_TEXT, 0},
    {"source", "", HW_KIND_TEXT, HW_COLUMN_JSON},
    {"held", "", HW_KIND_SIZE, HW_COLUMN_JSON},
};

/* What the target or its kernel knows besides. */
static const struct hw_column live_columns[] = {
    {"start", "start", HW_KIND_ADDR, 0},
    {"end", "end", HW_KIND_ADDR, HW_COLUMN_JSON},
    {"size", "size", HW_KIND_SIZE, 0},
    {"resident", "resident", HW_KIND_SIZE, 0},
    {"pss", "pss", HW_KIND_SIZE, HW_COLUMN_JSON},
    {"dirty", "dirty", HW_KIND_SIZE, 0},
    {"swap", "swap", HW_KIND_SIZE, 0},
    {"lazy", "lazy", HW_KIND_SIZE, HW_COLUMN_JSON},
    {"perm", "perm", HW_KIND_TEXT, 0},
    {"owner", "owner", HW_KIND_TEXT, 0},
    {"name", "name", HW_KIND_TEXT, 0},
    {"source", "", HW_KIND_TEXT, HW_COLUMN_JSON},
    {"held", "", HW_KIND_SIZE, HW_COLUMN_JSON},
};

/* Of a part of what smaps counts: known when its pages are, which shows in their sum. Lazy ones are
 * told to root only, and shared memory that is swapped out is in nobody's page table. */
static struct hw_value part(uint64_t (*pages)(const struct hw_target *, hw_addr, hw_addr),
			    const struct hw_session *session, const struct hw_vma *vma,
			    uint64_t of_vma, const struct hw_mapping *m)
{
	if (m->end <= vma->end && pages(session->target, vma->start, vma->end) == of_vma)
		return hw_size(pages(session->target, m->start, m->end));
	return hw_null();
}

static void emit_live_mapping(struct hw_answer *a, const struct hw_session *session,
			      const struct hw_accounts *accounts, const struct hw_mapping *m)
{
	const struct hw_vma *vma = accounts ? hw_accounts_vma(accounts, m->start) : NULL;
	const bool is_whole = vma && vma->start == m->start && vma->end == m->end;
	char perm[4];
	const struct hw_value row[] = {
	    hw_address(m->start),
	    hw_address(m->end),
	    hw_size(m->end - m->start),
	    hw_size(hw_target_resident(session->target, m->start, m->end)),
	    is_whole ? hw_size(vma->pss) : hw_null(),
	    is_whole ? hw_size(vma->dirty) : hw_null(),
	    is_whole ? hw_size(vma->swap)
	    : vma    ? part(hw_target_swapped, session, vma, vma->swap, m)
		     : hw_size(hw_target_swapped(session->target, m->start, m->end)),
	    is_whole ? hw_size(vma->lazy)
	    : vma    ? part(hw_target_lazy, session, vma, vma->lazy, m)
		     : hw_null(),
	    hw_text(hw_owners_perm(perm, m->perm)),
	    hw_text(hw_owner_names[m->owner]),
	    hw_text(m->name || a->is_json ? m->name : ""),
	    hw_text(source_names[m->source]),
	    hw_size(m->size),
	};

	hw_answer_row(a, row);
}

static void emit_live(struct hw_answer *a, const struct hw_session *session,
		      const struct hw_accounts *accounts)
{
	const struct hw_memory *memory = session->memory;

	hw_answer_table(a, "mappings", NULL, live_columns, G_N_ELEMENTS(live_columns));
	for (uint32_t i = 0; i < memory->mapping_count;) {
		const struct hw_mapping whole = hw_maps_next(session, accounts, &i);

		emit_live_mapping(a, session, accounts, &whole);
	}
	hw_answer_table_end(a);
}

static void emit_mapping(struct hw_answer *a, const struct hw_mapping *m)
{
	char perm[4];
	const struct hw_value row[] = {
	    hw_address(m->start),
	    hw_address(m->end),
	    hw_size(m->end - m->start),
	    hw_text(hw_owners_perm(perm, m->perm)),
	    hw_text(hw_owner_names[m->owner]),
	    hw_text(m->name || a->is_json ? m->name : ""),
	    hw_text(source_names[m->source]),
	    hw_size(m->size),
	};

	hw_answer_row(a, row);
}

void hw_report_maps(struct hw_answer *a, struct hw_session *session,
		    const struct hw_accounts *accounts, const struct hw_maps *maps,
		    bool totals_only)
{
	const struct hw_memory *memory = session->memory;

	hw_answer_target(a, session->target);
	if (a->is_json) {
		hw_answer_field(a, "bytes", NULL, hw_size(maps->bytes));
		hw_answer_field(a, "held", NULL, hw_size(maps->held));
	}
	if ((a->is_json || !totals_only) && session->target->page_room) {
		hw_answer_gap(a);
		emit_live(a, session, accounts);
	} else if (a->is_json || !totals_only) {
		hw_answer_gap(a);
		hw_answer_table(a, "mappings", NULL, columns, G_N_ELEMENTS(columns));
		for (uint32_t i = 0; i < memory->mapping_count; i++)
			emit_mapping(a, &memory->mappings[i]);
		hw_answer_table_end(a);
	}
	hw_owners(a, maps);
	hw_answer_completeness(a, &session->notes, false);
}
