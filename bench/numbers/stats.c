// SPDX-License-Identifier: Apache-2.0
#include "bench/numbers/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/random.h"

#define RESAMPLES 10000U
#define LOW_AT (RESAMPLES / 40) /* 2.5 % */
#define OUTSIDE 0.05
#define FEW 5U /* of fewer, resamples tell no more than the samples */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static size_t sort(const double *samples, size_t count, double sorted[BENCH_SAMPLES_MAX])
{
	if (count > BENCH_SAMPLES_MAX)
		count = BENCH_SAMPLES_MAX;
	if (!count)
		return 0;
	memcpy(sorted, samples, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	return count;
}

static double middle(const double *sorted, size_t count)
{
	return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

double bench_median(const double *samples, size_t count)
{
	double sorted[BENCH_SAMPLES_MAX];

	count = sort(samples, count, sorted);
	return count ? middle(sorted, count) : 0;
}

/* The median of `count` samples drawn with putting back. As they are sorted it is enough to know
 * how often each was drawn. */
static double resample(const double *sorted, size_t count, struct bench_random *random)
{
	uint16_t drawn[BENCH_SAMPLES_MAX] = { 0 };
	size_t seen = 0, low = 0, high;

	for (size_t i = 0; i < count; i++)
		drawn[bench_random_below(random, count)]++;
	while ((seen += drawn[low]) <= (count - 1) / 2)
		low++;
	for (high = low; seen <= count / 2; seen += drawn[high])
		high++;
	return (sorted[low] + sorted[high]) / 2;
}

/* How many samples at each end an interval of 95 % may leave out at most, whatever they are
 * distributed like: so many of `count` coins that all fall on one side are no chance any more. */
static size_t ends(size_t count)
{
	double one = pow(0.5, (double)count), sum = one;
	size_t k = 0;

	while (k < count / 2 && 2 * sum <= OUTSIDE) {
		one *= (double)(count - k) / (double)(k + 1);
		sum += one;
		k++;
	}
	return k > 0 ? k - 1 : 0;
}

struct bench_interval bench_bootstrap(const double *samples, size_t count, uint64_t seed)
{
	double sorted[BENCH_SAMPLES_MAX], medians[RESAMPLES];
	struct bench_interval interval = { 0 };
	struct bench_random random;

	count = sort(samples, count, sorted);
	if (!count)
		return interval;
	interval.median = middle(sorted, count);
	interval.low = sorted[0];
	interval.high = sorted[count - 1];
	if (count < FEW)
		return interval;
	bench_random_seed(&random, seed);
	for (unsigned i = 0; i < RESAMPLES; i++)
		medians[i] = resample(sorted, count, &random);
	qsort(medians, RESAMPLES, sizeof(*medians), compare);
	/* Of 7 samples the resamples alone leave out the median in 12 of 100 cases. */
	interval.low = fmin(medians[LOW_AT], sorted[ends(count)]);
	interval.high = fmax(medians[RESAMPLES - 1 - LOW_AT], sorted[count - 1 - ends(count)]);
	return interval;
}

enum bench_verdict bench_compare(const struct bench_interval *ratio)
{
	if (ratio->low > 1)
		return BENCH_MORE;
	return ratio->high < 1 ? BENCH_LESS : BENCH_NO_DIFFERENCE;
}
