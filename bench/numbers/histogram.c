// SPDX-License-Identifier: Apache-2.0
/* histogram.c - counting. What is told of the counts: histogram_text.c. */
#include "bench/numbers/histogram.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/numbers/histogram_layout.h"

/* A quantile is quoted when so many values lie above it: fewer are chance. */
#define ABOVE_MIN 10

const struct bench_quantile bench_quantiles[] = {
	{ 0.50, "p50" },    { 0.75, "p75" },      { 0.90, "p90" },        { 0.99, "p99" },
	{ 0.999, "p99.9" }, { 0.9999, "p99.99" }, { 0.99999, "p99.999" },
};
const size_t bench_quantile_count = sizeof(bench_quantiles) / sizeof(bench_quantiles[0]);

int bench_histogram_init(struct bench_histogram *h)
{
	/* Large enough for calloc to take it from the kernel: what is never counted in is never
	 * touched, so thousands of histograms cost little. */
	uint64_t *counts = calloc(BENCH_COUNTERS, sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	*h = (struct bench_histogram){ .counts = counts };
	return 0;
}

void bench_histogram_done(struct bench_histogram *h)
{
	free(h->counts);
	*h = (struct bench_histogram){ 0 };
}

void bench_histogram_clear(struct bench_histogram *h)
{
	memset(h->counts, 0, BENCH_COUNTERS * sizeof(*h->counts));
	*h = (struct bench_histogram){ .counts = h->counts };
}

void bench_histogram_add(struct bench_histogram *h, uint64_t ns)
{
	if (__builtin_expect(ns > BENCH_VALUE_MAX_NS, 0)) {
		ns = BENCH_VALUE_MAX_NS;
		h->clipped++;
	}
	h->counts[bench_counter_of(ns)]++;
	if (ns > h->max)
		h->max = ns;
	if (ns < h->min || !h->n)
		h->min = ns;
	h->sum += (double)ns;
	h->n++;
}

void bench_histogram_merge(struct bench_histogram *to, const struct bench_histogram *from)
{
	if (!from->n)
		return;
	for (uint32_t i = bench_counter_of(from->min); i <= bench_counter_of(from->max); i++)
		to->counts[i] += from->counts[i];
	if (from->max > to->max)
		to->max = from->max;
	if (from->min < to->min || !to->n)
		to->min = from->min;
	to->sum += from->sum;
	to->n += from->n;
	to->clipped += from->clipped;
}

uint64_t bench_histogram_at(const struct bench_histogram *h, double quantile)
{
	uint64_t wanted, count = 0;

	if (!h->n)
		return 0;
	/* One step down, as HdrHistogram does: 0.999 of 1000 is 999.0000000000001 otherwise. */
	wanted = (uint64_t)ceil(nextafter(fmin(fmax(quantile, 0), 1), -1) * (double)h->n);
	if (!wanted)
		wanted = 1;
	for (uint32_t i = bench_counter_of(h->min); i < bench_counter_of(h->max); i++) {
		count += h->counts[i];
		if (count >= wanted)
			return bench_counter_high(i);
	}
	return bench_counter_high(bench_counter_of(h->max));
}

int bench_histogram_allows(const struct bench_histogram *h, double quantile)
{
	/* A hair less than ABOVE_MIN: 0.001 of 10000, as doubles, is not quite 10. */
	return (double)h->n * (1 - quantile) >= ABOVE_MIN * (1 - 1e-9);
}

double bench_histogram_mean(const struct bench_histogram *h)
{
	return h->n ? h->sum / (double)h->n : 0;
}
