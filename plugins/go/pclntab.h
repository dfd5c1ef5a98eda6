/* SPDX-License-Identifier: Apache-2.0 */
/* pclntab.h -- what the linker left for tracebacks: functions by pc, their names, files and
 * lines, frame sizes, inlined calls and stack maps. It is in every Go binary, stripped too.
 *
 * Formats, linux/amd64 (runtime/symtab.go, runtime2.go, symtabinl.go of each version):
 *   1.12-1.15  pclntable has everything; ftab holds (pc, offset of _func) in words; file
 *              numbers index filetab, offsets of names in pclntable
 *   1.16-1.17  names, files and pc tables have slices of their own; file numbers go through
 *              cutab, by compilation unit
 *   1.18-      ftab holds 32-bit pairs, pcs relative to moduledata.text; funcdata is a 32-bit
 *              offset from moduledata.gofunc
 *   1.20-      inlined calls have 16 bytes instead of 20
 * A pc table is pairs of (zigzag varint value delta, varint pc delta) from value -1 and the
 * function's entry on, ended by a value delta of 0.
 *
 * Every byte is the target's: all lookups are bounded by the tables' slices and by what
 * the target holds, and a miss is false or NULL. */
#ifndef GO_PCLNTAB_H
#define GO_PCLNTAB_H
#include "go.h"

/* internal/abi/symtab.go, before that runtime/symtab.go: FuncID, renumbered so that a name
 * has one number for all versions. */
enum go_func_id {
	GO_ID_NORMAL = 0,
	GO_ID_ABORT,
	GO_ID_ASMCGOCALL,
	GO_ID_ASYNCPREEMPT,
	GO_ID_CGOCALLBACK,
	GO_ID_COROSTART,
	GO_ID_DEBUGCALL,
	GO_ID_EXTERNALTHREADHANDLER,
	GO_ID_GCBGMARKWORKER,
	GO_ID_GOEXIT,
	GO_ID_GOGO,
	GO_ID_GOPANIC,
	GO_ID_HANDLEASYNCEVENT,
	GO_ID_JMPDEFER,
	GO_ID_MCALL,
	GO_ID_MORESTACK,
	GO_ID_MSTART,
	GO_ID_PANICWRAP,
	GO_ID_RT0_GO,
	GO_ID_RUNFINQ, /* runFinalizers since 1.25. */
	GO_ID_RUNCLEANUPS,
	GO_ID_RUNTIME_MAIN,
	GO_ID_SIGPANIC,
	GO_ID_SYSTEMSTACK,
	GO_ID_SYSTEMSTACK_SWITCH,
	GO_ID_WRAPPER,
};

/* _func.flag, 1.17 and later. */
enum { GO_FLAG_TOPFRAME = 1, GO_FLAG_SPWRITE = 2 };

/* Numbers of tables, alike in all versions; go_pcdata() and go_funcdata() translate. */
enum go_pcdata { GO_PCDATA_STACKMAP, GO_PCDATA_INLTREE, GO_PCDATA_ARGLIVE };
enum go_funcdata {
	GO_FUNCDATA_ARGS,
	GO_FUNCDATA_LOCALS,
	GO_FUNCDATA_STACKOBJECTS,
	GO_FUNCDATA_INLTREE,
	GO_FUNCDATA_ARGINFO, /* 1.17 and later. */
};

struct go_func {
	const struct go_moduledata *module;
	hw_addr addr;  /* Of its _func. */
	hw_addr entry; /* First byte of its code. */
	hw_addr end;   /* Start of the next function. */
	int32_t args;  /* Bytes of arguments and results. */
	uint32_t name, deferreturn, pcsp, pcfile, pcln, npcdata, cu, start_line;
	uint8_t nfuncdata;
	uint8_t flag;
	enum go_func_id id;
};

/* The function whose code holds pc. */
bool go_func_find(const struct go_runtime *rt, hw_addr pc, struct go_func *ret);

/* The value for pc of the table at offset of the pc tables (func->pcsp …). False when
 * there is none. */
bool go_pcvalue(const struct go_runtime *rt, const struct go_func *func, uint32_t offset,
		hw_addr pc, int32_t *ret);
/* Bytes from sp to the return address when the frame is at pc. */
bool go_func_spdelta(const struct go_runtime *rt, const struct go_func *func, hw_addr pc,
		     int32_t *ret);
/* -1 where the function has no such table or no entry for pc, as the runtime has it. */
int32_t go_pcdata(const struct go_runtime *rt, const struct go_func *func, enum go_pcdata table,
		  hw_addr pc);
/* Address of one of the function's data, 0 when it has none. */
hw_addr go_funcdata(const struct go_runtime *rt, const struct go_func *func,
		    enum go_funcdata index);

/* A name as the linker wrote it, by its offset in the name table, at most size - 1 bytes of
 * it, made printable; "" when there is none. */
void go_func_name(const struct go_runtime *rt, const struct go_moduledata *module, uint32_t name,
		  char *buf, uint64_t size);
/* File and line of the instruction at pc, of the innermost call where calls are inlined. */
bool go_func_line(const struct go_runtime *rt, const struct go_func *func, hw_addr pc, char *file,
		  uint64_t file_size, int32_t *line_ret);

/* One call at a pc: the innermost inlined one first, the function itself last. */
struct go_call {
	hw_addr pc;    /* Its line is that of this pc. */
	uint32_t name; /* For go_func_name(). */
	enum go_func_id id;
	bool is_inlined;
};
#define GO_CALLS_MAX 200 /* Levels of inlining believed. */
/* Writes up to GO_CALLS_MAX calls; returns how many, at least one. */
uint32_t go_func_calls(const struct go_runtime *rt, const struct go_func *func, hw_addr pc,
		       struct go_call calls[GO_CALLS_MAX]);

/* A name for people and as runtime.Stack prints it: "%2e" of a package path is a dot again,
 * type arguments are "[...]". In place. */
void go_name_clean(char *name);
#endif
