/* SPDX-License-Identifier: Apache-2.0 */
#include "go_target.h"
#include "../../plugins/go/ledger.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

const uint32_t go_target_minors[GO_TARGET_VERSIONS] = {12, 13, 14, 15, 16, 17, 18, 19,
						       20, 21, 22, 23, 24, 25, 26};

struct go_runtime *go_runtime_of(struct go *go, uint32_t heap)
{
	return heap == GO_TARGET_HEAP ? (struct go_runtime *)(void *)go : NULL;
}

struct go_target *go_target_new(void)
{
	struct go_target *m = calloc(1, sizeof(*m));

	m->fake = fake_host_new();
	m->rt.host = &m->fake->host;
	m->rt.heap.spans = m->spans;
	m->fake->phase = FAKE_OTHER;
	return m;
}

void go_target_free(struct go_target *m)
{
	ck_assert_uint_eq(m->fake->memory_used, 0);
	ck_assert_msg(m->fake->breaches->len == 0, "%s", fake_breach(m->fake));
	fake_host_free(m->fake);
	for (uint32_t i = 0; i < m->piece_count; i++)
		free(m->pieces[i].bytes);
	free(m);
}

static struct go_target_piece *add_piece(struct go_target *m, hw_addr base, uint64_t size,
					 uint64_t held, uint32_t perm)
{
	struct fake_segment segment = {.start = base,
				       .end = base + size,
				       .held = held,
				       .perm = perm,
				       .owner = HW_OWNER_ANON,
				       .module = HW_NO_MODULE};
	struct go_target_piece *piece = &m->pieces[m->piece_count++];

	ck_assert_uint_le(m->piece_count, GO_TARGET_PIECES);
	segment.bytes = calloc(1, held ? held : 1);
	*piece = (struct go_target_piece){base, held, 0, segment.bytes};
	fake_host_segment(m->fake, &segment);
	fake_host_ready(m->fake);
	return piece;
}

struct go_target_piece *go_target_piece(struct go_target *m, hw_addr base, uint64_t size,
					uint32_t perm)
{
	return add_piece(m, base, size, size, perm);
}

void go_target_missing(struct go_target *m, hw_addr base, uint64_t size)
{
	add_piece(m, base, size, 0, HW_PERM_R);
}

hw_addr go_target_room(struct go_target_piece *piece, uint64_t size, uint64_t align)
{
	const uint64_t at = (piece->used + align - 1) / align * align;

	ck_assert_uint_le(at + size, piece->size);
	piece->used = at + size;
	return piece->base + at;
}

hw_addr go_target_put(struct go_target_piece *piece, const void *bytes, uint64_t size,
		      uint64_t align)
{
	const hw_addr addr = go_target_room(piece, size, align);

	memcpy(piece->bytes + (addr - piece->base), bytes, size);
	return addr;
}

hw_addr go_target_put_word(struct go_target_piece *piece, uint64_t word)
{
	return go_target_put(piece, &word, 8, 8);
}

hw_addr go_target_put_text(struct go_target_piece *piece, const char *text)
{
	return go_target_put(piece, text, strlen(text) + 1, 1);
}

uint8_t *go_target_at(const struct go_target *m, hw_addr addr, uint64_t n)
{
	for (uint32_t i = 0; i < m->piece_count; i++) {
		const struct go_target_piece *p = &m->pieces[i];

		if (addr >= p->base && addr - p->base < p->size && n <= p->size - (addr - p->base))
			return p->bytes + (addr - p->base);
	}
	ck_abort_msg("no piece has 0x%llx", (unsigned long long)addr);
	return NULL;
}

void go_target_store(const struct go_target *m, hw_addr addr, uint64_t value, uint32_t width)
{
	memcpy(go_target_at(m, addr, width), &value, width);
}

void go_target_word(const struct go_target *m, hw_addr addr, uint64_t word)
{
	go_target_store(m, addr, word, 8);
}

void go_target_set(const struct go_target *m, hw_addr addr, enum go_field field, uint64_t value)
{
	const struct go_layout *l = &m->rt.layout;

	if (l->at[field] != GO_NONE)
		go_target_store(m, addr + l->at[field], value,
				l->width[field] < 8 ? l->width[field] : 8);
}

struct go_span *go_target_span(struct go_target *m, hw_addr start, uint32_t pages,
			       uint64_t elemsize, uint8_t spanclass, hw_addr mspan)
{
	struct go_span *span = &m->spans[m->rt.heap.span_count++];
	const uint64_t bytes = (uint64_t)pages << GO_PAGE_SHIFT;

	ck_assert_uint_le(m->rt.heap.span_count, GO_TARGET_SPANS);
	ck_assert(span == m->spans || span[-1].start + go_span_bytes(&span[-1]) <= start);
	*span = (struct go_span){.start = start,
				 .addr = mspan,
				 .elemsize = elemsize,
				 .npages = pages,
				 .nelems = (uint16_t)(elemsize ? bytes / elemsize : 0),
				 .spanclass = spanclass,
				 .state = elemsize ? GO_SPAN_IN_USE : GO_SPAN_MANUAL};
	span->freeindex = span->alloc_count = span->nelems;
	return span;
}
