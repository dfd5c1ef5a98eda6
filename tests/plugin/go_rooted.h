/* SPDX-License-Identifier: Apache-2.0 */
/* go_rooted.h -- a target with all that the collector starts from: data and bss, a heap of a few
 * pages, functions, a stack. Every word of the heap counts as a pointer here: bits are the business
 * of test_go_bits.c. */
#ifndef GO_ROOTED_H
#define GO_ROOTED_H
#include "go_tables.h"

#define ROOTED_TEXT   UINT64_C(0x401000)
#define ROOTED_TABLES UINT64_C(0x500000)
#define ROOTED_DATA   UINT64_C(0x600000)
#define ROOTED_BSS    (ROOTED_DATA + 512)
#define ROOTED_VARS   (ROOTED_DATA + 1024)     /* The runtime's own variables. */
#define ROOTED_OUT    UINT64_C(0x7f0000000000) /* Not in the heap. */
#define ROOTED_HEAP   UINT64_C(0xc000000000)

enum { ROOTED_SECTION = 512 }; /* Bytes of data, and of bss. */

/* Pages of the heap. */
enum { OBJECTS = 0, GS, P0, P1 = 4, ARRAY = 6, STACK, SUDOGS, PAGES };
/* Offsets of functions from ROOTED_TEXT; each has 0x100 bytes of code. */
enum {
	F_MAIN = 0,
	F_LEAF = 0x100,
	F_GOEXIT = 0x200,
	F_GOFUNC = 0x300,
	F_SENDTIME = 0x400,
	F_READY = 0x500,
	F_OTHER = 0x600,
	F_CLEANUP = 0x700, /* sync.poolCleanup */
	F_PIN = 0x800,     /* sync.(*Pool).pinSlow */
	F_STORE = 0x900,   /* sync.(*Map).Store */
	F_ASSIGN = 0xa00,  /* runtime.mapassign_faststr */
	F_END = 0xb00,
};
enum { ROOTED_FRAME = 0x80 }; /* Bytes of the frames of main and leaf without the return address. */

struct rooted {
	struct go_target *t;
	struct go_target_piece *tables, *data, *out;
	hw_addr locals, args, objects; /* Of main.leaf: a stack map of 14 words each, and so on. */
	hw_addr lists;                 /* Next free byte of `out`. */
};

/* The caller calls go_layout_init() for m->t->rt.layout before rooted_fill(). */
struct rooted *rooted_new(void);
void rooted_fill(struct rooted *m);
void rooted_free(struct rooted *m);
/* The n-th object of 64 bytes; the n-th g; a P, behind its header. */
hw_addr rooted_object(uint32_t n);
hw_addr rooted_g(uint32_t n);
hw_addr rooted_p(const struct rooted *m, uint32_t n);
hw_addr rooted_out(struct rooted *m, uint64_t size); /* Zeros beside the heap. */
void rooted_slice(const struct rooted *m, hw_addr at, hw_addr ptr, uint64_t len, uint64_t cap);

struct rooted_range {
	hw_addr start;
	uint64_t size; /* Bytes; a multiple of 8. */
};

/* So many times: a word of one of the ranges becomes any other, or an address of `targets`, or has
 * a bit changed; run() is called, and the word is as it was. */
void rooted_damage(const struct rooted *m, const struct rooted_range *ranges, uint32_t count,
		   struct rooted_range targets, uint32_t times, void (*run)(void));

/* Is a word named as a root, of such a name (NULL: any)? How many times. */
uint32_t rooted_count(const struct rooted *m, hw_addr slot, const char *name);
/* Fails unless there are so many roots in all. */
void rooted_total(const struct rooted *m, uint64_t count);
/* Fails unless the answer was marked as not all. */
void rooted_incomplete(const struct rooted *m, const char *what);
void rooted_complete(const struct rooted *m);
#endif
