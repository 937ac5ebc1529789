/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the command line of sprocket-bench, read once.
 *
 * For: its commands.
 * How: one table (options_table.c) holds each option with its form, its help and the commands it
 * belongs to; the help text and what is refused come from it.
 * Thread-safety: read-only once parsed. Failure modes: what is wrong, the value and the form
 * that is expected go to stderr.
 */
#ifndef SPROCKET_BENCH_OPTIONS_H
#define SPROCKET_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "bench/client/client.h"
#include "bench/command/slo.h"
#include "bench/load/mix.h"

#define BENCH_TARGETS_MAX 32U
#define BENCH_METRICS_MAX 10U
#define BENCH_STEPS_MAX 200U
#define BENCH_ROUNDS_MAX 1000U

/* Exit codes. */
enum {
	BENCH_GOOD = 0,
	BENCH_BAD = 1, /* wrong answers, a rate not kept up with, an SLO missed, or a result that
			  must not be used */
	BENCH_USAGE = 2,
	BENCH_UNMEASURED = 3,
	BENCH_INTERRUPTED = 130,
};

/* What belongs to which command; bits. */
enum bench_command {
	BENCH_RUN = 1,
	BENCH_SWEEP = 2,
	BENCH_COMPARE = 4,
	BENCH_REPORT = 8,
	BENCH_TARGETS = 16,
};

/* What `compare` compares: name, key in a run's "latency" (NULL: elsewhere), what JSON calls it. */
#define BENCH_METRICS(X)                             \
	X(RATE, "rate", NULL, "rate")                \
	X(CPU, "cpu", NULL, "cpu_us")                \
	X(MEAN, "mean", "mean_us", "mean_us")        \
	X(P50, "p50", "p50_us", "p50_us")            \
	X(P75, "p75", "p75_us", "p75_us")            \
	X(P90, "p90", "p90_us", "p90_us")            \
	X(P99, "p99", "p99_us", "p99_us")            \
	X(P999, "p99.9", "p99.9_us", "p99.9_us")     \
	X(P9999, "p99.99", "p99.99_us", "p99.99_us") \
	X(MAX, "max", "max_us", "max_us")

enum bench_metric {
#define X(id, name, key, json) BENCH_METRIC_##id,
	BENCH_METRICS(X)
#undef X
};

struct bench_options {
	enum bench_command command;
	const char *names[BENCH_TARGETS_MAX]; /* targets; files of `report` */
	unsigned name_count;

	double rate; /* 0: not given */
	bool closed;
	const char *arrivals; /* NULL: not given */
	double rate_from, rate_to;
	unsigned rate_count;       /* of `sweep` */
	size_t body_from, body_to; /* likewise, by the size of the body */
	unsigned body_count;
	uint64_t duration_ns, warmup_ns, timeout_ns, idle_ns, seed;
	unsigned connections, streams, page, workers, rounds;
	enum bench_protocol protocol;
	bool protocol_given;

	const char *method, *path, *mix, *body_file;
	size_t body_len;
	bool body_given, verify_given;
	enum bench_verify verify;
	struct bench_header headers[BENCH_HEADERS_MAX]; /* in memory of their own */
	unsigned header_count;

	int server_cpus[BENCH_THREADS_MAX], client_cpus[BENCH_THREADS_MAX];
	unsigned server_cpu_count, client_cpu_count;
	bool trace, count;
	pid_t pid;
	const char *sprocket_args;

	struct bench_slo slos[BENCH_SLOS_MAX];
	unsigned slo_count;
	enum bench_metric metrics[BENCH_METRICS_MAX];
	unsigned metric_count;

	const char *json, *csv, *hgrm, *out;
	bool quiet, progress;

	int argc;
	char **argv; /* the command line as it was given, for the record */
};

/* One option. `take` returns 0, or -errno: then `form` tells what is expected. */
struct bench_option {
	const char *name, *value; /* "rate", "R"; value NULL: none follows */
	const char *form, *help;
	unsigned commands;
	int (*take)(struct bench_options *o, const char *value);
};
extern const struct bench_option bench_option_table[];
extern const size_t bench_option_count;

/* Returns 0, -1 when help was asked for and printed, or BENCH_USAGE. */
int bench_options_parse(int argc, char **argv, struct bench_options *ret);
void bench_options_done(struct bench_options *o);

/* All commands, as `sprocket-bench --help` shows them. */
void bench_options_usage(FILE *to);

#endif
