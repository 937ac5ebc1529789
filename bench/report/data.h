/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data.h - reads result documents (result.h) for `report`.
 *
 * For: the parts of `report`.
 * How: what is missing, or of another type, is NAN, "" or NULL, and is then left out or shown as
 * a dash: documents come from other versions and other programs, too.
 * Thread-safety: reads only.
 */
#ifndef SPROCKET_BENCH_REPORT_DATA_H
#define SPROCKET_BENCH_REPORT_DATA_H

#include <stdbool.h>

#include <jansson.h>

#include "bench/numbers/histogram.h"

#define BENCH_PICKS_MAX 12U

double bench_get(const json_t *from, const char *key);
const char *bench_get_text(const json_t *from, const char *key);

bool bench_document_is(const json_t *document, const char *kind);
bool bench_document_closed(const json_t *document);  /* closed loop */
bool bench_document_by_size(const json_t *document); /* a sweep over sizes of bodies */
/* "chain-6", or what is compared: "chain-6, ring-6"; of many only some. */
void bench_document_name(const json_t *document, char *to, size_t size);

bool bench_run_valid(const json_t *run);
/* Sum of all components' `key` of usage; NAN when none has it. */
double bench_run_usage(const json_t *run, const char *key);
/* Bytes of bodies per second, one way, of a sweep over sizes; NAN of others. */
double bench_run_body_rate(const json_t *run);
/* The figure called `metric` in a comparison: "rate", "p50_us", "cpu" .. */
double bench_run_metric(const json_t *run, const char *metric);
/* What tells a run from the others of its document. */
void bench_run_name(const json_t *document, const json_t *run, char *to, size_t size);
/* The run at the knee; NULL: there is none. */
const json_t *bench_knee_run(const json_t *document);

/* Runs that stand for a document where not all can be drawn: of a sweep those at the knee and at
 * half of it, of a comparison each target's with the middle p50, else the valid ones. */
struct bench_pick {
	const json_t *run;
	char name[96];
};
size_t bench_picks(const json_t *document, struct bench_pick picks[BENCH_PICKS_MAX]);
/* The same for tables: where no run is valid, invalid ones, whose names say so. */
size_t bench_picks_told(const json_t *document, struct bench_pick picks[BENCH_PICKS_MAX]);

/* Adds `key` (latency, service) of the picked run, of a comparison that of all the target's valid
 * runs, to an empty histogram. Returns 0 or -errno. */
int bench_pick_histogram(const json_t *document, const struct bench_pick *pick, const char *key,
			 struct bench_histogram *to);

#endif
