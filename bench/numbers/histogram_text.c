// SPDX-License-Identifier: Apache-2.0
/* histogram_text.c - a histogram told to others: HdrHistogram's .hgrm, JSON. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "bench/numbers/histogram.h"
#include "bench/numbers/histogram_layout.h"

#define NS_PER_US 1000.0
#define TICKS_PER_HALF \
	5              /* lines until half of what is left is told, as HdrHistogram's tools have */
#define ROUND_UP 1e-15 /* printf rounds a half to even, HdrHistogram up */
#define NAME_MAX_BYTES 16

/* The counters that may not be 0 are from .. to, included. None when it is empty. */
struct range {
	uint32_t from, to;
};

static struct range range(const struct bench_histogram *h)
{
	if (!h->n)
		return (struct range){ 1, 0 };
	return (struct range){ bench_counter_of(h->min), bench_counter_of(h->max) };
}

/* What HdrHistogram takes for all values of a counter. */
static double middle(uint32_t counter)
{
	return (double)(bench_counter_low(counter) +
			(UINT64_C(1) << bench_counter_bucket(counter)) / 2);
}

/* Mean and deviation of the counters' middles: HdrHistogram has no others. */
static void moments(const struct bench_histogram *h, double *ret_mean, double *ret_deviation)
{
	struct range r = range(h);
	double sum = 0, squares = 0, mean;

	for (uint32_t i = r.from; i <= r.to; i++)
		sum += middle(i) * (double)h->counts[i];
	mean = h->n ? sum / (double)h->n : 0;
	for (uint32_t i = r.from; i <= r.to; i++)
		squares += (middle(i) - mean) * (middle(i) - mean) * (double)h->counts[i];
	*ret_mean = mean;
	*ret_deviation = h->n ? sqrt(squares / (double)h->n) : 0;
}

/* The percentile after `level`: steps become half as wide at each half of what is left. */
static double next_level(double level)
{
	int halves = (int)(log(100 / (100 - level)) / log(2)) + 1;

	return level + 100 / ldexp(TICKS_PER_HALF, halves);
}

static void print_levels(const struct bench_histogram *h, FILE *to)
{
	struct range r = range(h);
	uint64_t total = 0;
	double level = 0;

	for (uint32_t i = r.from; i <= r.to; i++) {
		double value = (double)bench_counter_high(i) / NS_PER_US;

		if (!h->counts[i])
			continue;
		total += h->counts[i];
		while (level < 100 && 100 * (double)total / (double)h->n >= level) {
			fprintf(to, "%12.3f %2.12f %10" PRIu64 " %14.2f\n", value,
				level / 100 + ROUND_UP, total, 1 / (1 - level / 100));
			level = next_level(level);
			if (total == h->n) {
				fprintf(to, "%12.3f %2.12f %10" PRIu64 "\n", value, 1.0, total);
				return;
			}
		}
	}
}

