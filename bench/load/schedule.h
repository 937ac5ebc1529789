/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.h - when requests are due, all of it known before the first is sent.
 *
 * For: the open loop of sprocket-bench. A client that waits for answers before it sends the
 * next request asks less while the server stalls, and so does not see the stall ("coordinated
 * omission"); with a schedule, latency counts from when a request was due.
 * How: an array of times, from a seed; the same seed gives the same times on every machine.
 * Thread-safety: read-only once made.
 */
#ifndef SPROCKET_BENCH_SCHEDULE_H
#define SPROCKET_BENCH_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_ARRIVALS_MAX (64U << 20)
#define BENCH_ERROR_TEXT 256

struct bench_mix;

struct bench_arrival {
	uint64_t at_ns;   /* since the start */
	uint32_t request; /* of a trace: index into the mix; else BENCH_ANY_REQUEST */
};
#define BENCH_ANY_REQUEST UINT32_MAX

struct bench_schedule {
	size_t count;
	struct bench_arrival *arrivals; /* in order of time */
	uint64_t duration_ns;
};

/*
 * `spec` says how arrivals follow each other, `rate` (requests/s) how many:
 *     constant                 each 1/rate s
 *     poisson                  independent of each other
 *     gamma:CV                 gaps with that coefficient of variation (1: poisson; above: bursty)
 *     onoff:ON,OFF             ON at `rate`, then nothing for OFF; both like 200ms
 *     step:R1,R2,..            equal parts of the duration at R1, R2, ...; `rate` is not used
 *     ramp:FROM,TO             the rate grows evenly from FROM to TO
 *     spike:FACTOR,AT,FOR      `rate`, but FACTOR times that from AT on for FOR
 *     trace:FILE               see trace.h; `rate` is not used; requests are added to `mix`
 * Rates may end in k or M. onoff, step, ramp and spike are spaced evenly, so that their number is
 * the rate's integral; with /poisson or /gamma:CV behind (ramp:1k,20k/poisson) they are random.
 * Returns 0, or -EINVAL, -ENOENT, -ENOMEM, -E2BIG with what is wrong and how to mend it in
 * `error`; *ret is untouched then.
 */
int bench_schedule_make(const char *spec, double rate, uint64_t duration_ns, uint64_t seed,
			struct bench_mix *mix, struct bench_schedule *ret,
			char error[BENCH_ERROR_TEXT]);
void bench_schedule_done(struct bench_schedule *s);

/* Each `count`-th arrival beginning with `index`: what one of `count` threads sends. */
int bench_schedule_share(const struct bench_schedule *s, unsigned index, unsigned count,
			 struct bench_schedule *ret);

#endif
