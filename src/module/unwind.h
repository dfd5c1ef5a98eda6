/* SPDX-License-Identifier: Apache-2.0 */
/* unwind.h -- frames of one thread. Private to this stage. */
#ifndef HW_MODULE_UNWIND_H
#define HW_MODULE_UNWIND_H
#include "module/stacks.h"

/* Frames of target->threads[index], innermost first, at most HW_FRAMES_MAX, into a new
 * array (hw_array_resize). frames[0] is made from the registers alone and is always
 * there. *cut_ret: the walk did not come to the outermost frame. False when out of memory. */
bool hw_unwind_thread(struct hw_modules *modules, uint32_t index, struct hw_frame **frames_ret,
		      uint32_t *count_ret, bool *cut_ret);

/* Registers of a thread in DWARF's numbering. */
void hw_unwind_registers(const struct hw_thread *thread, uint64_t regs[HW_FRAME_REGS]);
#endif
