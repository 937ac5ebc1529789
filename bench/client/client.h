/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - puts a load on an HTTP server and tells what came of it.
 *
 * For: `sprocket-bench run`, and everything built on it.
 * How: one thread for each CPU given, each with an io_uring, connections and a share of the
 * schedule of its own. Open loop: a request is sent when it is due, on a connection (stream) that
 * is free; when none is, it waits, and that is part of its latency. Up to 60 µs before the next
 * one is due the thread sleeps in the kernel, then it spins: a timer alone is 24 to 500 µs late.
 * Closed loop: each connection (stream) asks again as soon as it was answered.
 * Three times are kept of each answer: latency (from when it was due), service (from when its
 * first byte was handed to the kernel), lag (from due until then, of those that were not kept
 * waiting for a free connection: the client's own fault).
 * Thread-safety: one bench_client_run at a time. Failure modes: -errno with `error`; a server that
 * misbehaves is no failure of the client: it is counted in errors[].
 */
#ifndef SPROCKET_BENCH_CLIENT_H
#define SPROCKET_BENCH_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bench/load/mix.h"
#include "bench/load/schedule.h"
#include "bench/numbers/histogram.h"

#define BENCH_CONNECTIONS_MAX 65536U
#define BENCH_STREAMS_MAX 1024U
#define BENCH_THREADS_MAX 64U
#define BENCH_ANSWER_MAX (64U << 20)

enum bench_protocol {
	BENCH_HTTP1,       /* keep-alive */
	BENCH_HTTP1_CLOSE, /* `connection: close`, a connection for each request */
	BENCH_H2C,         /* prior knowledge */
};

/* How a request may fail. A failed request is in no histogram. */
#define BENCH_ERRORS(X)                                                                   \
	X(refused)   /* connecting: nobody listens */                                     \
	X(connect)   /* connecting: any other error */                                    \
	X(reset)     /* the connection or stream was reset before the answer was whole */ \
	X(cut)       /* it was closed before the answer was whole */                      \
	X(malformed) /* the answer is no HTTP, or more came than was asked for */         \
	X(status)    /* not the status that was expected */                               \
	X(shed)      /* 429 or 503: the server says that it has too much to do */         \
	X(length)    /* not as long as expected */                                        \
	X(body)      /* as long, but not the bytes expected */                            \
	X(timeout)   /* no answer in time; its connection is given up */                  \
	X(unsent)    /* due, but no connection was free until the end */

enum bench_error {
#define X(name) BENCH_ERROR_##name,
	BENCH_ERRORS(X)
#undef X
		BENCH_ERROR_COUNT
};
extern const char *const bench_error_names[BENCH_ERROR_COUNT];

struct bench_load {
	struct sockaddr_storage address;
	socklen_t address_len;
	const char *host; /* of requests that name none; "127.0.0.1:8080" */
	enum bench_protocol protocol;
	unsigned connections; /* in all threads together */
	unsigned streams;     /* of one h2c connection; else 1 */
	const struct bench_mix *mix;
	const struct bench_schedule *schedule; /* NULL: closed loop */
	uint64_t warmup_ns;   /* closed: before measuring; open: the schedule's first part, whose
				 answers are not counted */
	uint64_t duration_ns; /* of what is measured */
	uint64_t timeout_ns;  /* of one request, from when it was sent */
	uint64_t requests;    /* closed: end after so many; 0: by time alone */
	uint64_t seed;
	unsigned users; /* 0: several for each connection and stream (client.c) */
	unsigned thread_count;
	int cpus[BENCH_THREADS_MAX]; /* -1: not pinned */
	bool shares_cpus;            /* with the servers, on purpose: they may take of its CPU */
	const atomic_bool *stop;     /* true: end early (SIGINT); NULL: never */
	bool keep_path;              /* collect the `server-timing` of answers in hops[] */
};

/* Written by the client's threads while it runs, for the progress line. */
struct bench_progress {
	atomic_uint_fast64_t sent, answered, failed, late; /* late: lag above 1 ms */
	atomic_uint_fast64_t window_max_ns;                /* slowest since it was set to 0 */
};

#define BENCH_HOPS_MAX 32U
struct bench_hop {
	char name[64]; /* of server-timing */
	struct bench_histogram ns;
};

struct bench_request_outcome { /* of one request of the mix, by its index */
	uint64_t answered, failed;
	struct bench_histogram latency;
};

struct bench_outcome {
	struct bench_histogram latency, service, lag;
	uint64_t sent, answered, errors[BENCH_ERROR_COUNT];
	uint64_t due;                 /* open loop: arrivals that were to be measured */
	uint64_t bytes_out, bytes_in; /* while it was measured, failed requests included */
	uint64_t connects;            /* of the warm-up, too */
	uint64_t strays;            /* connections on which bytes came that nobody had asked for */
	uint64_t waited;            /* open loop: no connection was free when it was due */
	uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC: first due (or sent), last answer */
	uint64_t measured_ns;
	uint64_t longest_gap_ns;                /* without an answer, while it was measured */
	uint64_t client_cpu_ns;                 /* of the client's threads, spinning included */
	uint64_t client_busy_ns;                /* without spinning */
	uint64_t client_delayed_ns;             /* they had to do, but others had their CPU */
	struct bench_request_outcome *requests; /* mix->request_count of them */
	uint32_t request_count;
	struct bench_hop hops[BENCH_HOPS_MAX];
	uint32_t hop_count;
	bool stopped; /* by `stop` */
	/* Why the figures must not be used: "" when they may. The client was the bottleneck: one
	 * of its threads had to do (busy, or delayed) for more than 95 % of the time, or lag p99
	 * was above 1 ms, or may have been hidden among requests that waited. */
	char invalid[BENCH_ERROR_TEXT];
};

/* Returns 0 and *ret (which bench_outcome_done frees), or -errno with `error`. */
int bench_client_run(const struct bench_load *load, struct bench_progress *progress,
		     struct bench_outcome *ret, char error[BENCH_ERROR_TEXT]);
void bench_outcome_done(struct bench_outcome *o);

#endif
