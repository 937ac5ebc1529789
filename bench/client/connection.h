/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - the inside of the client: what one of its threads has.
 *
 * For: client.c (threads), outcome.c (what they came to), worker.c (what is sent when), pacing.c
 * (io_uring, sleeping, spinning), connection.c and socket.c (connections), flight.c (the account
 * of each request), verify.c (right or wrong). Nobody else.
 * How: a worker is a loop: send what is due, wait, take what came. A flight is one request from
 * when it is asked until it is answered or has failed; it ends exactly once, in flight.c.
 * Thread-safety: a worker and all it points to belong to its thread, but client_shared.
 */
#ifndef SPROCKET_BENCH_CONNECTION_H
#define SPROCKET_BENCH_CONNECTION_H

#include <liburing.h>
#include <pthread.h>

#include "bench/client/codec.h"

#define CLIENT_FLIGHTS_MAX (1U << 20)   /* connections * streams of a thread */
#define CLIENT_BUFFER_BYTES (32U << 10) /* of what comes, at once */
#define CLIENT_SMALL_BYTES 4096U        /* an idle connection's socket takes as much at once */
#define CLIENT_BUFFERS_MAX 256U
#define CLIENT_TEXT_BYTES (32U << 10)       /* path and headers of a request, filled in */
#define CLIENT_SPIN_NS UINT64_C(60000)      /* before something is due the thread does not sleep */
#define CLIENT_NAP_NS UINT64_C(50000000)    /* it never sleeps longer: looks at `stop` */
#define CLIENT_GRACE_NS UINT64_C(10000000)  /* for a server to close that said it would */
#define CLIENT_STOP_NS UINT64_C(1000000000) /* after `stop`, for what is in flight */
#define CLIENT_RETRY_NS UINT64_C(1000000)   /* from an error to the next connection; doubles */
#define CLIENT_RETRY_DOUBLINGS 9U
#define CLIENT_LATE_NS UINT64_C(1000000)
#define CLIENT_NEVER UINT64_MAX

enum client_state {
	CLIENT_DOWN,       /* no socket */
	CLIENT_CONNECTING, /* TCP's handshake */
	CLIENT_OPEN,       /* of use (with a connection for each request: also while connecting) */
	CLIENT_ENDING,     /* all answered, and the server closes: first, so TIME_WAIT is its */
	CLIENT_CLOSING,    /* shut down, but the kernel has operations on it */
};

struct client_connection;

enum client_flight_state {
	CLIENT_FREE,
	CLIENT_ASKED,
	CLIENT_GIVEN_UP, /* counted as failed; the place is free when its connection is closed */
};

struct client_asked { /* a request taken off the schedule */
	uint64_t due_ns, number;
	uint32_t request, user;
	bool measured;
};

struct client_flight {
	enum client_flight_state state;
	bool waited;
	struct client_asked asked;
	struct client_connection *connection;
	struct client_flight *older, *newer; /* all that are asked */
	struct client_flight *unsent;        /* of its connection: next whose bytes wait */
	uint64_t asked_ns, sent_ns;
	const char *body; /* that was sent */
	size_t body_len;
	char *own; /* a body of its own: filled in, or with a number */
	size_t own_room;
	uint32_t own_request; /* whose body `own` is, + 1 */
};

struct client_connection {
	enum client_state state;
	int fd;
	unsigned operations; /* that the kernel has */
	unsigned in_flight, strikes;
	bool listed, dirty, abandoned, established, answered;
	int send_error;
	size_t sending;
	uint64_t since_ns, retry_ns;
	struct bench_codec *codec;
	struct client_worker *worker;
	struct client_connection *previous, *next; /* of those with room */
	struct client_connection *next_dirty;
	struct client_flight *flights, *unsent;
	uint16_t *free; /* places in flights */
	unsigned free_count;
};

struct client_first { /* answer to a request, for BENCH_VERIFY_FIRST */
	bool known;
	uint64_t hash;
	size_t len;
};

struct client_shared {
	const struct bench_load *load;
	struct bench_progress *progress;
	unsigned worker_count;
	uint64_t start_ns;
	pthread_mutex_t gate; /* of the three below */
	pthread_cond_t moved;
	unsigned ready;                 /* threads that have connected, or cannot */
	bool open;                      /* start_ns is set */
	atomic_uint_fast64_t answer_ns; /* of the last one; before: when measuring began */
	atomic_bool failed;
	pthread_mutex_t firsts_lock;
	struct client_first *firsts;
};

struct client_cpu { /* of a thread, until now */
	uint64_t used_ns, spun_ns, delayed_ns;
};

struct client_worker {
	struct client_shared *shared;
	const struct bench_load *load;
	const struct bench_codec_ops *ops;
	unsigned index, connection_count, streams;
	pthread_t thread;
	int error; /* why it could not work at all */
	const char *error_what;

