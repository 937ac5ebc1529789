/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram.h - how often each duration occurred: log-linear, three significant digits.
 *
 * For: every latency of sprocket-bench.
 * How: values in ns. Below 2048 ns each has a counter of its own; above, each power of two is
 * divided into 1024, so that a value is told to within 0.1 % from 1 µs to BENCH_VALUE_MAX_NS
 * (the layout of HdrHistogram with 3 digits and unit 1 ns: hdrhistogram.org). Adding is one
 * increment; two histograms are merged by adding their counters.
 * Thread-safety: one writer; merge after it has ended. Failure modes: init returns -ENOMEM; a
 * value above the maximum counts as the maximum, and in `clipped`.
 */
#ifndef SPROCKET_BENCH_HISTOGRAM_H
#define SPROCKET_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define BENCH_VALUE_MAX_NS (UINT64_C(3600) * 1000000000)

struct bench_histogram {
	uint64_t *counts;
	uint64_t n, clipped, min, max; /* min, max: 0 while n is 0 */
	double sum;
};

int bench_histogram_init(struct bench_histogram *h);
void bench_histogram_done(struct bench_histogram *h);
void bench_histogram_clear(struct bench_histogram *h);
void bench_histogram_add(struct bench_histogram *h, uint64_t ns);
void bench_histogram_merge(struct bench_histogram *to, const struct bench_histogram *from);

/* The value that `quantile` (0..1) of all values do not exceed, ns; the highest value that
 * cannot be told from it, as HdrHistogram does. 0 when it is empty. */
uint64_t bench_histogram_at(const struct bench_histogram *h, double quantile);

/* True when so many values are enough to quote that quantile: at least 10 lie above it. */
int bench_histogram_allows(const struct bench_histogram *h, double quantile);

double bench_histogram_mean(const struct bench_histogram *h);

/* HdrHistogram's percentile distribution (.hgrm), values in µs. Returns 0 or -EIO. */
int bench_histogram_hgrm(const struct bench_histogram *h, FILE *to);

/* {"n", "min_us", "mean_us", "max_us", "p50_us", ... those of bench_quantiles that n allows,
 *  "clipped" if any, "counts": [[value_ns, count], ...] (values that occurred, each the lowest of
 *  its counter)}. NULL without memory. The caller owns it. */
json_t *bench_histogram_json(const struct bench_histogram *h);

/* What bench_histogram_json wrote, into an initialized one. Returns 0, or -EINVAL: it is empty
 * then. */
int bench_histogram_read(struct bench_histogram *h, const json_t *from);

struct bench_quantile {
	double at;
	const char *name; /* "p50", "p99.9" */
};
extern const struct bench_quantile bench_quantiles[]; /* p50 p75 p90 p99 p99.9 p99.99 p99.999 */
extern const size_t bench_quantile_count;

#endif
