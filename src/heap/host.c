/* SPDX-License-Identifier: Apache-2.0 */
/* The host given to plugins: every call is checked here, so that the stages behind
 * it can trust what they get. */
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "heap/private.h"
#include <string.h>

static const void *peek(void *self, hw_addr addr, uint64_t *size_ret)
{
	const struct hw_instance *in = self;

	return hw_memory_peek(in->heaps->memory, addr, size_ret);
}

static uint64_t read_bytes(void *self, hw_addr addr, void *buf, uint64_t n)
{
	const struct hw_instance *in = self;

	return hw_memory_read(in->heaps->memory, addr, buf, n);
}

static bool data(void *self, hw_addr from, hw_addr end, hw_addr *start_ret, hw_addr *end_ret)
{
	const struct hw_instance *in = self;

	return hw_memory_data(in->heaps->memory, from, end, start_ret, end_ret);
}

static bool range(void *self, hw_addr from, struct hw_range *ret)
{
	const struct hw_memory *memory = ((struct hw_instance *)self)->heaps->memory;
	uint32_t i = hw_memory_find(memory, from);
	struct hw_range found = {0};

	if (i >= memory->mapping_count)
		return false;
	found.struct_size = MIN(ret->struct_size, sizeof(found));
	found.start = memory->mappings[i].start;
	found.end = memory->mappings[i].end;
	found.perm = memory->mappings[i].perm;
	found.owner = memory->mappings[i].owner;
	found.module = memory->mappings[i].module;
	memcpy(ret, &found, found.struct_size);
	return true;
}

static bool module(void *self, uint32_t index, struct hw_module_info *ret)
{
	struct hw_heaps *heaps = ((struct hw_instance *)self)->heaps;
	struct hw_module_info found = {0};
	const struct hw_object *object;

	if (index >= heaps->memory->object_count)
		return false;
	object = &heaps->memory->objects[index];
	found.struct_size = MIN(ret->struct_size, sizeof(found));
	found.is_exe = object->is_exe;
	found.start = object->start;
	found.end = object->end;
	found.name = object->name;
	found.has_symbols = hw_modules_has_symbols(heaps->modules, index);
	found.exports_malloc = hw_modules_exports(heaps->modules, index, "malloc");
	memcpy(ret, &found, found.struct_size);
	return true;
}

static bool thread(void *self, uint32_t index, struct hw_thread_info *ret)
{
	const struct hw_heaps *heaps = ((struct hw_instance *)self)->heaps;
	struct hw_thread_info found = {0};
	const struct hw_thread_state *state;

	if (index >= heaps->memory->target->thread_count)
		return false;
	state = &heaps->threads[index];
	found.struct_size = MIN(ret->struct_size, sizeof(found));
	found.tid = state->tid;
	found.tls = state->tls;
	found.sp = state->sp;
	found.tls_dumped = state->tls_state == HW_TLS_OK;
	G_STATIC_ASSERT(HW_THREAD_REGS == HW_REGS && (int)HW_THREAD_RIP == (int)HW_REG_IP &&
			(int)HW_THREAD_RSP == (int)HW_REG_SP);
	found.reg_count = HW_REGS;
	memcpy(found.regs, heaps->memory->target->threads[index].regs, sizeof(found.regs));
	memcpy(ret, &found, found.struct_size);
	return true;
}

static bool symbol(void *self, uint32_t index, const char *name, hw_addr *ret)
{
	const struct hw_heaps *heaps = ((struct hw_instance *)self)->heaps;

	return index < heaps->memory->object_count &&
	       hw_modules_symbol(heaps->modules, index, name, ret);
}

static bool member(void *self, uint32_t index, const char *type, const char *name, uint64_t *ret)
{
	const struct hw_heaps *heaps = ((struct hw_instance *)self)->heaps;

	return index < heaps->memory->object_count &&
	       hw_modules_member(heaps->modules, index, type, name, ret);
}

