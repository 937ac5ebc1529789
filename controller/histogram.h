/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram.h - what the kernel's latency histograms say: how many, the mean, quantiles.
 *
 * For: the metrics, and the commands that show times. The buckets are struct sp_histogram's.
 * How: a quantile lies in the bucket in which the running count passes it, at the place that
 * an even spread within the bucket gives; the error is at most the bucket's width, a fourth
 * of the value.
 * Failure modes: an empty histogram has no quantile: 0 is returned. The counts are read while
 * the kernel adds to them, so a difference of two samples never goes below 0.
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_HISTOGRAM_H
#define SPROCKET_CONTROLLER_HISTOGRAM_H

#include <stdint.h>

#include "bpf/wire.h"

uint64_t histogram_count(const struct sp_histogram *histogram);

/* The value below which `quantile` (0 to 1) of all lie, in microseconds. */
double histogram_quantile_us(const struct sp_histogram *histogram, double quantile);

/* Adds `count` values whose bucket has the upper bound `upper_us` (or the next higher one). */
void histogram_add(struct sp_histogram *histogram, uint64_t upper_us, uint64_t count);

/* What came between two samples. */
void histogram_difference(const struct sp_histogram *before, const struct sp_histogram *after,
			  struct sp_histogram *ret);

void histogram_merge(const struct sp_histogram *from, struct sp_histogram *into);

#endif
