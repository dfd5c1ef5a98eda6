/* SPDX-License-Identifier: Apache-2.0 */
/* stacks.c -- what the pcs of a stack stand for, and which of it the runtime's own traceback
 * would show: runtime/traceback.go traceback2(), showframe() and isExportedRuntime(); up to
 * 1.20 gentraceback(). */
#include "goroutines.h"
#include <string.h>

enum { NAME_MAX_BYTES = 8192, FILE_MAX_BYTES = 4096 };

struct telling {
	const struct go_runtime *rt;
	void (*receiver)(void *self, const struct hw_call *call);
	void *self;
	enum go_func_id callee; /* Of the call below. */
	uint64_t shown;
	bool show_all; /* Nothing else would be shown. */
	char name[NAME_MAX_BYTES];
	char file[FILE_MAX_BYTES];
};

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* Exported functions; since 1.23 also exported methods of exported types. */
static bool is_exported(uint32_t minor, const char *name)
{
	const char *method = strrchr(name, '.');

	if (minor < 23 || !method)
		return is_upper(*name);
	if (strncmp(name, "(*", 2) == 0 && method > name && method[-1] == ')')
		name += 2;
	return is_upper(method[1]) && is_upper(*name);
}

/* runtime/traceback.go showframe(). name is the function's, up to 1.15 that of the
 * function that others were inlined into. */
static bool is_shown(const struct telling *t, enum go_func_id id, const char *name)
{
	if (t->show_all)
		return true;
	if (id == GO_ID_WRAPPER && t->callee != GO_ID_GOPANIC && t->callee != GO_ID_SIGPANIC &&
	    t->callee != GO_ID_PANICWRAP)
		return false;
	if (strcmp(name, "runtime.gopanic") == 0 && t->shown)
		return true;
	return strchr(name, '.') &&
	       (strncmp(name, "runtime.", 8) != 0 || is_exported(t->rt->layout.minor, name + 8));
}

/* One call; without a receiver it is only counted. */
static void tell_call(struct telling *t, const struct go_func *func, const struct go_call *call)
{
	struct hw_call out = {.struct_size = sizeof(out), .pc = call->pc};
	int32_t line;
	bool shown;

	if (t->rt->layout.minor < 16 && call->is_inlined) {
		go_func_name(t->rt, func->module, func->name, t->name, sizeof(t->name));
		shown = is_shown(t, call->id, t->name);
		go_func_name(t->rt, func->module, call->name, t->name, sizeof(t->name));
	} else {
		go_func_name(t->rt, func->module, call->name, t->name, sizeof(t->name));
		shown = is_shown(t, call->id, t->name);
	}
	t->shown += shown;
	t->callee = call->id;
	if (!t->receiver)
		return;
	if (go_func_line(t->rt, func, call->pc, t->file, sizeof(t->file), &line)) {
		out.file = t->file;
		out.line = (uint32_t)line;
	}
	go_name_clean(t->name);
	out.function = t->name[0] ? t->name : "?";
	out.flags = (call->is_inlined ? HW_CALL_INLINED : 0) | (shown ? 0 : HW_CALL_HIDDEN);
	t->receiver(t->self, &out);
}

static void tell_stack(struct telling *t, const hw_addr *pcs, uint32_t count)
{
	struct go_call calls[GO_CALLS_MAX];
	struct go_func func;

	t->shown = 0;
	t->callee = GO_ID_NORMAL;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t n;

		if (!go_func_find(t->rt, pcs[i], &func))
			continue;
		n = go_func_calls(t->rt, &func, pcs[i], calls);
		for (uint32_t c = 0; c < n; c++)
			tell_call(t, &func, &calls[c]);
	}
}

void go_frames(void *handle, const hw_addr *pcs, uint32_t count,
	       void (*receiver)(void *self, const struct hw_call *call), void *self)
{
	struct go *go = handle;
	struct telling *t;

	t = go->host->resize(go->host->self, NULL, 0, 1, sizeof(*t));
	if (!t)
		return;
	for (uint64_t i = 0; i < go->count && count; i++) {
		if (!go_module_of(&go->runtimes[i], pcs[0]))
			continue;
		t->rt = &go->runtimes[i];
		tell_stack(t, pcs, count); /* Would anything be shown? */
		t->show_all = !t->shown;
		t->receiver = receiver;
		t->self = self;
		tell_stack(t, pcs, count);
		break;
	}
	go->host->resize(go->host->self, t, 1, 0, sizeof(*t));
}
