/* SPDX-License-Identifier: Apache-2.0 */
/* stop.c -- SIGINT and SIGTERM set a flag; whoever loops long looks at it. */
#include "base/stop.h"
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static atomic_bool is_stopped;
static atomic_bool is_abandoned;

static void on_signal(int signal)
{
	(void)signal;
	atomic_store_explicit(&is_stopped, true, memory_order_relaxed);
}

void hw_stop_install(void)
{
	/* RESETHAND: the second signal finds the default action and kills. */
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool hw_stop_requested(void)
{
	return atomic_load_explicit(&is_stopped, memory_order_relaxed) ||
	       atomic_load_explicit(&is_abandoned, memory_order_relaxed);
}

void hw_stop_request(bool on)
{
	atomic_store_explicit(&is_stopped, on, memory_order_relaxed);
}

void hw_stop_abandon(bool on)
{
	atomic_store_explicit(&is_abandoned, on, memory_order_relaxed);
}
