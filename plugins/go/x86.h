/* SPDX-License-Identifier: Apache-2.0 */
/* x86.h -- the few instructions that are read: those that name an address by its distance from
 * rip, and calls. No lengths are decoded: every byte is tried, and what is none of them is for
 * the caller to notice by where it leads. */
#ifndef GO_X86_H
#define GO_X86_H
#include "go.h"
#include <string.h>

enum {
	GO_RIP_BYTES = 7,  /* REX.W, opcode, modrm, distance. */
	GO_CALL_BYTES = 5, /* e8, distance. */
};

/* The address that an instruction of so many bytes at `at` has its distance of at the end. */
static inline hw_addr go_rip_target(const uint8_t *code, hw_addr at, uint32_t bytes)
{
	int32_t distance;

	memcpy(&distance, code + bytes - sizeof(distance), sizeof(distance));
	return at + bytes + (uint64_t)(int64_t)distance;
}

static inline bool go_is_rip(const uint8_t *code, uint8_t opcode)
{
	return code[1] == opcode && (code[0] & 0xfb) == 0x48 && (code[2] & 0xc7) == 5;
}

/* lea and mov of 64 bits into any register. */
static inline bool go_is_lea(const uint8_t *code)
{
	return go_is_rip(code, 0x8d);
}

static inline bool go_is_load(const uint8_t *code)
{
	return go_is_rip(code, 0x8b);
}

static inline bool go_is_call(const uint8_t *code)
{
	return code[0] == 0xe8;
}

/* What may be instructions, in order. at: their address. */
struct go_code_reader {
	void *arg;
	void (*lea)(void *arg, hw_addr at, hw_addr target);
	void (*load)(void *arg, hw_addr at, hw_addr target);
	void (*call)(void *arg, hw_addr at, hw_addr target);
};
/* Of all modules' functions. False when stopped. */
bool go_code_read(const struct go_runtime *rt, const struct go_code_reader *reader);
/* Is there a call at `at` of a function whose entry is target, by code of the function that `from`
 * lies in, less than GO_CALL_NEAR bytes behind it? Its name then. */
enum { GO_CALL_NEAR = 256 };
bool go_code_call(const struct go_runtime *rt, hw_addr from, hw_addr at, hw_addr target, char *name,
		  uint64_t size);
#endif
