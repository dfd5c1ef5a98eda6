/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.h -- the contract between heapwalk and one allocator plugin.
 *
 * A plugin teaches heapwalk one heap format. It sees the target only through
 * struct hw_host: it opens no files, never prints, never exits, and keeps no
 * state outside the handle that open() returns, so a unit test can drive it with
 * a fake host and an array of bytes.
 *
 * Addresses are target addresses, sizes are bytes, ranges are [start, end). The
 * target stands still from open() to close(). Its bytes are NOT to be trusted: a
 * size or link read from it may be anything, so bound every loop and allocation
 * by something the host told you, and poll stopped() in long ones.
 *
 * What is called when:
 *
 *   probe()    cheap: could this heap be here?
 *   open()     find every heap of this kind; one add_heap() for each, claim()
 *              what belongs to it
 *   ledger()   split one heap's mapped bytes into rows; metadata only, no
 *              block is reported
 *   blocks()   report every block of one heap, in batches, by ascending address
 *   verify()   every check the format allows; findings go to damage()
 *   pointers() which words of a range of blocks may hold references
 *   roots()    the roots of a runtime: slots the generic scan would not find, and
 *              with skip() the memory it must not look at
 *   view()     how much of its block one reference sees
 *   types()    work out what blocks are, for type_of() and field()
 *   reports[]  tables of the plugin's own
 *   close()
 *
 * Versions: every struct that crosses the border begins with its size (blocks:
 * their batch does). New members are only appended, and each side reads no more
 * than the other wrote. HW_PLUGIN_ABI changes when an existing member changes
 * meaning; the loader refuses another number. Unstable until three plugins use it.
 *
 * Longer than most files: whoever writes a plugin has the whole contract in one. */
#ifndef HW_PLUGIN_H
#define HW_PLUGIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HW_PLUGIN_ABI 1

#define HW_PRINTF(n) __attribute__((format(printf, (n), (n) + 1)))

typedef uint64_t hw_addr; /* An address in the target. Never dereference it. */

/* How sure a statement is. Ordered: a larger value is less sure. */
enum hw_confidence {
	HW_EXACT = 0,    /* Follows from the format; every check held. */
	HW_CONSERVATIVE, /* Safe side of what the data allows; something was missing. */
	HW_GUESSED,      /* Plausible; a check failed or could not be made. */
};

/* The state of one block. */
enum hw_state {
	HW_LIVE = 0, /* The program holds it. */
	HW_CACHED,   /* Freed by the program, parked in a per-thread cache. */
	HW_FREE,     /* Freed by the program, in the allocator's bins, runs or spans. */
	HW_STATES
};

/* The rows of a ledger. They add up to `mapped` exactly. */
enum hw_row {
	HW_ROW_LIVE = 0,  /* Usable bytes of live blocks. */
	HW_ROW_OVERHEAD,  /* Headers, padding, rounding. */
	HW_ROW_CACHED,    /* Usable bytes of cached blocks. */
	HW_ROW_FREE,      /* Free, resident or not. */
	HW_ROW_LAZY,      /* Given to MADV_FREE. */
	HW_ROW_RELEASED,  /* Pages known to be back with the OS. */
	HW_ROW_STACKS,    /* Stacks kept by a runtime. */
	HW_ROW_METADATA,  /* The allocator's own bookkeeping. */
	HW_ROW_UNTOUCHED, /* Reserved, not handed out yet. */
	HW_ROW_UNKNOWN,   /* Mapped by the heap, not decoded: see the damage notes. */
	HW_ROWS
};

/* Who owns a range of the address space. */
enum hw_owner {
	HW_OWNER_UNKNOWN = 0,
	HW_OWNER_MODULE, /* A loaded ELF object: text, data, bss. */
	HW_OWNER_HEAP,   /* Claimed by a plugin. */
	HW_OWNER_STACK,  /* Holds a thread's stack pointer. */
	HW_OWNER_FILE,   /* A mapped file that is no module. */
	HW_OWNER_ANON,   /* Anonymous memory nobody claimed. */
	HW_OWNER_VDSO,
	HW_OWNERS
};

enum { HW_PERM_R = 4, HW_PERM_W = 2, HW_PERM_X = 1 };

