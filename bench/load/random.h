/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - xoshiro256** (Blackman, Vigna: prng.di.unimi.it): the same numbers from the same seed
 * on every machine. Not for secrets. Thread-safety: one state, one thread. */
#ifndef SPROCKET_BENCH_RANDOM_H
#define SPROCKET_BENCH_RANDOM_H

#include <stdint.h>

struct bench_random {
	uint64_t s[4];
};

/* By splitmix64, as its authors advise; every seed is good, 0 too. */
void bench_random_seed(struct bench_random *r, uint64_t seed);
uint64_t bench_random_next(struct bench_random *r);
uint64_t bench_random_below(struct bench_random *r, uint64_t limit); /* 0..limit-1, unbiased */
double bench_random_unit(struct bench_random *r);                    /* in (0, 1) */
double bench_random_exponential(struct bench_random *r);             /* mean 1 */
double bench_random_gamma(struct bench_random *r, double shape);     /* scale 1; Marsaglia, Tsang */

#endif
