/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram_layout.h - which counter a value belongs to: HdrHistogram's array for the unit 1 and
 * three digits. Counters 0..2047 are of one value each; then come groups of 1024, the values of
 * each twice as wide as those of the group before.
 * For: histogram*.c. Thread-safety: functions of their arguments.
 */
#ifndef SPROCKET_BENCH_HISTOGRAM_LAYOUT_H
#define SPROCKET_BENCH_HISTOGRAM_LAYOUT_H

#include <stdint.h>

#include "bench/numbers/histogram.h"

#define BENCH_SUB_BITS 11U
#define BENCH_SUB_COUNT (1U << BENCH_SUB_BITS)
#define BENCH_HALF_COUNT (BENCH_SUB_COUNT / 2)
#define BENCH_BUCKETS 32U /* powers of two from 2^11 until BENCH_VALUE_MAX_NS is within */
#define BENCH_COUNTERS ((BENCH_BUCKETS + 1) * BENCH_HALF_COUNT)

_Static_assert(BENCH_VALUE_MAX_NS < UINT64_C(1) << (BENCH_SUB_BITS + BENCH_BUCKETS - 1) &&
		       BENCH_VALUE_MAX_NS >= UINT64_C(1) << (BENCH_SUB_BITS + BENCH_BUCKETS - 2),
	       "the largest value lies in the last bucket");

static inline uint32_t bench_counter_of(uint64_t value)
{
	uint32_t bucket =
		64 - BENCH_SUB_BITS - (uint32_t)__builtin_clzll(value | (BENCH_SUB_COUNT - 1));

	return bucket * BENCH_HALF_COUNT + (uint32_t)(value >> bucket);
}

static inline uint32_t bench_counter_bucket(uint32_t counter)
{
	return counter < BENCH_SUB_COUNT ? 0 : counter / BENCH_HALF_COUNT - 1;
}

/* The lowest and the highest value of a counter. */
static inline uint64_t bench_counter_low(uint32_t counter)
{
	uint32_t bucket = bench_counter_bucket(counter);

	return (uint64_t)(counter - bucket * BENCH_HALF_COUNT) << bucket;
}

static inline uint64_t bench_counter_high(uint32_t counter)
{
	return bench_counter_low(counter) + (UINT64_C(1) << bench_counter_bucket(counter)) - 1;
}

#endif