#define HW_NO_MODULE UINT32_MAX

/* One mapping of the target, as far as the target shows it. */
struct hw_range {
	uint32_t struct_size; /* Set by the caller. */
	uint32_t perm;        /* HW_PERM_ bits. */
	hw_addr start;
	hw_addr end;     /* Exclusive. */
	uint32_t owner;  /* enum hw_owner, before any claim(). */
	uint32_t module; /* Index for module(), or HW_NO_MODULE. */
};

struct hw_module_info {
	uint32_t struct_size;    /* Set by the caller. */
	uint32_t is_exe;         /* 1 for the main executable. */
	hw_addr start;           /* Lowest address mapped. */
	hw_addr end;             /* Exclusive; bss included. */
	const char *name;        /* Base name, valid UTF-8; borrowed until close(). */
	uint32_t has_symbols;    /* 1 when a full symbol table or debug info was found. */
	uint32_t exports_malloc; /* 1 when its dynamic symbols define malloc. */
};

enum { HW_THREAD_REGS = 27, HW_THREAD_RBP = 4, HW_THREAD_RIP = 16, HW_THREAD_RSP = 19 };

struct hw_thread_info {
	uint32_t struct_size; /* Set by the caller. */
	int32_t tid;
	hw_addr tls; /* Thread control block (fs base on x86-64); 0 when not known. */
	hw_addr sp;
	uint32_t tls_dumped; /* 0 when the block at tls is missing or reads as zeros. */
	uint32_t reg_count;  /* Registers known: 0 or HW_THREAD_REGS. */
	/* As Linux' user_regs_struct has them: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax
	 * rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs. */
	uint64_t regs[HW_THREAD_REGS];
};

/* What open() says of one heap it found. */
struct hw_heap_info {
	uint32_t struct_size;
	uint32_t confidence; /* enum hw_confidence. */
	const char *name;    /* Copied. "main", "libc.so.6", … : tells heaps of a plugin apart. */
	const char *version; /* Copied. Upstream version or range: "2.36", "2.35-2.41". */
	const char *how;     /* Copied. What it was found by, for people. */
	uint32_t block_header; /* Bytes of the allocator's own before every block, when a word that
				* points at the end of a block then lies in the next block's
				* header and is never the address of another block (ptmalloc: 16).
				* 0: the end of a block may be the start of the next. */
	uint32_t flags;        /* HW_HEAP_ bits. */
};
enum {
	HW_HEAP_COLLECTED = 1,   /* A collector frees blocks: what no root reaches is pending,
				  * and no leak. */
	HW_HEAP_NO_PAST_END = 2, /* A word that points at the end of a block never belongs to it
				  * (Go pads objects so that none does). */
	HW_HEAP_OWN_ROOTS = 4,   /* roots() names every root of its blocks: what the generic
				  * scan finds elsewhere does not hold them. */
};

/* One heap's ledger, or one arena's. */
struct hw_ledger {
	uint32_t struct_size; /* Set by the host. */
	uint32_t confidence;  /* enum hw_confidence; may be worse than open() said. */
	uint64_t mapped;      /* The sum of bytes[]; the host checks. */
	uint64_t bytes[HW_ROWS];
	uint64_t releasable;        /* Part of bytes[HW_ROW_FREE] that is whole pages the
				     * allocator could return now. */
	uint64_t blocks[HW_STATES]; /* Counts. */
	/* Of a heap whose blocks a collector frees: bytes of live blocks that it has found
	 * dead and will free when it sweeps them. Only in the heap's own ledger. */
	uint64_t unswept;
	uint32_t is_collected; /* 0: unswept has no meaning. */
	/* Of an arena: a thread was inside it, and what it had in hand may be counted wrongly. */
	uint32_t in_flux;
};

/* One block. addr and size are what the program may use, without headers.
 * 32 bytes; see hw_blocks for how it may grow. */
