/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - what is measured: a server that runs already, or one that is started for it.
 *
 * For: the commands of sprocket-bench.
 * How: a name stands for a command (target_names.c):
 *     http://HOST:PORT[/PATH]  a server that runs already
 *     chain-N, fan-K, fan-calls-K, hello, boutique, motion, parking, social, big
 *                              examples, by `sprocket run`
 *     bare, ring-N, poll-N, seqpacket-N, copy-N, http-N, sidecar-N, grpc-N
 *                              baselines with N functions (bench/baselines/README.md)
 *     FOLDER or FILE.yaml      a chain of one's own, by `sprocket run`
 * A started server prints a line `ready URL`, ends by SIGINT with status 0 or 130, and must leave
 * no process behind: who measures something that does not stop cleanly is told so.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_BENCH_TARGET_H
#define SPROCKET_BENCH_TARGET_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "bench/client/client.h"
#include "bench/load/mix.h"
#include "bench/load/schedule.h"

#define BENCH_TARGET_ARGS_MAX 64U
#define BENCH_PIDS_MAX 1024U

struct bench_target_options {
	int cpus[BENCH_THREADS_MAX]; /* where its processes may run */
	unsigned cpu_count;          /* 0: anywhere */
	const char *sprocket_args;   /* more for `sprocket run`, separated by blanks; NULL: none */
	bool trace;      /* a chain answers with server-timing (`sprocket run --trace`) */
	pid_t pid;       /* of a server that runs already, to account for it; 0: none */
	size_t body_len; /* of what will be asked: chain-N and baselines make room for it */
	unsigned start_timeout_s, stop_timeout_s; /* 0: 20, 15 */
};

struct bench_target {
	char name[128], url[256], host[128], path[BENCH_PATH_MAX];
	struct sockaddr_storage address;
	socklen_t address_len;
	pid_t pid;      /* its first process; 0: not known */
	bool started;   /* by us: it is also stopped by us */
	int messages;   /* a file with its stderr; -1 */
	char mark[64];  /* in the environment of all its processes */
	double ready_s; /* from fork to `ready` */
	unsigned stop_timeout_s;
};

/* Returns 0 and *ret, or -errno with `error` (what it said last, and what to do). */
int bench_target_start(const char *name, const struct bench_target_options *options,
		       struct bench_target *ret, char error[BENCH_ERROR_TEXT]);

/* Returns 0, or -errno with `error` when it ended by itself, does not end, or leaves processes. In
 * any case nothing of it runs afterwards. */
int bench_target_stop(struct bench_target *t, char error[BENCH_ERROR_TEXT]);

/* What is asked of it when the command line does not say: adds the workload's requests to `mix`
 * (the shop's mix, a picture for parking, a body of `body_len` bytes to be echoed for chain-N and
 * the baselines, what the example fixes for others; a GET / for a URL without body).
 * *ret_protocol is changed where only one works (grpc-N: h2c). */
int bench_target_mix(const struct bench_target *t, size_t body_len, struct bench_mix *mix,
		     enum bench_protocol *ret_protocol, char error[BENCH_ERROR_TEXT]);

/* True for a name that target_names.c knows. A line of help for each: bench_target_help(). */
bool bench_target_known(const char *name);
const char *bench_target_help(void);

#endif
