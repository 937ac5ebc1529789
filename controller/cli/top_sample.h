/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_sample.h - what `sprocket top` shows: the difference of two samples of GET /v1/stats.
 *
 * How: a sample is the cumulative numbers of each chain and function; a row is what happened
 * between two samples of the same one, as rates and quantiles.
 * Failure modes: what the JSON lacks counts as 0. Counts that went back (a chain was started
 * anew) give 0, not a negative rate.
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_CLI_TOP_SAMPLE_H
#define SPROCKET_CONTROLLER_CLI_TOP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "bpf/wire.h"

#define TOP_NAME_MAX 64

/* A chain, or a function of one. */
struct top_item {
	char chain[TOP_NAME_MAX];
	char function[TOP_NAME_MAX]; /* "" for the chain */
	uint64_t requests, errors, in_flight, buffers, rss_bytes;
	uint32_t ready, desired;
	double cpu_s;
	struct sp_histogram wait; /* in queues; of a chain: of all its functions */
	struct sp_histogram run;  /* of a chain: end to end */
};

struct top_sample {
	uint64_t at_ns;
	double daemon_cpu_s;
	size_t count;
	struct top_item *items; /* a chain, then its functions */
};

/* Returns 0 and *ret, -EBADMSG when it is no statistics, or -ENOMEM. */
int top_sample_read(const json_t *stats, struct top_sample *ret);
void top_sample_done(struct top_sample *sample);

struct top_row {
	char chain[TOP_NAME_MAX];
	char function[TOP_NAME_MAX];
	double rate, errors; /* per second */
	double in_flight, buffers, rss_bytes, ready, desired;
	double cpu;                                  /* percent of one */
	double wait_p50_us, wait_p99_us, run_p99_us; /* NAN: nothing happened */
};

struct top_rows {
	double seconds; /* between the samples */
	double daemon_cpu;
	size_t chains;
	size_t count;
	struct top_row *rows;
};

/* `before` NULL: gauges only, all rates are NAN. Returns 0 and *ret, or -ENOMEM. */
int top_rows_make(const struct top_sample *before, const struct top_sample *after,
		  struct top_rows *ret);
void top_rows_done(struct top_rows *rows);

/* For scripts. NULL without memory. */
json_t *top_rows_json(const struct top_rows *rows);

/* A histogram as /v1/stats writes it. */
void top_histogram_read(const json_t *json, struct sp_histogram *ret);

#endif