struct hw_block {
	hw_addr addr;
	uint64_t size;
	uint32_t arena; /* The plugin's numbering, as in the arena ledgers. */
	uint32_t type;  /* From host->type(); 0 when not known, or told by describe(). */
	uint8_t state;  /* enum hw_state. */
	uint8_t flags;  /* HW_BLOCK_ bits. */
	uint16_t reserved;
	uint32_t reserved2;
};
enum {
	HW_BLOCK_INTERNAL = 1,  /* The allocator's own (a tcache struct): no program data. */
	HW_BLOCK_NOPOINTERS = 2 /* Known to hold no references. */
};

/* A batch of blocks of one heap, by ascending address, also across batches. */
struct hw_blocks {
	uint32_t struct_size;
	uint32_t block_size; /* sizeof(struct hw_block) of the side that wrote it. */
	uint32_t heap;       /* From add_heap(). */
	uint32_t count;
	const struct hw_block *blocks; /* Borrowed for the call. */
};

/* One reference from outside the heaps, during roots(). Calls one after the other that
 * agree in kind, addr, name, tid and goroutine add words to one root. Strings are
 * copied; NULL: not known. */
struct hw_root {
	uint32_t struct_size;
	int32_t tid;      /* Thread, or 0. */
	hw_addr slot;     /* Where the word stands; 0: it stands nowhere (a register). */
	const char *kind; /* As in the JSON: global tls local register stack goroutine
			   * finalizer special heap-external. */
	const char *name; /* Of the variable or slot; "" of a global: as the host knows it, and
			   * else by its section, with addr, size and type when they are given. */
	uint64_t value;   /* With slot 0: the word itself. */
	hw_addr addr;     /* Of the variable that the slot is a part of; 0: the slot's. */
	uint64_t size;    /* Its bytes; 0: 8. */
	const char *type;
	const char *module; /* Base name. */
	const char *function;
	const char *file;
	int32_t line;       /* 0: not known. */
	int32_t frame;      /* Number of the stack frame, 0 the innermost; -1: none. */
	uint64_t goroutine; /* Id; 0: none. */
	const char *note;   /* What else there is to say, for people: "30 timers". */
	/* Of a slot in a frame: its canonical frame address, and the pc that the names of its
	 * variables hold at. A variable that debug info has there gives its name. 0: none. */
	hw_addr cfa;
	hw_addr pc;
};

/* One reference to a block, for view(). */
struct hw_reference {
	uint32_t struct_size;
	uint32_t reserved;
	hw_addr slot;         /* Where the word stands; 0: a register, or nowhere. */
	uint64_t value;       /* The word: an address in the block. */
	hw_addr source;       /* The block that slot is in; 0: slot is in none. */
	uint64_t source_size; /* Its bytes. */
	hw_addr block;        /* What is referred to. */
	uint64_t size;        /* Its bytes. */
	/* Of a slot in a local variable, or in a part of it that lies in one piece. */
	hw_addr local;
	uint64_t local_size;
	const char *local_type; /* As debug info has it: "[]uint8"; NULL: not known. */
};

enum hw_view_kind {
	HW_VIEW_POINTER = 0, /* To one value. */
	HW_VIEW_STRING,
	HW_VIEW_SLICE,
	HW_VIEW_WHOLE, /* Whoever has the reference may use all of the block. */
	HW_VIEW_KINDS
};

/* What a reference sees of its block: [start, start + length). */
struct hw_view {
	uint32_t struct_size;
	uint32_t kind;       /* enum hw_view_kind. */
	uint32_t confidence; /* enum hw_confidence; of kind and length. */
	uint32_t reserved;
	hw_addr start;     /* In the block, or at its end. */
	uint64_t length;   /* Bytes, no more than the block has; of HW_VIEW_WHOLE not used. */
	uint64_t capacity; /* Bytes from start on, at least length: what a slice may grow into.
			    * Of the other kinds not used. */
};

/* Which of a block's bytes are the allocator's choice. Offsets from its start. */
struct hw_extent {
	uint32_t struct_size;
	uint32_t reserved;
	uint64_t head;  /* The program's own bytes begin here: behind a header. */
	uint64_t below; /* What was asked for ends behind this, or the block would have been a
			 * smaller one: bytes from here on may be rounding. */
};

