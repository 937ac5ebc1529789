/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result.h - what a run came to, as JSON: for `--json`, `report`, and other programs.
 *
 * For: the commands that measure, which write it; `report`, which reads nothing else.
 * How: one document for each command.
 *   {"sprocket_bench": 1, "kind": "run" | "sweep" | "compare", "environment": {...},
 *    "config": {"target", "url", "protocol": "http1"|"close"|"h2c", "loop": "open"|"closed",
 *               "arrivals", "rate", "duration_s", "warmup_s", "connections", "streams", "body",
 *               "seed", "timeout_s", "verify"},
 *    "runs": [run, ...],               one for run; one a rate, or a size ("bodies"), for
 *                                      sweep; one a round and target for compare, in the order in which they were done
 *    "knee": {"rate", "run", "half": run},  of sweep: the highest rate that was kept up with
 *                                      (below), its index in runs, and a run at half of it
 *    "comparison": {"baseline": NAME, "targets": [{"target", "metric": "rate"|"p50_us"|..,
 *                   "median", "ratio": {"median","low","high"}, 
 *                   "verdict": "less"|"more"|"no difference"}]},   no ratio for the baseline;
 *                   "why" instead of all these where it is not known
 *    "slo": [{"text", "met": true, "value_us"}],   errors and rate: "value"; or "why" it cannot
 *                   be told
 *    "valid": true, "invalid": ""}
 *   run = {"target", "round", "rate": asked for (open), "achieved": answers/s until the last
 *          one, "kept_up" (open), "protocol", "valid", "invalid",
 *          "due", "sent", "answered", "waited", "connects": of the warm-up, too,
 *          "bytes_in", "bytes_out": while it was measured,
 *          "strays": connections on which bytes came that nobody had asked for,
 *          "measured_s", "taken_s": until the last answer,
 *          "errors": {name: count, only those > 0}, "error_count",
 *          "longest_gap_us", "client": {"cpu_us": per request, "busy": 0..1,
 *          "delayed": 0..1, others had its CPU},
 *          "latency": histogram, "service": histogram, "lag": histogram,   (histogram.h)
 *          "requests": [{"method", "path", "answered", "failed", "latency"}], more than one only
 *          "hops": [{"name", "us": histogram}],      the kernel's stamps, where traced
 *          "usage": {...},                            per request (usage.h)
 *          "counted": {"answers", "seconds", "known"},  of --count: syscalls, cycles,
 *                                      instructions and cache_misses of usage are per request of
 *                                      these, asked after all that was timed; not known: the
 *                                      machine has, or allows, no counters
 *          "idle": {"seconds", "cpu_percent", "usage"},  of --idle, before the load: of a core;
 *                                      usage: in all of the time, with "cpu_percent"
 *          "body"}                                    of a sweep by --bodies
 * A rate was kept up with when at least 99 % of what was due was answered rightly, and not more
 * than 1 % of it waited for a free connection at the end of the run: its answers came later.
 * Thread-safety: none shared.
 */
#ifndef SPROCKET_BENCH_RESULT_H
#define SPROCKET_BENCH_RESULT_H

#include <jansson.h>

#include "bench/client/client.h"
#include "bench/target/usage.h"

#define BENCH_RESULT_VERSION 1

/* A `run`. usage may be NULL. The caller owns what is returned; NULL without memory. */
json_t *bench_result_run(const char *target, unsigned round, double rate,
			 const struct bench_mix *mix, const struct bench_outcome *outcome,
			 const struct bench_usage *usage);

/* Table for people: what was asked, latency, errors, CPU by component. */
void bench_result_print(const json_t *document, FILE *to);
/* One line for each run, a header line first. Returns 0 or -EIO. */
int bench_result_csv(const json_t *document, FILE *to);
/* Whole or not at all (a temporary file is renamed). Returns 0 or -errno. */
int bench_result_write(const json_t *document, const char *path);
/* Returns a document of this version, or NULL with `error`. */
json_t *bench_result_read(const char *path, char error[BENCH_ERROR_TEXT]);

/* `report`: index.html, self-contained (SVG inside, no script needed), and PNGs by gnuplot in
 * `folder`, from one or several documents. Returns 0 or -errno with `error`. report.c */
int bench_report(const json_t *const *documents, unsigned count, const char *folder,
		 char error[BENCH_ERROR_TEXT]);

#endif