int bench_histogram_hgrm(const struct bench_histogram *h, FILE *to)
{
	uint64_t max = h->n ? bench_counter_high(bench_counter_of(h->max)) : 0;
	double mean, deviation;

	moments(h, &mean, &deviation);
	fprintf(to, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	print_levels(h, to);
	fprintf(to, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean / NS_PER_US,
		deviation / NS_PER_US);
	fprintf(to, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
		(double)max / NS_PER_US, h->n);
	fprintf(to, "#[Buckets = %12u, SubBuckets     = %12u]\n", BENCH_BUCKETS, BENCH_SUB_COUNT);
	return fflush(to) || ferror(to) ? -EIO : 0;
}

static json_t *counts_json(const struct bench_histogram *h)
{
	json_t *counts = json_array();
	struct range r = range(h);

	for (uint32_t i = r.from; counts && i <= r.to; i++) {
		if (h->counts[i] &&
		    json_array_append_new(counts,
					  json_pack("[I,I]", (json_int_t)bench_counter_low(i),
						    (json_int_t)h->counts[i]))) {
			json_decref(counts);
			counts = NULL;
		}
	}
	return counts;
}

json_t *bench_histogram_json(const struct bench_histogram *h)
{
	json_t *to = json_pack("{s:I,s:f,s:f,s:f}", "n", (json_int_t)h->n, "min_us",
			       (double)h->min / NS_PER_US, "mean_us",
			       bench_histogram_mean(h) / NS_PER_US, "max_us",
			       (double)h->max / NS_PER_US);
	int failed = !to;

	if (h->clipped)
		failed |= json_object_set_new(to, "clipped", json_integer((json_int_t)h->clipped));
	for (size_t i = 0; i < bench_quantile_count; i++) {
		const struct bench_quantile *q = &bench_quantiles[i];
		char name[NAME_MAX_BYTES];

		if (!bench_histogram_allows(h, q->at))
			continue;
		snprintf(name, sizeof(name), "%s_us", q->name);
		failed |= json_object_set_new(to, name,
					      json_real((double)bench_histogram_at(h, q->at) /
							NS_PER_US));
	}
	failed |= json_object_set_new(to, "counts", counts_json(h));
	if (!failed)
		return to;
	json_decref(to);
	return NULL;
}

/* One of "counts". */
static int read_count(struct bench_histogram *h, const json_t *pair)
{
	json_int_t value = json_integer_value(json_array_get(pair, 0));
	json_int_t count = json_integer_value(json_array_get(pair, 1));

	if (json_array_size(pair) != 2 || !json_is_integer(json_array_get(pair, 0)) || value < 0 ||
	    (uint64_t)value > BENCH_VALUE_MAX_NS || count <= 0 ||
	    h->counts[bench_counter_of((uint64_t)value)] || h->n + (uint64_t)count < h->n)
		return -EINVAL;
	h->counts[bench_counter_of((uint64_t)value)] = (uint64_t)count;
	h->n += (uint64_t)count;
	return 0;
}

/* A duration in µs; it must lie in a counter that is not 0. */
static int read_value(const struct bench_histogram *h, const json_t *from, uint64_t *ret)
{
	double us = json_number_value(from);

	if (!json_is_number(from) || !(us >= 0 && us <= BENCH_VALUE_MAX_NS / NS_PER_US))
		return -EINVAL;
	*ret = (uint64_t)llround(us * NS_PER_US);
	return h->n && !h->counts[bench_counter_of(*ret)] ? -EINVAL : 0;
}

static int read_all(struct bench_histogram *h, const json_t *from)
{
	const json_t *counts = json_object_get(from, "counts"), *mean, *pair;
	size_t i;

	if (!json_is_array(counts))
		return -EINVAL;
	json_array_foreach(counts, i, pair) {
		if (read_count(h, pair))
			return -EINVAL;
	}
	mean = json_object_get(from, "mean_us");
	if (json_integer_value(json_object_get(from, "n")) != (json_int_t)h->n ||
	    !json_is_number(mean) || read_value(h, json_object_get(from, "min_us"), &h->min) ||
	    read_value(h, json_object_get(from, "max_us"), &h->max) || h->min > h->max)
		return -EINVAL;
	h->sum = json_number_value(mean) * NS_PER_US * (double)h->n;
	h->clipped = (uint64_t)json_integer_value(json_object_get(from, "clipped"));
	/* Whatever lies outside of min..max would never be found again. */
	for (uint32_t k = 0; h->n && k < BENCH_COUNTERS; k++) {
		if (h->counts[k] && (k < bench_counter_of(h->min) || k > bench_counter_of(h->max)))
			return -EINVAL;
	}
	return 0;
}

int bench_histogram_read(struct bench_histogram *h, const json_t *from)
{
	int r;

	bench_histogram_clear(h);
	r = read_all(h, from);
	if (r)
		bench_histogram_clear(h);
	return r;
}