/* What a block is; type_of() fills it. */
struct hw_typed {
	uint32_t struct_size; /* Set by the caller. */
	uint32_t type;        /* From host->type(). */
	uint32_t confidence;  /* enum hw_confidence. */
	uint32_t reserved;
	const char *how; /* "header", "interface", "propagated": a constant of the plugin's. */
};
enum {
	/* field(), fields(): contents of the target may be shown: keys of maps, strings, bytes. */
	HW_FIELD_STRINGS = 1,
	/* field(): as people write it: no parts of containers (sync.Map's nodes), what an interface
	 * holds is asserted: ".conns[key@0x… len 5].(main.conn)". */
	HW_FIELD_SHORT = 2,
};

/* A part of a value that has no parts itself, or that is not taken apart; during fields(). */
enum hw_part_kind {
	HW_PART_OTHER = 0, /* Raw bytes and what is kept private: nothing is told. */
	HW_PART_BOOL,
	HW_PART_INT,
	HW_PART_UINT,
	HW_PART_FLOAT,
	HW_PART_POINTER,
	HW_PART_STRING,
	HW_PART_SLICE,
	HW_PART_INTERFACE,
	HW_PART_MAP,
	HW_PART_CHAN,
	HW_PART_FUNC,
	HW_PART_MORE, /* No part: `length` more of those in `name` are left out. */
	HW_PART_KINDS
};

struct hw_part {
	uint32_t struct_size;
	uint32_t kind;    /* enum hw_part_kind. */
	const char *name; /* "next", "[3].key"; "" for the value itself. All strings are borrowed
			   * for the call; valid UTF-8 is not promised. */
	const char *type; /* Of the part. */
	hw_addr addr;     /* Where it stands. */
	uint64_t size;
	uint64_t number; /* BOOL, UINT: the value; INT: in two's complement; FLOAT: of a double. */
	hw_addr target; /* Where it leads: its first byte, for an interface its data. 0: nowhere. */
	const char *target_type; /* Of what is there, of what an interface holds, or a function's
				  * name; NULL: not known. */
	uint64_t length;         /* STRING: bytes; SLICE, MAP, CHAN: elements. */
	uint64_t capacity;       /* SLICE, CHAN. */
	const char *text;        /* STRING and bytes, when they may be shown: their contents, up to
				  * some length; else NULL. */
	uint64_t text_size;      /* Bytes of it, zeros included. */
};

/* A variable that debug info knows, or a member of one; during variables(). The two types are
 * those of DW_AT_go_runtime_type: offsets from moduledata.types, 0 when there is none. */
struct hw_variable_info {
	uint32_t struct_size;
	uint32_t reserved;
	hw_addr addr;
	uint64_t size;    /* 0: not known. */
	const char *name; /* "main.state.list"; borrowed for the call. */
	uint64_t type;
	uint64_t pointee;      /* Of a pointer; of the elements of such a slice. */
	uint64_t pointee_size; /* Bytes of what a pointer points at, or of an element of a slice
				* that has no descriptor (is_slice); 0: not known. */
	uint32_t is_slice;
	uint32_t reserved2;
	const char *path; /* The end of name that says which part of what the host names as a
			   * whole this is: ".list", "[3].next", or "". */
};
typedef bool (*hw_variable_fn)(void *arg, const struct hw_variable_info *variable);

/* A task of a runtime with a scheduler of its own (a goroutine); during goroutines(). */
enum {
	HW_GOROUTINE_SYSTEM = 1, /* The runtime's own: it does not count it either. */
	HW_GOROUTINE_CUT = 2,    /* pcs ends before its first function. */
	HW_GOROUTINE_LOCKED = 4, /* Bound to one thread. */
	HW_GOROUTINE_UNREAD = 8, /* Not one, but those whose structs are not in the target: id is
				  * how many. They may have ended long ago. */
};

struct hw_label {
	const char *key;
	const char *value;
};

