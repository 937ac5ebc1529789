/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steady.h - the connections of bench-steady.
 *
 * For: steady.c, which decides when something is asked. How: see there.
 * Thread-safety: one thread. Failure modes: counted in failures[]; a failed connection is
 * opened again. Without descriptors or memory the program ends.
 */
#ifndef SPROCKET_BENCH_STEADY_H
#define SPROCKET_BENCH_STEADY_H

#include <stddef.h>
#include <stdint.h>

#define CONN_MAX 256U
#define PATH_MAX_BYTES 512U
#define ANSWER_MAX 8192U

/* How a request, or an attempt to connect, may fail. */
#define FAILURES(X)                                                                       \
	X(refused)   /* nobody listens */                                                 \
	X(connect)   /* any other error of connecting */                                  \
	X(reset)     /* the connection was reset before the answer was complete */        \
	X(cut)       /* it was closed before the answer was complete */                   \
	X(status)    /* not 200 */                                                        \
	X(body)      /* not what was sent */                                              \
	X(malformed) /* no answer of HTTP/1.1 with its length, or more than the answer */ \
	X(timeout)   /* no answer for TIMEOUT_NS */                                       \
	X(unsent)    /* due, and no connection was idle until the end */

enum failure {
#define X(name) FAILURE_##name,
	FAILURES(X)
#undef X
		FAILURE_COUNT
};

enum conn_state { CONN_DOWN, CONN_CONNECTING, CONN_IDLE, CONN_ASKED };

struct conn {
	enum conn_state state;
	int fd;
	uint64_t number; /* of its request */
	uint64_t at;     /* of its state, ns */
	size_t len;
	char data[ANSWER_MAX + 1];
	struct conn *next; /* idle ones, the longest idle first: none is left to time out */
};

struct steady {
	uint16_t port;
	const char *path;
	unsigned conns, rate, seconds;
	int epoll;
	uint64_t start, end, now;
	uint64_t sent, answered, reopened, last_answer, gap;
	uint64_t failures[FAILURE_COUNT];
	uint32_t *latency_us;
	struct conn *idle, **idle_last;
	struct conn *conn;
};

extern const char *const steady_failures[FAILURE_COUNT];

/* When a request is due. */
static inline uint64_t steady_due(const struct steady *s, uint64_t number)
{
	return s->start + number * 1000000000U / s->rate;
}

/* One that is down. */
void conn_open(struct steady *s, struct conn *c);
/* Counts it, and opens the connection again. */
void conn_failed(struct steady *s, struct conn *c, enum failure failure);
/* Asks by the connection that has been idle longest: there must be one. */
void conn_ask(struct steady *s);
/* What epoll told about it. */
void conn_event(struct steady *s, struct conn *c, uint32_t events);

#endif