static uint32_t add_heap(void *self, const struct hw_heap_info *info)
{
	struct hw_instance *in = self;
	struct hw_heap *heap = g_new0(struct hw_heap, 1);

	heap->plugin = in->plugin;
	heap->id = in->heaps->heaps->len;
	heap->name = g_strdup(info->name ? info->name : "heap");
	heap->version = g_strdup(info->version ? info->version : "unknown");
	heap->how = g_strdup(info->how ? info->how : "");
	heap->confidence = MIN(info->confidence, HW_GUESSED);
	if (info->struct_size >= offsetof(struct hw_heap_info, flags))
		heap->block_header = info->block_header;
	if (info->struct_size >= sizeof(*info))
		heap->flags = info->flags;
	heap->arenas = g_array_new(FALSE, TRUE, sizeof(struct hw_arena_ledger));
	g_ptr_array_add(in->heaps->heaps, heap);
	return heap->id;
}

static void claim(void *self, uint32_t heap, enum hw_claim kind, hw_addr start, hw_addr end,
		  const char *name)
{
	struct hw_heaps *heaps = ((struct hw_instance *)self)->heaps;
	struct hw_claimed claimed = {.start = start, .end = end, .heap = heap, .kind = kind};

	if (start >= end || heap >= heaps->heaps->len)
		return;
	g_array_append_val(heaps->claims, claimed);
	g_ptr_array_add(heaps->claim_names, g_strdup(name ? name : "heap"));
}

static void arena(void *self, uint32_t heap, uint32_t number, const char *name,
		  const struct hw_ledger *ledger)
{
	struct hw_instance *in = self;
	struct hw_arena_ledger entry = {.arena = number};
	struct hw_heap *to;

	if (heap != in->ledger_of || heap >= in->heaps->heaps->len)
		return;
	to = in->heaps->heaps->pdata[heap];
	entry.name = g_strdup(name ? name : "arena");
	memcpy(&entry.ledger, ledger, MIN(ledger->struct_size, sizeof(entry.ledger)));
	entry.ledger.struct_size = sizeof(entry.ledger);
	g_array_append_val(to->arenas, entry);
}

/* Ascending, not empty, not wrapping: what receivers rely on. */
static bool batch_is_sane(struct hw_instance *in, const struct hw_blocks *batch)
{
	const uint8_t *at = (const uint8_t *)batch->blocks;

	if (batch->block_size < sizeof(struct hw_block))
		return false;
	for (uint32_t i = 0; i < batch->count; i++, at += batch->block_size) {
		const struct hw_block *block = (const struct hw_block *)(const void *)at;

		if (block->addr < in->blocks_next || block->size == 0 ||
		    block->size > UINT64_MAX - block->addr || block->state >= HW_STATES)
			return false;
		in->blocks_next = block->addr + block->size;
	}
	return true;
}

static bool blocks(void *self, const struct hw_blocks *batch)
{
	struct hw_instance *in = self;

	if (!in->blocks || hw_stop_requested())
		return false;
	if (!batch_is_sane(in, batch)) {
		in->blocks_bad++;
		return false;
	}
	return in->blocks(in->blocks_arg, batch);
}

static uint32_t type(void *self, const char *name)
{
	struct hw_heaps *heaps = ((struct hw_instance *)self)->heaps;
	gpointer known = g_hash_table_lookup(heaps->type_ids, name);
	char *copy;

	if (known)
		return GPOINTER_TO_UINT(known);
	copy = g_strdup(name);
	g_ptr_array_add(heaps->types, copy);
	g_hash_table_insert(heaps->type_ids, copy, GUINT_TO_POINTER(heaps->types->len - 1));
	return heaps->types->len - 1;
}

static bool root(void *self, const struct hw_root *found)
{
	struct hw_instance *in = self;
	struct hw_root copy = {.frame = -1};

	if (!in->roots || hw_stop_requested())
		return false;
	memcpy(&copy, found, MIN(found->struct_size, sizeof(copy)));
	copy.kind = copy.kind ? copy.kind : "";
	copy.name = copy.name ? copy.name : "";
	return in->roots->root(in->roots->arg, &copy);
}

static void skip(void *self, hw_addr start, hw_addr end)
{
	struct hw_instance *in = self;

	if (in->roots && start < end)
		in->roots->skip(in->roots->arg, start, end);
}