struct hw_goroutine {
	uint32_t struct_size;
	uint32_t flags; /* HW_GOROUTINE_ bits. */
	uint64_t id;
	hw_addr addr;       /* Of the runtime's struct. */
	const char *state;  /* As the runtime's own traceback has it: "chan receive". */
	const char *status; /* The scheduler's word: "waiting", "runnable", … */
	int64_t wait_ns;    /* It has waited at least so long; -1: not known. */
	uint64_t parent;    /* Id of the one that created it; 0: not known. */
	hw_addr created_pc; /* The statement that created it, for frames(); 0: not known. */
	hw_addr start_pc;   /* Its first function. */
	hw_addr stack_start;
	hw_addr stack_end;
	int32_t tid; /* The thread that runs it or is in its system call; 0: none. */
	uint32_t pc_count;
	const hw_addr *pcs; /* For frames(), innermost first. Borrowed for the call. */
	uint32_t label_count;
	uint32_t reserved;
	const struct hw_label *labels; /* The program's own; valid UTF-8 is not promised. */
	int64_t wait_about_ns; /* What the runtime itself would say, be it longer; -1: not known. */
};

/* A call that a pc stands for: with inlining one pc is several. */
enum {
	HW_CALL_INLINED = 1,
	HW_CALL_HIDDEN = 2, /* The runtime's own traceback leaves it out. */
};

struct hw_call {
	uint32_t struct_size;
	uint32_t flags; /* HW_CALL_ bits. */
	hw_addr pc;
	const char *function; /* Not NULL; borrowed for the call, like file. */
	const char *file;     /* Or NULL. */
	uint32_t line;        /* 0: not known. */
	uint32_t reserved;
};

/* Output of reports: the same calls make text and JSON. Keys are JSON keys and
 * stay stable; titles and labels are for people. Strings are copied, escaped and
 * made valid UTF-8 by the host. */
enum hw_kind {
	HW_KIND_SIZE = 1, /* u: bytes. Text shows IEC units. */
	HW_KIND_COUNT,    /* u */
	HW_KIND_ADDR,     /* u: printed as "0x…". */
	HW_KIND_TEXT,     /* s */
	HW_KIND_FLAG,     /* u: 0 or 1. */
	HW_KIND_RATIO,    /* d: 0 to 1; text shows percent. */
	HW_KIND_NULL,     /* Not known. */
	HW_KIND_DELTA,    /* i: bytes that may be negative. */
	HW_KIND_ID,       /* u: a number that names something (a tid); never grouped. */
};

struct hw_value {
	uint32_t kind; /* enum hw_kind. */
	uint32_t reserved;
	union {
		uint64_t u;
		int64_t i;
		double d;
		const char *s;
	};
};

enum {
	HW_COLUMN_BAR = 1,  /* Text: draw a bar for this SIZE or RATIO behind the value, scaled
			     * to the table; together with HW_COLUMN_TEXT: only the bar. */
	HW_COLUMN_JSON = 2, /* Only in JSON. */
	HW_COLUMN_TEXT = 4, /* Only in text. */
};

struct hw_column {
	const char *key;
	const char *title;
	uint32_t kind; /* What most cells are; sets the alignment. */
	uint32_t flags;
};

struct hw_emit {
	uint32_t struct_size;
	uint32_t reserved;
	void *self;
	/* key: value inside the current object. label NULL: JSON only; key NULL: text
	 * only, which holds for table() too. */
	void (*field)(void *self, const char *key, const char *label, struct hw_value value);
	/* An object; key NULL for an element of a list. title NULL: no heading. */
	void (*begin)(void *self, const char *key, const char *title);
	void (*end)(void *self);
	/* A list of objects. */
	void (*list)(void *self, const char *key, const char *title);
	void (*list_end)(void *self);
	/* A list of flat objects, all of the same columns: a table in text. */
	void (*table)(void *self, const char *key, const char *title,
		      const struct hw_column *columns, uint32_t count);
	void (*row)(void *self, const struct hw_value *values);
	void (*table_end)(void *self);
	/* A paragraph for people, without line ends; not in JSON. */
	void (*note)(void *self, const char *fmt, ...) HW_PRINTF(2);
};

