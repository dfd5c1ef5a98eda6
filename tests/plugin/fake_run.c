/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a plugin's .so and taking it through its calls, with the fake host as the
 * only thing it sees. */
#include "fake_host.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *fake_plugin_dir(void)
{
	const char *dir = g_getenv("HW_TEST_PLUGINS");
	g_autofree char *exe = NULL, *home = NULL;

	if (dir)
		return g_strdup(dir);
#ifdef HW_TEST_PLUGINS
	return g_strdup(HW_TEST_PLUGINS);
#else
	/* Test programs lie in the build directory, or one below it. */
	exe = g_file_read_link("/proc/self/exe", NULL);
	home = g_path_get_dirname(exe ? exe : ".");
	for (int up = 0; up < 3; up++) {
		g_autofree char *beside = g_build_filename(home, "plugins", NULL);
		char *parent;

		if (g_file_test(beside, G_FILE_TEST_IS_DIR))
			return g_steal_pointer(&beside);
		parent = g_path_get_dirname(home);
		g_free(home);
		home = parent;
	}
	return g_strdup("build/plugins");
#endif
}

const struct hw_plugin *fake_plugin_load(const char *name)
{
	static struct hw_plugin copies[4];
	static guint used;
	g_autofree char *dir = fake_plugin_dir();
	g_autofree char *path = g_strdup_printf("%s/%s.so", dir, name);
	g_autofree char *symbol = g_strdup_printf("hw_plugin_%s", name);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct hw_plugin *theirs = library ? dlsym(library, symbol) : NULL;
	struct hw_plugin *plugin = &copies[used % G_N_ELEMENTS(copies)];

	if (!theirs || theirs->abi != HW_PLUGIN_ABI) {
		fprintf(stderr, "%s: %s\n", name,
			library ? "no plugin symbol in it, or another ABI" : dlerror());
		exit(EXIT_FAILURE);
	}
	memset(plugin, 0, sizeof(*plugin));
	memcpy(plugin, theirs, MIN(theirs->struct_size, sizeof(*plugin)));
	used++;
	return plugin;
}

uint64_t fake_seeds(uint64_t usual)
{
	const char *most = g_getenv("HW_TEST_SEEDS");

	return most ? strtoull(most, NULL, 10) : usual;
}

static void phase(struct fake_host *fake, enum fake_phase to, uint32_t heap)
{
	fake->phase = to;
	fake->phase_heap = heap;
	fake->blocks_next = 0;
}

static void breach(struct fake_host *fake, char *text)
{
	g_ptr_array_add(fake->breaches, text);
}

static void check_false(struct fake_host *fake, bool ok, const char *what)
{
	if (!ok && !fake->failure)
		breach(fake, g_strdup_printf("%s returned false without fail()", what));
	if (ok && fake->failure)
		breach(fake, g_strdup_printf("%s succeeded after fail(): %s", what, fake->failure));
}

static void check_sum(struct fake_host *fake, uint32_t id, const struct hw_ledger *ledger)
{
	uint64_t sum = 0;

	for (int i = 0; i < HW_ROWS; i++)
		sum += ledger->bytes[i];
	if (sum != ledger->mapped)
		breach(fake, g_strdup_printf("heap %u: rows add up to %" PRIu64 ", mapped %" PRIu64,
					     id, sum, ledger->mapped));
	if (ledger->releasable > ledger->bytes[HW_ROW_FREE])
		breach(fake, g_strdup_printf("heap %u: more releasable than free", id));
}

/* The arenas' ledgers must not exceed the heap's. */
static void check_arenas(struct fake_host *fake, uint32_t id, const struct fake_heap *heap)
{
	uint64_t rows[HW_ROWS] = {0};

	for (guint i = 0; i < heap->arenas->len; i++)
		for (int row = 0; row < HW_ROWS; row++)
			rows[row] +=
			    g_array_index(heap->arenas, struct fake_arena, i).ledger.bytes[row];
	for (int row = 0; row < HW_ROWS; row++)
		if (rows[row] > heap->ledger.bytes[row])
			breach(fake,
			       g_strdup_printf("heap %u: arenas have more in row %d than the heap",
					       id, row));
}

