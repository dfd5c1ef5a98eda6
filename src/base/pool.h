/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h -- a few threads for one piece of work, joined before the call returns. How the
 * work is cut is the caller's affair: cut it the same way for any number of threads, and
 * the results will be the same. */
#ifndef HW_BASE_POOL_H
#define HW_BASE_POOL_H
#include <stdint.h>

#define HW_POOL_MAX 64

/* asked, or for 0 as many as there are processors; 1 to HW_POOL_MAX. */
uint32_t hw_pool_threads(uint32_t asked);

/* Calls fn(arg, worker) for worker 0 to threads - 1, worker 0 on the calling thread. A
 * thread that the system refuses is not run: fn must get all work done with any worker
 * missing but the first. */
typedef void (*hw_pool_fn)(void *arg, uint32_t worker);
void hw_pool_run(uint32_t threads, hw_pool_fn fn, void *arg);
#endif
