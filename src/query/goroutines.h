/* SPDX-License-Identifier: Apache-2.0 */
/* goroutines.h -- the goroutines, those in the same state with the same stack and creator put
 * together, and one of them in full. Metadata only: no block is read but for what they retain. */
#ifndef HW_QUERY_GOROUTINES_H
#define HW_QUERY_GOROUTINES_H
#include "query/session.h"

/* Strings are borrowed from the answer that holds the struct. */
struct hw_task_call {
	const char *function;
	const char *file; /* Or NULL. */
	uint32_t line;    /* 0: not known. */
	uint32_t flags;   /* HW_CALL_ bits. */
	hw_addr pc;
};

struct hw_task_group {
	const char *state;
	const char *status;
	uint32_t flags; /* HW_GOROUTINE_ bits that all of them have; CUT: any. */
	GArray *ids;    /* uint64_t, ascending. */
	/* The whole stack, innermost first; what traceback leaves out is HW_CALL_HIDDEN.
	 * Stacks that differ only in hidden calls are one group: this is the first met. */
	GArray *calls;                /* struct hw_task_call */
	struct hw_task_call *creator; /* NULL: not known, or the first goroutine. */
	uint64_t parent;              /* The one that created all of them; 0: several. */
	int64_t wait_longest_ns;      /* -1: not known. At least so long. */
	int64_t wait_shortest_ns;
	int64_t wait_about_ns; /* The longest by the runtime's own reckoning; -1: not known. */
	uint64_t stack_bytes;
	/* Set by hw_tasks_retained(): what no root but theirs reaches. */
	bool is_retained_known;
	uint64_t retained, retained_blocks;
};

struct hw_task_state {
	const char *state;
	uint64_t count;
};

struct hw_tasks {
	bool is_known;    /* The target has a runtime with goroutines. */
	uint64_t total;   /* All of them, whatever was asked for. */
	uint64_t system;  /* The runtime's own among them. */
	uint64_t unread;  /* Not among them: there may be so many more. */
	uint64_t matched; /* Those in groups. */
	GArray *states;   /* struct hw_task_state of the program's own, by count. */
	GArray *groups;   /* struct hw_task_group, by count, then lowest id. */
	/* Private. */
	GStringChunk *strings;
};

struct hw_task_request {
	const char *creator; /* Part of the function's name; NULL: any. */
	const char *state;   /* A state or status; NULL: any. */
};

struct hw_tasks *hw_tasks_query(struct hw_session *session, const struct hw_task_request *request,
				GError **error);
void hw_tasks_free(struct hw_tasks *tasks); /* Accepts NULL. */

/* By count, then lowest id. */
int hw_task_group_compare(const void *a, const void *b);

/* What would become unreachable if all goroutines of a group were gone, for each group; sorts
 * them by that. The session's graph was made, without dominators. */
bool hw_tasks_retained(struct hw_session *session, struct hw_tasks *tasks, GError **error);

/* One goroutine. */
struct hw_task {
	struct hw_goroutine info; /* pcs and labels are NULL: see calls, labels. */
	GArray *calls;            /* struct hw_task_call */
	struct hw_task_call *creator;
	struct hw_task_call *start; /* Its first function. */
	GPtrArray *labels;          /* char *: key, value, key, … */
	bool is_retained_known;     /* Set by hw_task_retained(). */
	uint64_t retained, retained_blocks;
	/* Private. */
	GStringChunk *strings;
};

/* NULL with TARGET when there is no such goroutine. */
struct hw_task *hw_task_query(struct hw_session *session, uint64_t id, GError **error);
void hw_task_free(struct hw_task *task); /* Accepts NULL. */
bool hw_task_retained(struct hw_session *session, struct hw_task *task, GError **error);
#endif
