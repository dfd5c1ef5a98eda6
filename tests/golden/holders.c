/* SPDX-License-Identifier: Apache-2.0 */
/* holders.c -- a heap whose holders are known: prints "name address" lines, then aborts.
 * Built and dumped by graph.py. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODES   100
#define THREADS 3

/* What a compiler makes of `struct Widget` with virtual functions. */
void act(void);
void act(void)
{
}
void (*const _ZTV6Widget[4])(void) = {NULL, NULL, act, act};

struct widget {
	const void *vtable;
	char rest[48];
};
struct owner {
	struct widget *widgets[NODES];
};
struct pair {
	struct pair *other;
	char rest[232];
};

struct owner *volatile cache;            /* Holds all widgets. */
char *volatile view;                     /* Into the middle of a buffer. */
char *volatile cookie, *volatile second; /* 8 and 16 bytes in. */
void *volatile left, *volatile right;    /* Both hold one block. */
void *volatile list;
static __thread void *volatile own;
static int ready;

static void say(const char *name, const void *p)
{
	printf("%s %p\n", name, p);
}

static void *zeroed(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		exit(1);
	return p;
}

static __attribute__((noinline)) void make_held(void)
{
	uint64_t *counted = zeroed(8008);
	const void **object = zeroed(8000);

	cache = zeroed(sizeof(*cache));
	say("cache", cache);
	for (int i = 0; i < NODES; i++) {
		cache->widgets[i] = zeroed(sizeof(struct widget));
		cache->widgets[i]->vtable = &_ZTV6Widget[2];
	}
	say("widget", cache->widgets[NODES - 1]);
	view = (char *)zeroed(10000) + 5000;
	say("pin", view - 5000);
	*counted = 100;
	cookie = (char *)(counted + 1);
	*object = &_ZTV6Widget[2];
	second = (char *)(object + 2);
	left = right = zeroed(5000);
	say("shared", left);
}

/* A list of 300 blocks of 1000 bytes, for a long path. */
static __attribute__((noinline)) void make_list(void)
{
	void **last = NULL;

	for (int i = 0; i < 300; i++) {
		void **next = zeroed(1000);

		if (last)
			last[1] = next;
		else
			list = next;
		last = next;
	}
	say("end", last);
}

/* A ring of two, and a head with a child. */
static __attribute__((noinline)) void make_leaks(void)
{
	struct pair *a = zeroed(sizeof(*a)), *b = zeroed(sizeof(*b));
	void **head = zeroed(104);

	a->other = b;
	b->other = a;
	*head = zeroed(200);
	say("ring", a < b ? a : b);
	say("head", head);
	say("child", *head);
}

static __attribute__((noinline)) void make_free(void)
{
	void *p = zeroed(20000);
	void *guard = zeroed(24); /* Keeps the end of the heap away. */

	say("freed", p);
	free(p);
	say("cached", guard);
	free(guard);
}

/* What earlier calls left on the stack. */
static __attribute__((noinline)) void wipe(void)
{
	volatile char room[32768];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 0;
}

static void *wait_here(void *arg)
{
	own = zeroed(3000);
	wipe();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return arg;
}

int main(void)
{
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	make_held();
	make_list();
	make_leaks();
	wipe();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, wait_here, NULL);
	thread = 0;
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < THREADS)
		usleep(1000);
	usleep(100000);
	make_free();
	wipe();
	abort();
}
