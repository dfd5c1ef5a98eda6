/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h -- the memory profile that every Go process keeps: for one allocation in about
 * MemProfileRate bytes the stack, and whether it was freed (runtime/mprof.go).
 *
 * A bucket is a header of 48 bytes, nstk pcs and a memRecord: `active`, the profile as
 * published, and future[3], allocations not yet followed by the collection that tells what of
 * them is still in use. All are linked by allnext from runtime.mbuckets. As
 * runtime.MemProfile() does, future[cycle % 3] is added to active, and all three where
 * active is empty everywhere: no collection has happened yet. */
#ifndef GO_PROFILE_H
#define GO_PROFILE_H
#include "pclntab.h"

/* As the runtime counted: samples, not scaled. */
struct go_record {
	uint64_t alloc_objects, free_objects, alloc_bytes, free_bytes;
	uint32_t first; /* Of its pcs in profile->pcs; return addresses, one for each call. */
	uint32_t count;
};

struct go_profile {
	const struct go_runtime *rt;
	uint64_t rate; /* runtime.MemProfileRate; see has_rate. */
	bool has_rate;
	bool before_gc; /* All of future[] is in the records. */
	struct go_record *records;
	uint64_t count, room;
	hw_addr *pcs;
	uint64_t pc_count, pc_room;
};

/* Estimates of what really was, by pprof's rule (protomem.go scaleHeapSample). */
struct go_scaled {
	uint64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

/* False: out of memory or stopped. A runtime without a profile has no records. */
bool go_profile_read(const struct go_runtime *rt, struct go_profile *ret);
void go_profile_clear(struct go_profile *profile);
struct go_scaled go_profile_scale(const struct go_profile *profile, const struct go_record *record);
/* The first pc of a record that is not in the runtime: where the program allocated. 0 when
 * all are. pprof hides what is before it. */
uint32_t go_profile_skip(const struct go_profile *profile, const struct go_record *record);
/* One call of a record: names are cleaned. False when pc is in no function. */
bool go_profile_call(const struct go_runtime *rt, hw_addr pc, char *name, uint64_t name_size,
		     char *file, uint64_t file_size, int32_t *line_ret);

/* pprof.c: a profile.proto message. False: out of memory. */
bool go_profile_pprof(const struct go_profile *profile, const struct hw_sink *sink);

/* profile_report.c */
bool go_report_profile(void *handle, const struct hw_emit *out);
bool go_write_profile(void *handle, const char *format, const struct hw_sink *sink);
extern const char *const go_profile_formats[];
#endif
