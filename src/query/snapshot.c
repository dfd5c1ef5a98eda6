/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c -- which words of a process are payload. A bit for every word of the spool, set
 * where only addresses are kept; in pieces, made where one is set. */
#include "query/snapshot.h"
#include "base/array.h"
#include "base/error.h"
#include "module/threads.h"
#include <stdlib.h>
#include <string.h>

/* What allocators keep inside blocks they have back: links and a key at the start, the size
 * of the block before at the end (ptmalloc: fd, bk, fd_nextsize, bk_nextsize; prev_size). */
#define KEPT_START 32
#define KEPT_END   8
#define PIECE      ((uint64_t)1 << 17) /* Words: 1 MiB of the spool. */
#define KEPT_TCB   ((uint64_t)8 << 10) /* Around a thread's control block: thread-locals, tcb. */

struct bare {
	const struct hw_session *session;
	uint8_t **pieces; /* Bits of words of target->map; NULL where none is set. */
	size_t room;      /* Of pieces. */
	hw_addr *kept;    /* Inside blocks that libc or a runtime reads: sorted. */
	size_t kept_count;
	size_t kept_room;
	bool no_memory;
};

static void set_bit(struct bare *bare, uint64_t word)
{
	uint8_t **piece = &bare->pieces[word / PIECE];

	if (!*piece)
		*piece = hw_array_resize(NULL, 0, PIECE / 8, 1);
	if (*piece)
		(*piece)[word % PIECE / 8] |= (uint8_t)(1u << word % 8);
	else
		bare->no_memory = true;
}

static bool get_bit(const struct bare *bare, uint64_t word)
{
	const uint8_t *piece = bare->pieces[word / PIECE];

	return piece && piece[word % PIECE / 8] & (1u << word % 8);
}

static void drop(struct bare *bare, hw_addr start, hw_addr end)
{
	const struct hw_memory *memory = bare->session->memory;

	start = (start + 7) & ~(hw_addr)7;
	end &= ~(hw_addr)7;
	while (start < end) {
		uint32_t i = hw_memory_find(memory, start);
		const struct hw_mapping *m = &memory->mappings[i];
		hw_addr stop;

		if (i == memory->mapping_count || m->start >= end)
			return;
		start = MAX(start, m->start);
		stop = MIN(end, m->start + m->size);
		if (m->source != HW_SOURCE_CORE || start >= stop) {
			start = m->end;
			continue;
		}
		for (uint64_t w = (m->file_offset + (start - m->start)) / 8; start < stop;
		     start += 8, w++)
			set_bit(bare, w);
		start = stop == end ? end : m->end;
	}
}

static int compare_addresses(const void *a, const void *b)
{
	const hw_addr *x = a;
	const hw_addr *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool keep(struct bare *bare, hw_addr addr)
{
	if (!hw_array_reserve((void **)&bare->kept, &bare->kept_room, bare->kept_count,
			      sizeof(*bare->kept)))
		bare->no_memory = true;
	else
		bare->kept[bare->kept_count++] = addr;
	return !bare->no_memory;
}

static bool keep_goroutine(void *arg, const struct hw_plugin *plugin, void *handle,
			   const struct hw_goroutine *goroutine)
{
	(void)plugin;
	(void)handle;
	return keep(arg, goroutine->addr);
}

/* The vector of thread-local blocks (tcb + 8) has counters in it that libc needs; a runtime
 * has structs of its own among the program's blocks. */
static bool find_kept(struct bare *bare, struct hw_session *session, GError **error)
{
	const struct hw_target *target = session->target;
	uint32_t count;
	const struct hw_claimed *claims = hw_heaps_claims(session->heaps, &count);
	bool is_known;

	for (uint32_t t = 0; t < target->thread_count; t++) {
		hw_addr tcb = target->threads[t].regs[HW_REG_FS_BASE];
		hw_addr vector;

		if (tcb && hw_memory_word(session->memory, tcb + 8, &vector))
			keep(bare, vector);
	}
	for (uint32_t i = 0; i < count; i++)
		if (claims[i].kind == HW_CLAIM_METADATA)
			keep(bare, claims[i].start);
	if (!hw_heaps_goroutines(session->heaps, keep_goroutine, bare, &is_known, error))
		return false;
	if (bare->no_memory) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "no memory for a list of what is kept");
		return false;
	}
	if (bare->kept_count)
		qsort(bare->kept, bare->kept_count, sizeof(hw_addr), compare_addresses);
	return true;
}

