/* SPDX-License-Identifier: Apache-2.0 */
/* live_tags.c -- tells whether a page is still what it was, without the old page.
 *
 * NH of UMAC (RFC 4418, section 5.2.2; Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC: Fast
 * and Secure Message Authentication", 1999): the sum over pairs of 32-bit words of
 * (m1 + k1) * (m2 + k2) modulo 2^64. For a random key two different pages have the same sum
 * with a probability of at most 2^-32, and two sums with the key moved along (Toeplitz) of
 * 2^-64. That holds for every two pages that were not chosen with knowledge of the key, so
 * for whatever a program does to its memory. It costs a tenth of reading the page. */
#include "target/live.h"
#include <string.h>
#include <sys/random.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define MOVED 32 /* Bytes by which the key is moved for the second sum. */

bool live_tag_key(uint8_t key[LIVE_KEY])
{
	size_t have = 0;

	while (have < LIVE_KEY) {
		ssize_t got = getrandom(key + have, LIVE_KEY - have, 0);

		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return true;
}

static uint64_t sum(const uint8_t *key, const uint8_t *page)
{
	uint64_t result = 0;

	for (size_t i = 0; i < HW_PAGE; i += 8) {
		uint32_t m[2], k[2];

		memcpy(m, page + i, sizeof(m));
		memcpy(k, key + i, sizeof(k));
		result += (uint64_t)(m[0] + k[0]) * (m[1] + k[1]);
	}
	return result;
}

static struct live_tag tag_plain(const uint8_t *key, const uint8_t *page)
{
	return (struct live_tag){{sum(key, page), sum(key + MOVED, page)}};
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static __m256i load(const uint8_t *at)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

__attribute__((target("avx2"))) static __m256i product(__m256i key, __m256i words)
{
	__m256i sums = _mm256_add_epi32(words, key);

	return _mm256_mul_epu32(sums, _mm256_srli_epi64(sums, 32));
}

/* The key of the second sum is that of the first one, one step later. Four steps at a time: it is
 * the processor's instructions that count here, not its memory. */
__attribute__((target("avx2"))) static struct live_tag tag_avx2(const uint8_t *key,
								const uint8_t *page)
{
	enum { STEP = sizeof(__m256i), STEPS = 4 };
	__m256i a = _mm256_setzero_si256();
	__m256i b = a;
	__m256i here = load(key);
	uint64_t lanes[2][4];

	G_STATIC_ASSERT(STEP == MOVED && HW_PAGE % (STEP * STEPS) == 0);
	for (size_t i = 0; i < HW_PAGE; i += STEP * STEPS) {
#pragma GCC unroll 4
		for (size_t k = i; k < i + STEP * STEPS; k += STEP) {
			__m256i words = load(page + k);
			__m256i next = load(key + k + MOVED);

			a = _mm256_add_epi64(a, product(here, words));
			b = _mm256_add_epi64(b, product(next, words));
			here = next;
		}
	}
	_mm256_storeu_si256((__m256i *)(void *)lanes[0], a);
	_mm256_storeu_si256((__m256i *)(void *)lanes[1], b);
	return (struct live_tag){{lanes[0][0] + lanes[0][1] + lanes[0][2] + lanes[0][3],
				  lanes[1][0] + lanes[1][1] + lanes[1][2] + lanes[1][3]}};
}
#endif

struct live_tag live_tag_page(const uint8_t key[LIVE_KEY], const uint8_t *page)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return tag_avx2(key, page);
#endif
	return tag_plain(key, page);
}
