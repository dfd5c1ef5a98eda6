/* SPDX-License-Identifier: Apache-2.0 */
/* go_target.h -- a Go target made of pieces of memory, for tests of plugins/go's own files: a
 * runtime with the layout of a version, its spans, and what a test writes. All addresses that
 * are written to must lie in a piece; a test fails otherwise. */
#ifndef GO_TARGET_H
#define GO_TARGET_H
#include "../../plugins/go/go.h"
#include "fake_host.h"

enum { GO_TARGET_PIECES = 16, GO_TARGET_SPANS = 16, GO_TARGET_VERSIONS = 15 };

/* The heap whose runtime is that which a handle points at: instead of plugins/go's own
 * go_runtime_of(). */
enum { GO_TARGET_HEAP = 7 };

extern const uint32_t go_target_minors[GO_TARGET_VERSIONS]; /* 12 to 26 */

struct go_target_piece {
	hw_addr base;
	uint64_t size;
	uint64_t used; /* Bytes that go_target_put() has given away. */
	uint8_t *bytes;
};

struct go_target {
	struct go_runtime rt; /* Not yet with a layout: see go_target_new(). */
	struct fake_host *fake;
	struct go_target_piece pieces[GO_TARGET_PIECES];
	uint32_t piece_count;
	struct go_span spans[GO_TARGET_SPANS];
};

/* rt.host is the fake host's. The caller calls go_layout_init(). */
struct go_target *go_target_new(void);
void go_target_free(struct go_target *m);

/* Zeros at [base, base + size). The pointer stays as it is. */
struct go_target_piece *go_target_piece(struct go_target *m, hw_addr base, uint64_t size,
					uint32_t perm);
/* A piece that is mapped, and whose bytes the target lacks. */
void go_target_missing(struct go_target *m, hw_addr base, uint64_t size);
/* Bytes behind those that were put before. Returns their address. */
hw_addr go_target_put(struct go_target_piece *piece, const void *bytes, uint64_t size,
		      uint64_t align);
hw_addr go_target_put_word(struct go_target_piece *piece, uint64_t word);
hw_addr go_target_put_text(struct go_target_piece *piece, const char *text); /* With its NUL. */
/* So many zeros. */
hw_addr go_target_room(struct go_target_piece *piece, uint64_t size, uint64_t align);

/* The bytes of the target at addr, of which there are at least n. */
uint8_t *go_target_at(const struct go_target *m, hw_addr addr, uint64_t n);
void go_target_store(const struct go_target *m, hw_addr addr, uint64_t value, uint32_t width);
void go_target_word(const struct go_target *m, hw_addr addr, uint64_t word);
/* A field of a runtime struct, where the version has it. */
void go_target_set(const struct go_target *m, hw_addr addr, enum go_field field, uint64_t value);

/* Adds a span, in use, not bad, with as many slots as fit; by ascending addresses. class: 2 x size
 * class + noscan. elemsize 0: a stack's. mspan: of its struct, which may be 0. */
struct go_span *go_target_span(struct go_target *m, hw_addr start, uint32_t pages,
			       uint64_t elemsize, uint8_t spanclass, hw_addr mspan);
#endif
