// SPDX-License-Identifier: Apache-2.0
#include "controller/histogram.h"

uint64_t histogram_count(const struct sp_histogram *histogram)
{
	uint64_t count = 0;

	for (unsigned b = 0; b < SP_HIST_BUCKETS; b++)
		count += histogram->count[b];
	return count;
}

double histogram_quantile_us(const struct sp_histogram *histogram, double quantile)
{
	double rank = quantile * (double)histogram_count(histogram);
	double below = 0, lower = 0, upper = 0;

	for (unsigned b = 0; b < SP_HIST_BUCKETS; b++) {
		double count = (double)histogram->count[b];

		if (count > 0) {
			lower = b ? (double)sp_histogram_upper_us(b - 1) : 0;
			upper = (double)sp_histogram_upper_us(b);
			/* The last bucket has no upper bound worth naming. */
			if (b == SP_HIST_BUCKETS - 1)
				return lower;
			if (below + count >= rank)
				return lower + (upper - lower) * (rank - below) / count;
		}
		below += count;
	}
	return upper;
}

void histogram_add(struct sp_histogram *histogram, uint64_t upper_us, uint64_t count)
{
	unsigned low = 0, high = SP_HIST_BUCKETS - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (sp_histogram_upper_us(middle) < upper_us)
			low = middle + 1;
		else
			high = middle;
	}
	histogram->count[low] += count;
}

static uint64_t difference(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

void histogram_difference(const struct sp_histogram *before, const struct sp_histogram *after,
			  struct sp_histogram *ret)
{
	ret->sum_us = difference(before->sum_us, after->sum_us);
	for (unsigned b = 0; b < SP_HIST_BUCKETS; b++)
		ret->count[b] = difference(before->count[b], after->count[b]);
}

void histogram_merge(const struct sp_histogram *from, struct sp_histogram *into)
{
	into->sum_us += from->sum_us;
	for (unsigned b = 0; b < SP_HIST_BUCKETS; b++)
		into->count[b] += from->count[b];
}
