/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host: a target made of arrays, and a notary for what a plugin says. */
#include "fake_host.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void breach(struct fake_host *fake, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void breach(struct fake_host *fake, const char *fmt, ...)
{
	va_list args;

	if (fake->breaches->len >= FAKE_KEPT)
		return;
	va_start(args, fmt);
	g_ptr_array_add(fake->breaches, g_strdup_vprintf(fmt, args));
	va_end(args);
}

/* The first segment that ends after addr, or NULL. */
static const struct fake_segment *segment_after(const struct fake_host *fake, hw_addr addr)
{
	guint low = 0, high = fake->segments->len;

	while (low < high) {
		guint mid = low + (high - low) / 2;

		if (g_array_index(fake->segments, struct fake_segment, mid).end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == fake->segments->len)
		return NULL;
	return &g_array_index(fake->segments, struct fake_segment, low);
}

static const void *peek(void *self, hw_addr addr, uint64_t *size_ret)
{
	const struct fake_segment *segment = segment_after(self, addr);

	if (!segment || addr < segment->start || addr - segment->start >= segment->held)
		return NULL;
	if (size_ret)
		*size_ret = segment->held - (addr - segment->start);
	return segment->bytes + (addr - segment->start);
}

static uint64_t read_bytes(void *self, hw_addr addr, void *buf, uint64_t n)
{
	uint64_t done = 0, size = 0;

	while (done < n) {
		const void *from = peek(self, addr + done, &size);

		if (!from)
			break;
		size = MIN(size, n - done);
		memcpy((uint8_t *)buf + done, from, size);
		done += size;
	}
	return done;
}

/* No holes inside what is held: a stretch is what a segment holds. */
static bool data(void *self, hw_addr from, hw_addr end, hw_addr *start_ret, hw_addr *end_ret)
{
	const struct fake_segment *segment;

	while (from < end && (segment = segment_after(self, from))) {
		if (segment->start >= end)
			return false;
		if (segment->start + segment->held > from) {
			*start_ret = MAX(from, segment->start);
			*end_ret = MIN(end, segment->start + segment->held);
			return *start_ret < *end_ret;
		}
		from = segment->end;
	}
	return false;
}

static bool range(void *self, hw_addr from, struct hw_range *ret)
{
	const struct fake_segment *segment = segment_after(self, from);
	struct hw_range found = {0};

	if (!segment)
		return false;
	found.struct_size = MIN(ret->struct_size, sizeof(found));
	found.perm = segment->perm;
	found.start = segment->start;
	found.end = segment->end;
	found.owner = segment->owner;
	found.module = segment->module;
	memcpy(ret, &found, found.struct_size);
	return true;
}

static bool module(void *self, uint32_t index, struct hw_module_info *ret)
{
	const struct fake_host *fake = self;
	struct hw_module_info found;

	if (index >= fake->modules->len)
		return false;
	found = g_array_index(fake->modules, struct hw_module_info, index);
	found.struct_size = MIN(ret->struct_size, sizeof(found));
	memcpy(ret, &found, found.struct_size);
	return true;
}

static bool thread(void *self, uint32_t index, struct hw_thread_info *ret)
{
	const struct fake_host *fake = self;
	struct hw_thread_info found;

	if (index >= fake->threads->len)
		return false;
	found = g_array_index(fake->threads, struct hw_thread_info, index);
	found.struct_size = MIN(ret->struct_size, sizeof(found));
	memcpy(ret, &found, found.struct_size);
	return true;
}

static bool symbol(void *self, uint32_t index, const char *name, hw_addr *ret)
{
	const struct fake_host *fake = self;

	for (guint i = 0; i < fake->symbols->len; i++) {
		const struct fake_symbol *s = &g_array_index(fake->symbols, struct fake_symbol, i);

		if (s->module == index && strcmp(s->name, name) == 0) {
			*ret = s->value;
			return true;
		}
	}
	return false;
}

static bool member(void *self, uint32_t index, const char *type, const char *name, uint64_t *ret)
{
	const struct fake_host *fake = self;

	for (guint i = 0; i < fake->members->len; i++) {
		const struct fake_member *m = &g_array_index(fake->members, struct fake_member, i);

		if (m->module == index && strcmp(m->type, type) == 0 &&
		    g_strcmp0(m->member, name) == 0) {
			*ret = m->value;
			return true;
		}
	}
	return false;
}

static struct fake_heap *heap_at(struct fake_host *fake, uint32_t heap, const char *who)
{
	if (heap < fake->heaps->len)
		return fake->heaps->pdata[heap];
	breach(fake, "%s: no heap %u", who, heap);
	return NULL;
}

static uint32_t add_heap(void *self, const struct hw_heap_info *info)
{
	struct fake_host *fake = self;
	struct fake_heap *heap = g_new0(struct fake_heap, 1);

	if (fake->phase != FAKE_OPEN)
		breach(fake, "add_heap() outside open()");
	if (info->struct_size != sizeof(*info))
		breach(fake, "add_heap(): struct_size %u", info->struct_size);
	if (info->confidence > HW_GUESSED || !info->name || !info->version || !info->how)
		breach(fake, "add_heap(): confidence %u or a string missing", info->confidence);
	heap->name = g_strdup(info->name);
	heap->version = g_strdup(info->version);
	heap->how = g_strdup(info->how);
	heap->confidence = info->confidence;
	heap->arenas = g_array_new(FALSE, TRUE, sizeof(struct fake_arena));
	heap->blocks = g_array_new(FALSE, TRUE, sizeof(struct hw_block));
	g_ptr_array_add(fake->heaps, heap);
	return fake->heaps->len - 1;
}

static void claim(void *self, uint32_t heap, enum hw_claim kind, hw_addr start, hw_addr end,
		  const char *name)
{
	struct fake_host *fake = self;
	struct fake_claim claimed = {heap, kind, start, end, NULL};

	if (fake->phase != FAKE_OPEN)
		breach(fake, "claim() outside open()");
	if (start >= end)
		breach(fake, "claim() of nothing: 0x%" PRIx64 "-0x%" PRIx64, start, end);
	if (!heap_at(fake, heap, "claim()") || start >= end)
		return;
	claimed.name = g_strdup(name);
	g_array_append_val(fake->claims, claimed);
}

/* Checks the sums; what is wrong goes to breaches. */
static void check_ledger(struct fake_host *fake, const char *who, const struct hw_ledger *ledger)
{
	uint64_t sum = 0;

	for (int i = 0; i < HW_ROWS; i++)
		if (__builtin_add_overflow(sum, ledger->bytes[i], &sum))
			breach(fake, "%s: rows overflow", who);
	if (sum != ledger->mapped)
		breach(fake, "%s: rows add up to %" PRIu64 ", mapped %" PRIu64, who, sum,
		       ledger->mapped);
	if (ledger->releasable > ledger->bytes[HW_ROW_FREE])
		breach(fake, "%s: releasable %" PRIu64 " of %" PRIu64 " free", who,
		       ledger->releasable, ledger->bytes[HW_ROW_FREE]);
	if (ledger->confidence > HW_GUESSED)
		breach(fake, "%s: confidence %u", who, ledger->confidence);
}

static void arena(void *self, uint32_t heap, uint32_t number, const char *name,
		  const struct hw_ledger *ledger)
{
	struct fake_host *fake = self;
	struct fake_heap *to = heap_at(fake, heap, "arena()");
	struct fake_arena entry = {.arena = number};

	if (fake->phase != FAKE_LEDGER || heap != fake->phase_heap)
		breach(fake, "arena() of heap %u outside its ledger()", heap);
	if (ledger->struct_size != sizeof(*ledger))
		breach(fake, "arena(): struct_size %u", ledger->struct_size);
	check_ledger(fake, "arena", ledger);
	if (!to)
		return;
	for (guint i = 0; i < to->arenas->len; i++)
		if (g_array_index(to->arenas, struct fake_arena, i).arena == number)
			breach(fake, "arena() %u twice", number);
	entry.name = g_strdup(name);
	entry.ledger = *ledger;
	g_array_append_val(to->arenas, entry);
}

static bool is_claimed(const struct fake_host *fake, uint32_t heap, hw_addr start, hw_addr end)
{
	for (guint i = 0; i < fake->claims->len; i++) {
		const struct fake_claim *c = &g_array_index(fake->claims, struct fake_claim, i);

		if (c->heap == heap && c->kind == HW_CLAIM_HEAP && start >= c->start &&
		    end <= c->end)
			return true;
	}
	return false;
}

static void take_block(struct fake_host *fake, struct fake_heap *heap, const struct hw_block *b)
{
	hw_addr end;

	if (__builtin_add_overflow(b->addr, b->size, &end) || b->size == 0)
		breach(fake, "block 0x%" PRIx64 ": size %" PRIu64, b->addr, b->size);
	else if (b->addr < fake->blocks_next)
		breach(fake, "block 0x%" PRIx64 " below the end of the one before, 0x%" PRIx64,
		       b->addr, fake->blocks_next);
	else if (!is_claimed(fake, fake->phase_heap, b->addr, end))
		breach(fake, "block 0x%" PRIx64 " size %" PRIu64 " in no claim", b->addr, b->size);
	else
		fake->blocks_next = end;
	if (b->state >= HW_STATES)
		breach(fake, "block 0x%" PRIx64 ": state %u", b->addr, b->state);
	g_array_append_val(heap->blocks, *b);
}

static bool blocks(void *self, const struct hw_blocks *batch)
{
	struct fake_host *fake = self;
	struct fake_heap *heap = heap_at(fake, batch->heap, "blocks()");
	const uint8_t *at = (const uint8_t *)batch->blocks;

	if (fake->phase != FAKE_BLOCKS || batch->heap != fake->phase_heap)
		breach(fake, "blocks() of heap %u outside its blocks()", batch->heap);
	if (batch->struct_size != sizeof(*batch) || batch->block_size != sizeof(struct hw_block))
		breach(fake, "blocks(): struct_size %u, block_size %u", batch->struct_size,
		       batch->block_size);
	if (fake->refuse_batch && fake->block_batches >= fake->refuse_batch)
		breach(fake, "blocks() called again after it said stop");
	fake->block_batches++;
	for (uint32_t i = 0; heap && i < batch->count; i++, at += batch->block_size)
		take_block(fake, heap, (const struct hw_block *)(const void *)at);
	return !fake->refuse_batch || fake->block_batches < fake->refuse_batch;
}

static uint32_t type(void *self, const char *name)
{
	struct fake_host *fake = self;

	g_ptr_array_add(fake->types, g_strdup(name));
	return fake->types->len;
}

static bool root(void *self, const struct hw_root *found)
{
	struct fake_host *fake = self;

	if (found->struct_size != sizeof(*found) || !found->kind || !found->name)
		breach(fake, "root(): size %u, kind or name missing", found->struct_size);
	else if (!found->slot && !found->value)
		breach(fake, "root() %s: neither slot nor value", found->name);
	if (fake->phase != FAKE_OTHER)
		breach(fake, "root() outside roots()");
	if (fake->root_count++ < FAKE_ROOTS) {
		const struct fake_root kept = {
		    .slot = found->slot,
		    .value = found->value,
		    .addr = found->addr,
		    .size = found->size,
		    .goroutine = found->goroutine,
		    .kind = g_strdup(found->kind),
		    .name = g_strdup(found->name),
		    .type = g_strdup(found->type),
		    .function = g_strdup(found->function),
		    .note = g_strdup(found->note),
		};

		g_array_append_val(fake->roots, kept);
	}
	return true;
}

static void skip(void *self, hw_addr start, hw_addr end)
{
	struct fake_host *fake = self;

	if (start >= end)
		breach(fake, "skip() of 0x%" PRIx64 " to 0x%" PRIx64, start, end);
	fake->skips++;
}

static void skip_thread(void *self, int32_t tid G_GNUC_UNUSED)
{
	((struct fake_host *)self)->skips++;
}

static void named_block(void *self, hw_addr addr)
{
	g_array_append_val(((struct fake_host *)self)->named, addr);
}

static void pool(void *self, hw_addr addr, bool is_victim)
{
	const struct fake_pool found = {addr, is_victim};

	g_array_append_val(((struct fake_host *)self)->pools, found);
}

static void damage(void *self, hw_addr addr, const char *fmt, ...)
{
	struct fake_host *fake = self;
	struct fake_damage note = {.addr = addr};
	va_list args;

	fake->incomplete = true;
	if (fake->damage_count++ >= FAKE_KEPT)
		return;
	va_start(args, fmt);
	note.text = g_strdup_vprintf(fmt, args);
	va_end(args);
	g_array_append_val(fake->damage, note);
}

static void warn(void *self, const char *code, bool incomplete, const char *fmt, ...)
{
	struct fake_host *fake = self;
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = g_strdup_vprintf(fmt, args);
	va_end(args);
	fake->incomplete = fake->incomplete || incomplete;
	if (fake->warnings->len < FAKE_KEPT)
		g_ptr_array_add(
		    fake->warnings,
		    g_strdup_printf("%s%s: %s", code, incomplete ? " (incomplete)" : "", text));
}

static void fail(void *self, const char *fmt, ...)
{
	struct fake_host *fake = self;
	va_list args;

	if (fake->failure)
		return;
	va_start(args, fmt);
	fake->failure = g_strdup_vprintf(fmt, args);
	va_end(args);
}

/* Every piece of memory begins with its size, 16 bytes before what is given. */
#define HEAD 16

static bool refuse(struct fake_host *fake, uint64_t had, uint64_t want)
{
	fake->resize_calls++;
	if (want <= had)
		return false;
	if (fake->resize_fail_at && fake->resize_calls >= fake->resize_fail_at)
		return true;
	return fake->memory_limit && fake->memory_used - had + want > fake->memory_limit;
}

static void *resize(void *self, void *ptr, uint64_t old_count, uint64_t count, uint64_t item_size)
{
	struct fake_host *fake = self;
	uint8_t *base = ptr ? (uint8_t *)ptr - HEAD : NULL;
	uint64_t had = 0, want;

	if (base)
		memcpy(&had, base, sizeof(had));
	if (had != old_count * item_size)
		breach(fake, "resize(): was %" PRIu64 " bytes, caller says %" PRIu64, had,
		       old_count * item_size);
	if (__builtin_mul_overflow(count, item_size, &want) || want > UINT64_C(1) << 34)
		return NULL;
	if (count != 0 && refuse(fake, had, want))
		return NULL;
	fake->memory_used += want - had;
	fake->memory_peak = MAX(fake->memory_peak, fake->memory_used);
	if (count == 0) {
		free(base);
		return NULL;
	}
	/* Always moves, so that a stale pointer shows under ASan; zeros cost nothing until
	 * they are touched. */
	ptr = calloc(1, want + HEAD);
	g_assert_nonnull(ptr);
	memcpy(ptr, &want, sizeof(want));
	if (base)
		memcpy((uint8_t *)ptr + HEAD, base + HEAD, MIN(had, want));
	free(base);
	return (uint8_t *)ptr + HEAD;
}

static const char *no_name(void *self G_GNUC_UNUSED, hw_addr addr G_GNUC_UNUSED,
			   uint64_t *offset_ret G_GNUC_UNUSED)
{
	return NULL;
}

static void no_lock(void *self G_GNUC_UNUSED, hw_addr addr G_GNUC_UNUSED,
		    uint32_t size G_GNUC_UNUSED)
{
}

static void no_variables(void *self G_GNUC_UNUSED, uint32_t module_index G_GNUC_UNUSED,
			 hw_variable_fn take G_GNUC_UNUSED, void *arg G_GNUC_UNUSED)
{
}

static bool stopped(void *self)
{
	struct fake_host *fake = self;

	fake->stop_polls++;
	return fake->stop_after && fake->stop_polls > fake->stop_after;
}

const struct hw_host fake_host_calls = {
    .struct_size = sizeof(struct hw_host),
    .abi = HW_PLUGIN_ABI,
    .pointer_size = 8,
    .page_size = 4096,
    .peek = peek,
    .read = read_bytes,
    .data = data,
    .range = range,
    .module = module,
    .thread = thread,
    .symbol = symbol,
    .member = member,
    .add_heap = add_heap,
    .claim = claim,
    .arena = arena,
    .blocks = blocks,
    .type = type,
    .root = root,
    .skip = skip,
    .skip_thread = skip_thread,
    .damage = damage,
    .warn = warn,
    .fail = fail,
    .resize = resize,
    .stopped = stopped,
    .name = no_name,
    .lock = no_lock,
    .named_block = named_block,
    .variables = no_variables,
    .pool = pool,
};
