/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slo.h - what a run is held to: `p99<2ms`, `errors<0.1%`, `rate>50k`.
 *
 * For: `--slo`, and with it the exit code.
 * How: QUANTITY OPERATOR LIMIT. Quantities: pNN (latency from when a request was due; p50,
 * p99.9, any), mean, max: below a duration; errors: below a share in %; rate: above requests/s.
 * Operators: < <= for the first ones, > >= for the rate.
 * A percentile that so few answers do not tell (bench_histogram_allows) is not met.
 * Thread-safety: functions of their arguments.
 */
#ifndef SPROCKET_BENCH_SLO_H
#define SPROCKET_BENCH_SLO_H

#include <stdbool.h>

#include <jansson.h>

#define BENCH_SLOS_MAX 16U

enum bench_slo_kind {
	BENCH_SLO_QUANTILE,
	BENCH_SLO_MEAN,
	BENCH_SLO_MAX,
	BENCH_SLO_ERRORS,
	BENCH_SLO_RATE
};

struct bench_slo {
	const char *text; /* as it was given */
	enum bench_slo_kind kind;
	double quantile; /* 0..1 */
	double limit;    /* ns, share, requests/s */
	bool inclusive;  /* <= or >= */
};

/* `text` must outlive it. Returns 0 or -EINVAL. */
int bench_slo_parse(const char *text, struct bench_slo *ret);

/* {"text", "met", "value_us" | "value", "why" (of one that cannot be judged)} of a run of
 * result.h. The caller owns it; NULL without memory. */
json_t *bench_slo_judge(const struct bench_slo *slo, const json_t *run);

#endif
