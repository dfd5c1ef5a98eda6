/* SPDX-License-Identifier: Apache-2.0 */
/* go -- the Go runtime's heap, 1.12 to 1.26, linux/amd64, stripped or not.
 *
 * This file is the table of contents. layout.[ch] has every offset; find.c finds the images,
 * their versions and pclntab, moduledata.c what the linker says of them; read.c reads;
 * about.c tells. */
#include "goroutines.h"
#include "profile.h"
#include "reports.h"

static int probe(const struct hw_host *host)
{
	return go_probe(host) ? 90 : 0;
}

static void close_plugin(void *handle)
{
	struct go *go = handle;

	if (!go)
		return;
	go->host->resize(go->host->self, go->runtimes, go->room, 0, sizeof(*go->runtimes));
	go->host->resize(go->host->self, go, 1, 0, sizeof(*go));
}

static void *open_plugin(const struct hw_host *host)
{
	struct go *go = host->resize(host->self, NULL, 0, 1, sizeof(*go));

	if (!go) {
		host->fail(host->self, "out of memory");
		return NULL;
	}
	go->host = host;
	if (!go_find_runtimes(go)) {
		host->fail(host->self, go->no_memory ? "out of memory" : "stopped");
		close_plugin(go);
		return NULL;
	}
	return go;
}

static const struct hw_report reports[] = {
    {.name = "runtime",
     .summary = "the Go runtimes found: version, image, tables",
     .run = go_report_runtime},
    {.name = "profile",
     .summary = "the memory profile: where memory was allocated, in use and in all",
     .run = go_report_profile,
     .formats = go_profile_formats,
     .write = go_write_profile},
};

/* No heap is added yet, so these are never asked. */
static bool ledger(void *handle, uint32_t heap, struct hw_ledger *ret)
{
	struct go *go = handle;

	(void)heap;
	(void)ret;
	go->host->fail(go->host->self, "no such heap");
	return false;
}

static bool blocks(void *handle, uint32_t heap)
{
	return ledger(handle, heap, NULL);
}

HW_PLUGIN_EXPORT const struct hw_plugin hw_plugin_go;
const struct hw_plugin hw_plugin_go = {
    HW_PLUGIN_HEADER,
    .name = "go",
    .summary = "the Go runtime: version and tables; its heap is not decoded yet",
    .tested = "nothing yet",
    .probe = probe,
    .open = open_plugin,
    .ledger = ledger,
    .blocks = blocks,
    .close = close_plugin,
    .reports = reports,
    .report_count = sizeof(reports) / sizeof(*reports),
    .goroutines = go_goroutines,
    .frames = go_frames,
};
