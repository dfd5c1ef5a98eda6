/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a heap of about N blocks that hold references in one of five shapes, then aborts.
 *
 *     graphs a N   as a real program leaves it: doubly linked lists, trees with parent
 *                  pointers, hash tables with a global chain, vectors of objects that point
 *                  back, 5 % cross links, strings of 16 bytes to 64 KiB; one structure in a
 *                  hundred is lost; a quarter of the allocations reuse a slot freed at random
 *     graphs b N   blocks of about 100 bytes, three pointers each to any other block
 *     graphs c N   one list of 64-byte nodes, shuffled
 *     graphs d N   a vector of N, every element points to one hub
 *     graphs e N   a list of N / 2, the last node owns a vector of N / 2 that a second root
 *                  holds too
 *     graphs w N   no heap: a dependent random walk over N places of 64 bytes; prints its
 *                  user+sys seconds and exits */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void) /* xorshift64 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static void *take(size_t size)
{
	void *p = malloc(size);

	if (!p)
		abort();
	memset(p, 1, size);
	return p;
}

/* What the program holds. Not static: kept whatever the optimiser thinks. */
void *roots[64];
void *chain_head;

/* Shape a. Blocks that are freed later, so that others are put in their places. */
static void **spare;
static size_t spare_count, spare_room, made;

static size_t next_size(void)
{
	uint64_t kind = next_random() % 1000, r = next_random();

	if (kind < 700)
		return 16 + r % 112;
	if (kind < 940)
		return 128 + r % 384;
	return kind < 997 ? 512 + r % 3584 : 4096 + r % 61440;
}

static void *make(size_t size)
{
	made++;
	if (spare_count < spare_room && next_random() % 3 == 0)
		spare[spare_count++] = take(next_size());
	if (spare_count && next_random() % 4 == 0) {
		size_t at = next_random() % spare_count;

		free(spare[at]);
		spare[at] = spare[--spare_count];
	}
	return take(size);
}

struct object {
	void *owner;
	void *text;
	void *other;
	uint64_t number[3];
};

static void *recent[4096]; /* Objects that cross links may lead to. */

static void cross(struct object *o)
{
	void **slot = &recent[next_random() % 4096];

	o->other = next_random() % 20 == 0 ? *slot : NULL;
	*slot = o;
}

struct list_node {
	struct list_node *next, *prev;
	void *text;
	uint64_t number;
};

static void *make_list(size_t n)
{
	struct list_node *head = make(sizeof(*head));

	head->next = head->prev = head;
	head->text = NULL;
	while (n--) {
		struct list_node *node = make(sizeof(*node));

		node->text = make(next_size());
		node->next = head;
		node->prev = head->prev;
		head->prev->next = node;
		head->prev = node;
	}
	return head;
}

struct tree_node {
	struct tree_node *parent, *left, *right;
	uint64_t key;
	struct object *value;
};

static void *make_tree(size_t n)
{
	struct tree_node *root = NULL;

	while (n--) {
		struct tree_node *node = make(sizeof(*node)), **at = &root, *parent = NULL;

		*node = (struct tree_node){.key = next_random()};
		node->value = make(sizeof(struct object));
		node->value->owner = NULL;
		node->value->text = make(next_size());
		cross(node->value);
		while (*at) {
			parent = *at;
			at = node->key < parent->key ? &parent->left : &parent->right;
		}
		node->parent = parent;
		*at = node;
	}
	return root;
}

struct hash_node {
	struct hash_node *next, *chain;
	void *text;
	uint64_t hash;
};

static void *make_hash(size_t n, int is_lost)
{
	size_t size = n | 1;
	struct hash_node **table = make(size * sizeof(*table));

	memset(table, 0, size * sizeof(*table));
	while (n--) {
		struct hash_node *node = make(sizeof(*node));

		node->hash = next_random();
		node->text = make(next_size());
		node->next = table[node->hash % size];
		table[node->hash % size] = node;
		node->chain = NULL;
		if (!is_lost) {
			node->chain = chain_head;
			chain_head = node;
		}
	}
	return table;
}

