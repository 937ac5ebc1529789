/* SPDX-License-Identifier: Apache-2.0 */
/* stats.h - what few samples tell: median, and how sure one may be of it.
 * Thread-safety: functions of their arguments. */
#ifndef SPROCKET_BENCH_STATS_H
#define SPROCKET_BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_SAMPLES_MAX 1024

struct bench_interval {
	/* 95 % bootstrap interval of the median (Efron's percentiles), not narrower than what holds
	 * for any distribution (order statistics). Of 5 samples: 94 %, their least and greatest. */
	double median, low, high;
};

enum bench_verdict { BENCH_LESS, BENCH_NO_DIFFERENCE, BENCH_MORE };

/* The samples may be in any order; they are not changed. 0 samples: 0. What is beyond
 * BENCH_SAMPLES_MAX is left out. */
double bench_median(const double *samples, size_t count);

/* 10,000 resamples from `seed`. With fewer than 5 samples the interval is min..max. */
struct bench_interval bench_bootstrap(const double *samples, size_t count, uint64_t seed);

/* Of ratios a/b of rounds that took turns: BENCH_NO_DIFFERENCE when the interval holds 1. */
enum bench_verdict bench_compare(const struct bench_interval *ratio);

#endif