static inline struct hw_value hw_size(uint64_t u)
{
	return (struct hw_value){.kind = HW_KIND_SIZE, .u = u};
}
static inline struct hw_value hw_count(uint64_t u)
{
	return (struct hw_value){.kind = HW_KIND_COUNT, .u = u};
}
static inline struct hw_value hw_id(uint64_t u)
{
	return (struct hw_value){.kind = HW_KIND_ID, .u = u};
}
static inline struct hw_value hw_address(hw_addr u)
{
	return (struct hw_value){.kind = HW_KIND_ADDR, .u = u};
}
static inline struct hw_value hw_text(const char *s)
{
	return (struct hw_value){.kind = HW_KIND_TEXT, .s = s};
}
static inline struct hw_value hw_flag(bool b)
{
	return (struct hw_value){.kind = HW_KIND_FLAG, .u = b};
}
static inline struct hw_value hw_ratio(double d)
{
	return (struct hw_value){.kind = HW_KIND_RATIO, .d = d};
}
static inline struct hw_value hw_null(void)
{
	return (struct hw_value){.kind = HW_KIND_NULL};
}

/* What a claim() is for. */
enum hw_claim {
	HW_CLAIM_HEAP = 0, /* Memory the heap hands blocks out of, reserve included. */
	HW_CLAIM_METADATA, /* The allocator's own structures; never a root. */
};

/* What heapwalk offers a plugin. Members up to struct_size are never NULL. */
struct hw_host {
	uint32_t struct_size;
	uint32_t abi;          /* HW_PLUGIN_ABI of the host. */
	void *self;            /* First argument of every call below. */
	uint32_t pointer_size; /* 8. */
	uint32_t page_size;    /* Of the target: 4096. */

	/* Memory. peek() gives a borrowed pointer to the bytes at addr, valid until
	 * close(), and how many follow without a gap (at most to the end of the
	 * segment); NULL for a miss. read() copies n bytes across segments and
	 * returns how many came before the first miss. A miss is not an error. */
	const void *(*peek)(void *self, hw_addr addr, uint64_t *size_ret);
	uint64_t (*read)(void *self, hw_addr addr, void *buf, uint64_t n);
	/* The first stretch of [from, end) that the target holds and that is not a
	 * hole in the file. False when there is none. What lies between stretches
	 * is missing or reads as zeros. */
	bool (*data)(void *self, hw_addr from, hw_addr end, hw_addr *start_ret, hw_addr *end_ret);
	/* The first mapping that ends after from, by address; false past the last. */
	bool (*range)(void *self, hw_addr from, struct hw_range *ret);

	/* Modules and threads by index from 0; false past the last. */
	bool (*module)(void *self, uint32_t index, struct hw_module_info *ret);
	bool (*thread)(void *self, uint32_t index, struct hw_thread_info *ret);
	/* Value of a symbol of a module; thread-local ones: offset in the module's
	 * TLS block. False when unknown; the ret argument is untouched then. */
	bool (*symbol)(void *self, uint32_t module, const char *name, hw_addr *ret);
	/* Byte offset of a member, or with member NULL the size, of a struct in the
	 * module's debug info. "a.b" is member b of the struct that is member a. False
	 * when there is none. */
	bool (*member)(void *self, uint32_t module, const char *type, const char *member,
		       uint64_t *ret);

	/* What was found. */
	uint32_t (*add_heap)(void *self, const struct hw_heap_info *info); /* Returns its id. */
	void (*claim)(void *self, uint32_t heap, enum hw_claim kind, hw_addr start, hw_addr end,
		      const char *name);
	/* One arena's share of a heap's ledger; during ledger(). */
	void (*arena)(void *self, uint32_t heap, uint32_t arena, const char *name,
		      const struct hw_ledger *ledger);
	/* False: stop, the user interrupted or the receiver has enough. */
	bool (*blocks)(void *self, const struct hw_blocks *batch);
	uint32_t (*type)(void *self, const char *name); /* Interns a type name; ≥ 1. */
	/* During roots(). root() says false when the caller is to stop. skip(): all that
	 * [start, end) holds has been named by root(), or is no root: the generic scan
	 * leaves it out, stacks included. skip_thread(): the same for the registers and the
	 * stack of a thread. */
	bool (*root)(void *self, const struct hw_root *root);
	void (*skip)(void *self, hw_addr start, hw_addr end);
	void (*skip_thread)(void *self, int32_t tid);

