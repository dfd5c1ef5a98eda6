/* SPDX-License-Identifier: Apache-2.0 */
/* edges.h -- references between live blocks, from one scan of their words. */
#ifndef HW_GRAPH_EDGES_H
#define HW_GRAPH_EDGES_H
#include "graph/csr.h"
#include "graph/roots.h"

/* Rows: blocks, then the root nodes of roots (NULL: none). Edges of a block to itself and
 * immediate repeats are dropped. The same arrays for any number of threads. Blocks whose
 * bytes are missing have no edges and are noted. */
struct hw_csr *hw_edges_new(const struct hw_memory *memory, const struct hw_table *table,
			    const struct hw_roots *roots, uint32_t threads, struct hw_notes *notes,
			    GError **error);

/* Calls fn with every aligned word of a block that the target holds, in runs. False of fn
 * stops, and is returned. *missing_ret (may be NULL): bytes not held. */
typedef bool (*hw_words_fn)(void *arg, hw_addr addr, const uint64_t *words, size_t count);
bool hw_edges_words(const struct hw_memory *memory, hw_addr addr, uint64_t size, hw_words_fn fn,
		    void *arg, uint64_t *missing_ret);
/* The same for one live block, as the graph has it: words that are no reference by the word of
 * the heap's plugin are given as 0; none of blocks without references. */
bool hw_edges_block(const struct hw_memory *memory, const struct hw_table *table, uint32_t block,
		    hw_words_fn fn, void *arg);
#endif