static bool run_ledger(struct fake_host *fake, const struct hw_plugin *plugin, void *handle,
		       uint32_t id, struct hw_ledger *ret)
{
	/* Not zero before: the plugin must fill all of it. */
	memset(ret, 0xa5, sizeof(*ret));
	ret->struct_size = sizeof(*ret);
	phase(fake, FAKE_LEDGER, id);
	if (!plugin->ledger(handle, id, ret)) {
		check_false(fake, false, "ledger()");
		return false;
	}
	check_false(fake, true, "ledger()");
	check_sum(fake, id, ret);
	return true;
}

static bool run_heap(struct fake_host *fake, const struct hw_plugin *plugin, void *handle,
		     uint32_t id)
{
	struct fake_heap *heap = fake->heaps->pdata[id];
	bool ok;

	if (!run_ledger(fake, plugin, handle, id, &heap->ledger))
		return false;
	heap->has_ledger = true;
	check_arenas(fake, id, heap);

	phase(fake, FAKE_BLOCKS, id);
	ok = plugin->blocks(handle, id);
	check_false(fake, ok, "blocks()");
	phase(fake, FAKE_OTHER, id);
	if (ok && plugin->verify) {
		ok = plugin->verify(handle, id);
		check_false(fake, ok, "verify()");
	}
	return ok;
}

bool fake_run(struct fake_host *fake, const struct hw_plugin *plugin)
{
	uint64_t opened_with;
	void *handle;
	bool ok = true;

	phase(fake, FAKE_OTHER, 0);
	if (plugin->probe(&fake->host) < 0)
		breach(fake, g_strdup("probe() below 0"));
	if (fake->heaps->len || fake->memory_used)
		breach(fake, g_strdup("probe() reported a heap or kept memory"));
	phase(fake, FAKE_OPEN, 0);
	handle = plugin->open(&fake->host);
	check_false(fake, handle != NULL, "open()");
	opened_with = fake->heaps->len;
	for (uint32_t id = 0; handle && ok && id < opened_with; id++)
		ok = run_heap(fake, plugin, handle, id);
	if (handle && ok && plugin->roots) {
		phase(fake, FAKE_OTHER, 0);
		ok = plugin->roots(handle);
	}
	phase(fake, FAKE_OTHER, 0);
	plugin->close(handle);
	plugin->close(NULL);
	phase(fake, FAKE_IDLE, 0);
	if (fake->memory_used)
		breach(fake, g_strdup_printf("%" PRIu64 " bytes not given back at close()",
					     fake->memory_used));
	return handle && ok;
}

/* The emitter: text into a GString, with a stack of what is open. */
struct paper {
	struct fake_host *fake;
	GString *out;
	GString *open; /* '{', '[', 't' */
	uint32_t columns;
};

static void open_one(struct paper *paper, char kind)
{
	g_string_append_c(paper->open, kind);
}

static void close_one(struct paper *paper, char kind)
{
	if (!paper->open->len || paper->open->str[paper->open->len - 1] != kind)
		breach(paper->fake,
		       g_strdup_printf("report: '%c' closed, open: %s", kind, paper->open->str));
	else
		g_string_truncate(paper->open, paper->open->len - 1);
}

static void put_value(struct paper *paper, struct hw_value value)
{
	switch (value.kind) {
	case HW_KIND_TEXT:
		g_string_append_printf(paper->out, "\"%s\"", value.s ? value.s : "(null)");
		break;
	case HW_KIND_RATIO:
		g_string_append_printf(paper->out, "%.4f", value.d);
		break;
	case HW_KIND_DELTA:
		g_string_append_printf(paper->out, "%" PRId64, (int64_t)value.u);
		break;
	case HW_KIND_NULL:
		g_string_append(paper->out, "null");
		break;
	case HW_KIND_ADDR:
		g_string_append_printf(paper->out, "0x%" PRIx64, value.u);
		break;
	case HW_KIND_SIZE:
	case HW_KIND_COUNT:
	case HW_KIND_FLAG:
	case HW_KIND_ID:
		g_string_append_printf(paper->out, "%" PRIu64, value.u);
		break;
	default:
		breach(paper->fake, g_strdup_printf("report: value of kind %u", value.kind));
	}
}

static void on_field(void *self, const char *key, const char *label G_GNUC_UNUSED,
		     struct hw_value value)
{
	struct paper *paper = self;

	if (paper->open->len && paper->open->str[paper->open->len - 1] != '{')
		breach(paper->fake, g_strdup_printf("report: field %s outside an object", key));
	g_string_append_printf(paper->out, "%s=", key);
	put_value(paper, value);
	g_string_append_c(paper->out, '\n');
}

