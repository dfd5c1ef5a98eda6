/* SPDX-License-Identifier: Apache-2.0 */
/* fake_threads.h -- a fake core with threads: stacks with a struct pthread on top, as glibc
 * lays them out. */
#ifndef FAKE_THREADS_H
#define FAKE_THREADS_H
#include "fake_core.h"

#define PTHREAD         0x900u /* sizeof(struct pthread) */
#define PAIR            0x690u /* {stackblock, stackblock_size} */
#define TID             0x2d0u
#define STACK_TOP(size) ((size)-PTHREAD)

/* Memory of a stack: block at `at`, size bytes, of which bytes is the copy. */
static inline uint64_t fake_pthread(uint8_t *bytes, uint64_t at, uint64_t size, int32_t tid)
{
	uint64_t tcb = at + STACK_TOP(size);
	uint64_t words[2] = {at, size};
	uint8_t *top = bytes + STACK_TOP(size);

	memcpy(top, &tcb, 8);
	memcpy(top + 16, &tcb, 8);
	memcpy(top + PAIR, words, 16);
	memcpy(top + TID, &tid, 4);
	return tcb;
}

/* A thread with all its registers; order of user_regs_struct. */
static inline void fake_registers(struct fake_core *core, int32_t tid, const uint64_t *regs)
{
	struct elf_prstatus status;
	GByteArray *notes = core->notes->len ? core->notes2 : core->notes;

	memset(&status, 0, sizeof(status));
	status.pr_pid = tid;
	status.pr_cursig = 6;
	for (int i = 0; i < 27; i++)
		status.pr_reg[i] = regs[i];
	fake_note(notes, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

static inline void put_word(uint8_t *bytes, uint64_t offset, uint64_t word)
{
	memcpy(bytes + offset, &word, sizeof(word));
}
#endif