	struct io_uring ring;
	bool ring_made;
	struct io_uring_buf_ring *buffer_ring;
	char *buffers;
	unsigned buffer_count, buffers_back;

	struct client_connection *connections;
	struct client_flight *flights;
	uint16_t *places;
	struct client_connection *free_head, *free_tail, *dirty;
	struct client_flight *oldest, *newest;
	unsigned unsettled; /* connections whose time is looked at: down, connecting, ending */
	unsigned source;    /* of 127.0.0.0/8, when ports run out */
	unsigned sends;     /* small ones handed to the ring: done as soon as it is entered */
	bool close_mode, headers_only, loopback;

	struct bench_schedule share;
	struct bench_users users;
	bool has_users;
	size_t next; /* of share, or how many were asked */
	size_t closed_limit;
	uint64_t now, scan_ns, spun_ns;
	uint64_t from_ns, to_ns, give_up_ns; /* measured; the end */
	uint64_t freed_ns;                   /* when a connection was free again */
	bool exhausted, running;
	struct client_cpu cpu_from, cpu_to; /* of what is measured */

	struct client_first *firsts;
	struct bench_outcome out;
	uint64_t begun; /* closed loop: requests that are measured */
	uint64_t batch_answers, sent, answered, failed, late, slowest_ns, published_ns;
	char text[CLIENT_TEXT_BYTES];
};

/* pacing.c */
uint64_t client_clock(void);
int client_ring_open(struct client_worker *w);
void client_ring_close(struct client_worker *w);
/* A place in the ring; submits when it is full. */
struct io_uring_sqe *client_sqe(struct client_worker *w);
/* Submits; returns when something came, or at `until_ns` to the microsecond. */
void client_wait(struct client_worker *w, uint64_t until_ns);
/* Takes what came. */
void client_reap(struct client_worker *w);

/* socket.c */
/* Begins to connect a new socket, fd. Returns 0 or -errno; to be closed in any case. */
int client_socket_connect(struct client_connection *c);
void client_socket_close(struct client_connection *c);
enum bench_error client_error_class(const struct client_connection *c, int error);

/* connection.c */
/* Returns 0, or the class of what is wrong with connecting, as -1 - class. */
int client_connection_open(struct client_connection *c);
/* What is in flight on it has failed so; it is closed and opened again, a little later. */
void client_connection_fail(struct client_connection *c, enum bench_error error);
void client_connection_event(struct client_connection *c, unsigned operation, int result,
			     unsigned flags);
/* Hands to the kernel what their codecs have to say. */
void client_connections_flush(struct client_worker *w);
/* Opens those that are to be opened again, gives up those that take too long. */
void client_connections_scan(struct client_worker *w);
/* Put it where it can be asked when it has room; take it away. */
void client_connection_offer(struct client_connection *c);
void client_connection_withdraw(struct client_connection *c);
void client_connection_dirty(struct client_connection *c);
/* After something was answered or given up: is it of further use? */
void client_connection_settle(struct client_connection *c);
/* At the end of the run: closes all, waiting for the kernel to let go. */
void client_connections_close(struct client_worker *w);

/* flight.c */
extern const struct bench_codec_events client_events;
/* Asks what is due next on the connection that has been free longest: there must be both. */
void client_flight_begin(struct client_worker *w);
void client_flight_fail(struct client_flight *f, enum bench_error error);
/* The request that is due next fails without having been asked. */
void client_flight_skip(struct client_worker *w, enum bench_error error);
void client_flights_sent(struct client_connection *c, uint64_t now);
void client_flights_expire(struct client_worker *w);
/* Places of those that were given up, when their connection is closed. */
void client_flights_release(struct client_connection *c);

/* worker.c */
void *client_work(void *worker);
/* When the next request is due; CLIENT_NEVER: there is none. */
uint64_t client_due(const struct client_worker *w);
/* Takes it off the schedule. */
void client_take(struct client_worker *w, struct client_asked *ret);

/* outcome.c */
int client_outcome_init(struct bench_outcome *o, uint32_t request_count);
/* Adds what another thread came to. */
int client_outcome_merge(struct bench_outcome *to, const struct bench_outcome *from);
/* Says in `invalid` why the figures must not be used, if so. */
void client_outcome_judge(struct bench_outcome *o, const struct client_worker *workers,
			  unsigned count);

/* verify.c */
/* True, or *ret_error. */
bool client_right(struct client_worker *w, const struct client_flight *f,
		  const struct bench_answer *answer, enum bench_error *ret_error);
/* The hops of a server-timing field, into hops[]. */
void client_hops_add(struct bench_outcome *out, const char *timing, size_t len);
struct bench_hop *client_hop(struct bench_outcome *out, const char *name, size_t len,
			     uint32_t likely);

#endif