static void on_begin(void *self, const char *key, const char *title G_GNUC_UNUSED)
{
	open_one(self, '{');
	g_string_append_printf(((struct paper *)self)->out, "%s{\n", key ? key : "");
}

static void on_end(void *self)
{
	close_one(self, '{');
	g_string_append(((struct paper *)self)->out, "}\n");
}

static void on_list(void *self, const char *key, const char *title G_GNUC_UNUSED)
{
	open_one(self, '[');
	g_string_append_printf(((struct paper *)self)->out, "%s[\n", key ? key : "");
}

static void on_list_end(void *self)
{
	close_one(self, '[');
	g_string_append(((struct paper *)self)->out, "]\n");
}

static void on_table(void *self, const char *key, const char *title G_GNUC_UNUSED,
		     const struct hw_column *columns, uint32_t count)
{
	struct paper *paper = self;

	open_one(paper, 't');
	paper->columns = count;
	g_string_append_printf(paper->out, "%s:", key ? key : "");
	for (uint32_t i = 0; i < count; i++)
		g_string_append_printf(paper->out, " %s", columns[i].key);
	g_string_append_c(paper->out, '\n');
}

static void on_row(void *self, const struct hw_value *values)
{
	struct paper *paper = self;

	if (!paper->open->len || paper->open->str[paper->open->len - 1] != 't')
		breach(paper->fake, g_strdup("report: row outside a table"));
	for (uint32_t i = 0; i < paper->columns; i++) {
		g_string_append(paper->out, i ? " " : "  ");
		put_value(paper, values[i]);
	}
	g_string_append_c(paper->out, '\n');
}

static void on_table_end(void *self)
{
	close_one(self, 't');
}

static void on_note(void *self, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void on_note(void *self, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	g_string_append_vprintf(((struct paper *)self)->out, fmt, args);
	va_end(args);
	g_string_append_c(((struct paper *)self)->out, '\n');
}

/* Both sides are built from one header here: no stride of another size. */
static const struct hw_report *find_report(const struct hw_plugin *plugin, const char *name)
{
	for (uint32_t i = 0; i < plugin->report_count; i++)
		if (strcmp(plugin->reports[i].name, name) == 0)
			return &plugin->reports[i];
	return NULL;
}

bool fake_run_report(struct fake_host *fake, const struct hw_plugin *plugin, const char *name,
		     GString *out)
{
	struct paper paper = {.fake = fake, .out = out, .open = g_string_new(NULL)};
	const struct hw_emit emit = {
	    .struct_size = sizeof(emit),
	    .self = &paper,
	    .field = on_field,
	    .begin = on_begin,
	    .end = on_end,
	    .list = on_list,
	    .list_end = on_list_end,
	    .table = on_table,
	    .row = on_row,
	    .table_end = on_table_end,
	    .note = on_note,
	};
	const struct hw_report *report = NULL;
	void *handle;
	bool ok = false;

	report = find_report(plugin, name);
	phase(fake, FAKE_OPEN, 0);
	handle = report ? plugin->open(&fake->host) : NULL;
	phase(fake, FAKE_OTHER, 0);
	if (handle) {
		ok = report->run(handle, &emit);
		check_false(fake, ok, name);
	}
	plugin->close(handle);
	if (paper.open->len)
		breach(fake, g_strdup_printf("report %s: left open: %s", name, paper.open->str));
	g_string_free(paper.open, TRUE);
	return ok;
}

static bool keep_bytes(void *self, const void *bytes, uint64_t size)
{
	g_byte_array_append(self, bytes, (guint)size);
	return true;
}

bool fake_run_raw(struct fake_host *fake, const struct hw_plugin *plugin, const char *name,
		  const char *format, GByteArray *out)
{
	const struct hw_sink sink = {.struct_size = sizeof(sink), .self = out, .write = keep_bytes};
	const struct hw_report *report = find_report(plugin, name);
	void *handle;
	bool ok = false;

	phase(fake, FAKE_OPEN, 0);
	handle = report && report->write ? plugin->open(&fake->host) : NULL;
	phase(fake, FAKE_OTHER, 0);
	if (handle) {
		ok = report->write(handle, format, &sink);
		check_false(fake, ok, name);
	}
	plugin->close(handle);
	return ok;
}