static bool is_kept(const struct bare *bare, const struct hw_block *block)
{
	size_t low = 0;
	size_t high = bare->kept_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (bare->kept[middle] < block->addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < bare->kept_count && bare->kept[low] < block->addr + block->size;
}

static bool drop_batch(void *arg, const struct hw_blocks *batch)
{
	const uint8_t *at = (const uint8_t *)batch->blocks;

	for (uint32_t i = 0; i < batch->count; i++, at += batch->block_size) {
		const struct hw_block *block = (const struct hw_block *)(const void *)at;

		if ((block->flags & HW_BLOCK_INTERNAL) || is_kept(arg, block))
			continue;
		if (block->state == HW_LIVE)
			drop(arg, block->addr, block->addr + block->size);
		else if (block->size > KEPT_START + KEPT_END)
			drop(arg, block->addr + KEPT_START, block->addr + block->size - KEPT_END);
	}
	return !((const struct bare *)arg)->no_memory;
}

/* Of a stack, up to its thread's own data. */
static void drop_stacks(struct bare *bare)
{
	const struct hw_memory *memory = bare->session->memory;
	const struct hw_target *target = bare->session->target;

	for (uint32_t i = 0; i < memory->mapping_count; i++) {
		const struct hw_mapping *m = &memory->mappings[i];
		hw_addr end = m->end;

		if (m->owner != HW_OWNER_STACK)
			continue;
		for (uint32_t t = 0; t < target->thread_count; t++) {
			hw_addr tcb = target->threads[t].regs[HW_REG_FS_BASE];

			if (tcb >= m->start && tcb < m->end)
				end = MIN(end, MAX(m->start, tcb - MIN(tcb, KEPT_TCB)));
		}
		drop(bare, m->start, end);
	}
}

/* Keeps of the marked words those that are addresses of something mapped. */
static void filter(void *arg, hw_addr addr, uint64_t offset, uint8_t *bytes, uint64_t size)
{
	const struct bare *bare = arg;
	const struct hw_memory *memory = bare->session->memory;

	(void)addr;
	for (uint64_t at = 0; at + 8 <= size; at += 8) {
		uint64_t w = (offset + at) / 8;
		uint64_t word;
		uint32_t i;

		if (!get_bit(bare, w))
			continue;
		memcpy(&word, bytes + at, sizeof(word));
		if (!word)
			continue;
		i = hw_memory_find(memory, word);
		if (i == memory->mapping_count || memory->mappings[i].start > word)
			memset(bytes + at, 0, sizeof(word));
	}
}

static bool fail_for_memory(GError **error)
{
	g_clear_error(error);
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
		    "no memory for a map of what the process's blocks and stacks say; leave "
		    "--no-content out if the file may have that");
	return false;
}

/* Pages that stay as they are: of no heap, no module and no stack, or not decoded. */
static uint64_t undropped(const struct hw_session *session)
{
	const struct hw_memory *memory = session->memory;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < memory->mapping_count; i++) {
		const struct hw_mapping *m = &memory->mappings[i];

		if (m->source == HW_SOURCE_CORE &&
		    (m->owner == HW_OWNER_ANON || m->owner == HW_OWNER_FILE ||
		     m->owner == HW_OWNER_UNKNOWN))
			bytes += hw_target_resident(session->target, m->start, m->end);
	}
	for (uint32_t i = 0; i < hw_heaps_count(session->heaps); i++)
		bytes += hw_heaps_at(session->heaps, i)->ledger.bytes[HW_ROW_UNKNOWN];
	return bytes;
}

static bool mark(struct bare *bare, struct hw_session *session, GError **error)
{
	bare->session = session;
	bare->room = session->target->map_size / 8 / PIECE + 1;
	bare->pieces = hw_array_resize(NULL, 0, bare->room, sizeof(*bare->pieces));
	if (!bare->pieces)
		return fail_for_memory(error);
	if (!find_kept(bare, session, error))
		return false;
	for (uint32_t i = 0; i < hw_heaps_count(session->heaps); i++)
		if (!hw_heaps_blocks(session->heaps, i, drop_batch, bare, error) || bare->no_memory)
			return bare->no_memory ? fail_for_memory(error) : false;
	drop_stacks(bare);
	return !bare->no_memory || fail_for_memory(error);
}

static void clear(struct bare *bare)
{
	for (size_t i = 0; bare->pieces && i < bare->room; i++)
		hw_array_resize(bare->pieces[i], bare->pieces[i] ? PIECE / 8 : 0, 0, 1);
	hw_array_resize(bare->pieces, bare->pieces ? bare->room : 0, 0, sizeof(*bare->pieces));
	hw_array_resize(bare->kept, bare->kept_room, 0, sizeof(*bare->kept));
}

bool hw_snapshot_query(struct hw_session *session, const struct hw_snapshot_request *request,
		       struct hw_snapshot_result *ret, GError **error)
{
	struct bare bare = {0};
	struct hw_snapshot_options options = {
	    .fd = request->fd,
	    .name = request->name,
	    .is_packed = request->is_packed,
	    .is_bare = request->drops_content,
	    .filter = request->drops_content ? filter : NULL,
	    .arg = &bare,
	};
	bool ok = (!request->drops_content ||
		   (hw_session_ledgers(session, error) && mark(&bare, session, error))) &&
		  hw_snapshot_write(session->target, &options, &session->notes, ret, error);

	if (ok && request->drops_content)
		ret->undropped = undropped(session);
	clear(&bare);
	return ok;
}