	/* Bad news. damage(): the target contradicts its own format at addr; counted,
	 * shown in every report, makes the answer incomplete. warn(): a condition the
	 * user must know, with a stable code; incomplete says whether totals depend on
	 * it. fail(): why the call in progress is about to return false. */
	void (*damage)(void *self, hw_addr addr, const char *fmt, ...) HW_PRINTF(3);
	void (*warn)(void *self, const char *code, bool incomplete, const char *fmt, ...)
	    HW_PRINTF(4);
	void (*fail)(void *self, const char *fmt, ...) HW_PRINTF(2);

	/* Memory for the plugin, counted against the tool's budget. Resizes ptr (NULL:
	 * new) to count * item_size bytes; count 0 frees and returns NULL. NULL when
	 * it does not fit, ptr is then still valid. New bytes are zero. */
	void *(*resize)(void *self, void *ptr, uint64_t old_count, uint64_t count,
			uint64_t item_size);
	bool (*stopped)(void *self); /* The user wants out. */

	/* One goroutine; during goroutines(). False: stop. */
	bool (*goroutine)(void *self, const struct hw_goroutine *goroutine);

	/* The nearest symbol at or below a code address, for people; borrowed until close(),
	 * NULL when there is none. */
	const char *(*name)(void *self, hw_addr addr, uint64_t *offset_ret);

	/* During open(): `size` (4 or 8) bytes at addr are not zero while a thread changes a
	 * heap. A living process is let go on for a moment when one of them is not zero. */
	void (*lock)(void *self, hw_addr addr, uint32_t size);

	/* During roots(): every reference in the live block at addr has been named by root(),
	 * with a better holder than whatever points at the block: the graph does not follow
	 * them from the block. */
	void (*named_block)(void *self, hw_addr addr);
	/* Every variable of a module that debug info gives an address in memory, and data
	 * without a name that they point at. A struct
	 * whose type has no descriptor is told member by member. False of take: enough. Does
	 * nothing without debug info. */
	void (*variables)(void *self, uint32_t module, hw_variable_fn take, void *arg);

	/* During roots(): what is reached only through the block at addr waits in a pool, to be
	 * used again; the next collection lets go of it, or when it is no victim yet the one
	 * after that. */
	void (*pool)(void *self, hw_addr addr, bool is_victim);
};

/* Where the bytes of a raw output go. */
struct hw_sink {
	uint32_t struct_size;
	uint32_t reserved;
	void *self;
	/* False: nothing more can be written; return true from write(), the host knows. */
	bool (*write)(void *self, const void *bytes, uint64_t size);
};

/* An array of these has a stride of its plugin's report_size. */
struct hw_report {
	const char *name;    /* "arenas" */
	const char *summary; /* One line. */
	/* False after fail(). Writes into the object that is `data` of the JSON. */
	bool (*run)(void *handle, const struct hw_emit *out);
	/* Raw outputs beside the table, for other tools (`--format NAME`): names, ending
	 * with NULL; or NULL: none. "folded" is lines of `outer;inner COUNT`; "pprof" is
	 * a profile.proto message, which the host compresses with gzip as pprof's files
	 * are. */
	const char *const *formats;
	/* Writes the output called format, one of formats. False after fail(). */
	bool (*write)(void *handle, const char *format, const struct hw_sink *sink);
};

