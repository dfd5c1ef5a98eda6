/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c -- threads for the length of one call. */
#include "base/pool.h"
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct worker {
	hw_pool_fn fn;
	void *arg;
	uint32_t index;
};

static void *run_worker(void *data)
{
	struct worker *worker = data;

	worker->fn(worker->arg, worker->index);
	return NULL;
}

uint32_t hw_pool_threads(uint32_t asked)
{
	uint32_t count = asked ? asked : g_get_num_processors();

	return CLAMP(count, 1, HW_POOL_MAX);
}

void hw_pool_run(uint32_t threads, hw_pool_fn fn, void *arg)
{
	struct worker workers[HW_POOL_MAX];
	pthread_t started[HW_POOL_MAX];
	bool is_started[HW_POOL_MAX] = {false};
	sigset_t interrupts;
	sigset_t before;

	/* Signals stay with the thread that had them. */
	sigemptyset(&interrupts);
	sigaddset(&interrupts, SIGINT);
	sigaddset(&interrupts, SIGTERM);
	sigaddset(&interrupts, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &interrupts, &before);
	threads = MIN(threads, HW_POOL_MAX);
	for (uint32_t i = 1; i < threads; i++) {
		workers[i] = (struct worker){fn, arg, i};
		is_started[i] = !pthread_create(&started[i], NULL, run_worker, &workers[i]);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	fn(arg, 0);
	for (uint32_t i = 1; i < threads; i++)
		if (is_started[i])
			pthread_join(started[i], NULL);
}