static void *make_vector(size_t n)
{
	struct object **vector = make((n + 1) * sizeof(*vector));

	vector[n] = NULL;
	for (size_t i = 0; i < n; i++) {
		vector[i] = make(sizeof(**vector));
		vector[i]->owner = vector;
		vector[i]->text = make(next_size());
		cross(vector[i]);
	}
	return vector;
}

static void shape_a(size_t n)
{
	size_t count = 0, room = n / 100 + 1024;
	void **held = malloc(room * sizeof(*held));

	spare_room = n / 10;
	spare = map(spare_room * sizeof(*spare) + 1);
	while (made < n && count < room) {
		size_t size = 10 + next_random() % (next_random() % 8 ? 200 : 4000);
		int is_lost = next_random() % 100 == 0;
		void *p;

		switch (next_random() % 4) {
		case 0:
			p = make_list(size);
			break;
		case 1:
			p = make_tree(size);
			break;
		case 2:
			p = make_hash(size, is_lost);
			break;
		default:
			p = make_vector(size);
		}
		if (!is_lost)
			held[count++] = p;
	}
	held[count] = NULL;
	while (spare_count)
		free(spare[--spare_count]);
	munmap(spare, spare_room * sizeof(*spare) + 1);
	roots[0] = held;
	memset(recent, 0, sizeof(recent));
}

static void shape_b(size_t n)
{
	void ***block = map(n * sizeof(*block));

	for (size_t i = 0; i < n; i++)
		block[i] = take(72 + next_random() % 6 * 8);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 3; k++)
			block[i][k] = block[next_random() % n];
	for (size_t i = 0; i < 8; i++)
		roots[i] = block[i];
	munmap(block, n * sizeof(*block));
}

static void shuffle(void **list, size_t n)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t at = next_random() % (i + 1);
		void *kept = list[i];

		list[i] = list[at];
		list[at] = kept;
	}
}

static void shape_c(size_t n)
{
	void **node = map(n * sizeof(*node));

	for (size_t i = 0; i < n; i++)
		node[i] = take(56);
	shuffle(node, n);
	for (size_t i = 0; i < n; i++)
		*(void **)node[i] = i + 1 < n ? node[i + 1] : NULL;
	roots[0] = node[0];
	munmap(node, n * sizeof(*node));
}

static void shape_d(size_t n)
{
	void **vector = take(n * sizeof(*vector));
	void *hub = take(64);

	for (size_t i = 0; i < n; i++) {
		vector[i] = take(56);
		*(void **)vector[i] = hub;
	}
	roots[0] = vector;
}

static void shape_e(size_t n)
{
	void **vector = take(n / 2 * sizeof(*vector)), **node = NULL;

	for (size_t i = 0; i < n / 2; i++)
		vector[i] = take(40);
	for (size_t i = 0; i < n / 2; i++) {
		void **next = take(40);

		*(i ? node : roots) = next;
		node = next;
	}
	*node = vector;
	roots[1] = vector;
}

/* What one cannot be faster than when following a list: a cache miss for each node. */
static int walk(size_t n)
{
	uint32_t *order = map(n * sizeof(*order));
	uint64_t(*place)[8] = map(n * sizeof(*place));
	struct rusage before, after;
	uint64_t at = 0;

	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	for (size_t i = n - 1; i > 0; i--) {
		size_t other = next_random() % (i + 1);
		uint32_t kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
	for (size_t i = 0; i < n; i++)
		place[order[i]][0] = order[(i + 1) % n];
	munmap(order, n * sizeof(*order));
	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < n; i++)
		at = place[at][0];
	getrusage(RUSAGE_SELF, &after);
	printf("%.6f %llu\n",
	       (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
		   (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
		   (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
		   (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6,
	       (unsigned long long)at);
	return 0;
}

int main(int argc, char **argv)
{
	size_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	char shape = argc > 1 ? argv[1][0] : 'a';

	if (n < 16)
		return 2;
	switch (shape) {
	case 'a':
		shape_a(n);
		break;
	case 'b':
		shape_b(n);
		break;
	case 'c':
		shape_c(n);
		break;
	case 'd':
		shape_d(n);
		break;
	case 'e':
		shape_e(n);
		break;
	case 'w':
		return walk(n);
	default:
		return 2;
	}
	abort();
}