static void skip_thread(void *self, int32_t tid)
{
	struct hw_instance *in = self;

	if (in->roots)
		in->roots->skip_thread(in->roots->arg, tid);
}

static void named_block(void *self, hw_addr addr)
{
	struct hw_instance *in = self;

	if (in->roots)
		in->roots->named_block(in->roots->arg, addr);
}

static void pool(void *self, hw_addr addr, bool is_victim)
{
	struct hw_instance *in = self;

	if (in->roots)
		in->roots->pool(in->roots->arg, addr, is_victim);
}

static char *format(const char *fmt, va_list args) G_GNUC_PRINTF(1, 0);
static char *format(const char *fmt, va_list args)
{
	g_autofree char *raw = g_strdup_vprintf(fmt, args);

	return g_utf8_make_valid(raw, -1);
}

static void damage(void *self, hw_addr addr, const char *fmt, ...)
{
	struct hw_instance *in = self;
	g_autofree char *text = NULL;
	va_list args;

	if (in->heaps->notes->damage_count >= HW_NOTES_KEPT) { /* Counted, not kept. */
		hw_notes_damage(in->heaps->notes, addr, "%s", "");
		return;
	}
	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	hw_notes_damage(in->heaps->notes, addr, "%s: %s", in->plugin->name, text);
}

static void warn(void *self, const char *code, bool incomplete, const char *fmt, ...)
{
	struct hw_instance *in = self;
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	if (incomplete)
		hw_notes_missing(in->heaps->notes, code, NULL, "%s: %s", in->plugin->name, text);
	else
		hw_notes_warn(in->heaps->notes, code, NULL, "%s: %s", in->plugin->name, text);
}

static void fail(void *self, const char *fmt, ...)
{
	struct hw_instance *in = self;
	g_autofree char *text = NULL;
	va_list args;

	if (in->failure)
		return;
	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	g_set_error(&in->failure, HW_ERROR, HW_ERROR_INTERNAL, "%s: %s", in->plugin->name, text);
}

static void *resize(void *self G_GNUC_UNUSED, void *ptr, uint64_t old_count, uint64_t count,
		    uint64_t item_size)
{
	return ptr ? hw_array_resize(ptr, old_count, count, item_size)
		   : hw_array_new_huge(count, item_size);
}

static bool stopped(void *self G_GNUC_UNUSED)
{
	return hw_stop_requested();
}

static const char *name(void *self, hw_addr addr, uint64_t *offset_ret)
{
	return hw_modules_name(((struct hw_instance *)self)->heaps->modules, addr, offset_ret);
}

static void variables(void *self, uint32_t index, hw_variable_fn take, void *arg)
{
	const struct hw_heaps *heaps = ((struct hw_instance *)self)->heaps;

	if (index < heaps->memory->object_count)
		hw_modules_go_variables(heaps->modules, index, take, arg);
}

static bool goroutine(void *self, const struct hw_goroutine *found)
{
	struct hw_instance *in = self;
	struct hw_goroutine copy = {.wait_ns = -1, .wait_about_ns = -1};

	if (!in->goroutine || hw_stop_requested())
		return false;
	memcpy(&copy, found, MIN(found->struct_size, sizeof(copy)));
	copy.struct_size = sizeof(copy);
	return in->goroutine(in->goroutine_arg, in->plugin, in->handle, &copy);
}

static void lock(void *self, hw_addr addr, uint32_t size)
{
	const struct hw_lock found = {addr, size};

	if (size == 4 || size == 8)
		g_array_append_val(((struct hw_instance *)self)->heaps->locks, found);
}

void hw_host_init(struct hw_instance *instance)
{
	instance->host = (struct hw_host){
	    .struct_size = sizeof(struct hw_host),
	    .abi = HW_PLUGIN_ABI,
	    .self = instance,
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
	    .goroutine = goroutine,
	    .name = name,
	    .variables = variables,
	    .pool = pool,
	    .lock = lock,
	    .named_block = named_block,
	};
}
