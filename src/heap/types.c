/* SPDX-License-Identifier: Apache-2.0 */
/* types.c -- what blocks are, asked of the plugins that can tell. */
#include "base/error.h"
#include "base/stop.h"
#include "heap/private.h"

bool hw_heaps_types(struct hw_heaps *heaps, GError **error)
{
	for (guint i = 0; i < heaps->instances->len; i++) {
		struct hw_instance *in = heaps->instances->pdata[i];
		const struct hw_plugin *p = in->plugin;

		if (!in->handle || in->has_types || !p->types || !p->type_of || !p->field)
			continue;
		in->has_types = p->types(in->handle);
		if (hw_stop_requested()) {
			g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
			return false;
		}
		if (!in->has_types)
			hw_notes_warn(heaps->notes, "types-failed", NULL, "%s",
				      in->failure ? in->failure->message
						  : "a plugin could not work out types");
		g_clear_error(&in->failure);
	}
	return true;
}

static const struct hw_instance *typed_instance(const struct hw_heaps *heaps, uint32_t index)
{
	const struct hw_heap *heap = heaps->heaps->pdata[index];

	return heap->instance && heap->instance->has_types ? heap->instance : NULL;
}

bool hw_heaps_type_of(const struct hw_heaps *heaps, uint32_t index, hw_addr block,
		      struct hw_typed *ret)
{
	const struct hw_instance *in = typed_instance(heaps, index);
	struct hw_typed typed = {.struct_size = sizeof(typed)};

	if (!in || !in->plugin->type_of(in->handle, index, block, &typed))
		return false;
	*ret = typed;
	return true;
}

bool hw_heaps_variable_type(const struct hw_heaps *heaps, hw_addr slot, char *buf, size_t size)
{
	for (guint i = 0; i < heaps->instances->len; i++) {
		const struct hw_instance *in = heaps->instances->pdata[i];

		if (in->has_types && in->plugin->variable_type &&
		    in->plugin->variable_type(in->handle, slot, buf, size))
			return true;
	}
	return false;
}

bool hw_heaps_field(const struct hw_heaps *heaps, hw_addr slot, uint32_t flags, char *buf,
		    size_t size)
{
	for (guint i = 0; i < heaps->instances->len; i++) {
		const struct hw_instance *in = heaps->instances->pdata[i];

		if (in->has_types && in->plugin->field(in->handle, slot, flags, buf, size))
			return true;
	}
	return false;
}

bool hw_heaps_fields(const struct hw_heaps *heaps, hw_addr addr, uint32_t flags,
		     void (*receiver)(void *self, const struct hw_part *part), void *self)
{
	for (guint i = 0; i < heaps->instances->len; i++) {
		const struct hw_instance *in = heaps->instances->pdata[i];

		if (in->has_types && in->plugin->fields &&
		    in->plugin->fields(in->handle, addr, flags, receiver, self))
			return true;
	}
	return false;
}

bool hw_heaps_inside(const struct hw_heaps *heaps, uint32_t index, hw_addr block, char *buf,
		     size_t size)
{
	const struct hw_instance *in = typed_instance(heaps, index);

	return in && in->plugin->inside && in->plugin->inside(in->handle, index, block, buf, size);
}