struct hw_plugin {
	uint32_t struct_size; /* Both set by HW_PLUGIN_HEADER. */
	uint32_t abi;
	const char *name;    /* "ptmalloc": lower case, stable, in the JSON. */
	const char *summary; /* One line for `heapwalk plugins`. */
	const char *tested;  /* What it was tested on. */
	/* How sure, 0 to 100, that such a heap is present. Reports nothing. */
	int (*probe)(const struct hw_host *host);
	/* Makes a handle; NULL after fail(). The host outlives it. */
	void *(*open)(const struct hw_host *host);
	/* heap: as add_heap() returned. False after fail(). */
	bool (*ledger)(void *handle, uint32_t heap, struct hw_ledger *ret);
	bool (*blocks)(void *handle, uint32_t heap); /* True also when told to stop. */
	bool (*verify)(void *handle, uint32_t heap); /* Optional (NULL). */
	bool (*roots)(void *handle);                 /* Optional (NULL). False after fail(). */
	void (*close)(void *handle);                 /* Accepts NULL. */
	const struct hw_report *reports;
	uint32_t report_count;
	uint32_t report_size; /* sizeof(struct hw_report); set by HW_PLUGIN_HEADER. */
	/* Every goroutine, dead ones left out, to host->goroutine(). Optional (NULL), and
	 * frames() with it. True also when told to stop. */
	bool (*goroutines)(void *handle);
	/* What the pcs of one stack stand for, innermost first, at least one call for each;
	 * receiver is called with the first argument self. pcs of no function of this
	 * plugin's give nothing. */
	void (*frames)(void *handle, const hw_addr *pcs, uint32_t count,
		       void (*receiver)(void *self, const struct hw_call *call), void *self);
	/* Optional (NULL: every aligned word of every block may be a reference). Which words
	 * of [start, end), a multiple of 8 bytes of one heap, may be references: sets bit
	 * i % 64 of bits[i / 64] for the word at start + 8 * i. The bits come cleared. The
	 * range may hold several blocks and what lies between them (bits there count for
	 * nothing), or a part of a huge one. False: not known here, and every word counts.
	 * Called from several threads at once, after open(), without regard to blocks(). */
	bool (*pointers)(void *handle, uint32_t heap, hw_addr start, hw_addr end, uint64_t *bits);
	/* Optional (NULL: what a reference sees is not known). How much of its block, one of
	 * this heap, a reference sees. False: not known. After roots(); called from
	 * several threads at once. */
	bool (*view)(void *handle, uint32_t heap, const struct hw_reference *reference,
		     struct hw_view *ret);
	/* Optional (NULL: head is 0 and nothing is rounding). False: not known of this one. */
	bool (*extent)(void *handle, uint32_t heap, hw_addr block, uint64_t size,
		       struct hw_extent *ret);
	/* Optional (NULL). The calls that allocated a block, innermost first, to receiver. False:
	 * not known. */
	bool (*site)(void *handle, uint32_t heap, hw_addr block,
		     void (*receiver)(void *self, const struct hw_call *call), void *self);

	/* Optional (NULL), all three or none. types(): works out what the live blocks of all
	 * heaps are, once, before the others are asked. False after fail(). It may take as long
	 * as a graph of the blocks. */
	bool (*types)(void *handle);
	/* What a block is. False when it is not known. */
	bool (*type_of)(void *handle, uint32_t heap, hw_addr block, struct hw_typed *ret);
	/* What the word at slot is to a reader, in a block or a variable: ".Msg",
	 * "[3].key", "" for a part that is not worth a name (what a map is made of). Cut at size
	 * - 1 bytes; valid UTF-8 is not promised. False when it is not known. */
	bool (*field)(void *handle, hw_addr slot, uint32_t flags, char *buf, uint64_t size);
	/* Optional (NULL); after types(). What the block or variable that covers addr is made of,
	 * in order, as far as it is worth listing. A long list begins with the element that covers
	 * addr. False when that is not known. */
	bool (*fields)(void *handle, hw_addr addr, uint32_t flags,
		       void (*receiver)(void *self, const struct hw_part *part), void *self);
	/* Optional (NULL). After types(): what a variable without a name, whose word at slot points
	 * at a block, must be: "map[string]int", "sync.Map". False when it is not known. */
	bool (*variable_type)(void *handle, hw_addr slot, char *buf, uint64_t size);
	/* Optional (NULL); after types(). The container that a block is a part of and has no
	 * meaning without: "map[string]int" of its buckets, "sync.Map" of its nodes; what such a
	 * container itself is, it is no part of. False: of none. */
	bool (*inside)(void *handle, uint32_t heap, hw_addr block, char *buf, uint64_t size);
};

/* A plugin `plugins/x/` exports exactly one symbol, hw_plugin_x (distinct names, so
 * that plugins can also be linked in):
 *     HW_PLUGIN_EXPORT const struct hw_plugin hw_plugin_x = { HW_PLUGIN_HEADER, … }; */
#define HW_PLUGIN_HEADER                                                                           \
	.struct_size = sizeof(struct hw_plugin), .abi = HW_PLUGIN_ABI,                             \
	.report_size = sizeof(struct hw_report)
#define HW_PLUGIN_EXPORT extern __attribute__((visibility("default")))

#ifdef __cplusplus
}
#endif
#endif
