/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - one thread of the gateway: its loop, its sockets, its counts.
 *
 * For: everything that happens to a request happens in one worker, on one core.
 * How: an h2o context and loop of its own; its listener (SO_REUSEPORT: the kernel spreads
 * connections), its receive socket and its mailbox are joined to that loop. Descriptors to
 * send are collected during a turn of the loop and sent at its end. Nothing is polled: an
 * idle worker sleeps in epoll_wait without a timeout.
 * Thread-safety: a worker belongs to its thread; others only post to its mailbox and read
 * its counts.
 */
#ifndef SPROCKET_GATEWAY_WORKER_H
#define SPROCKET_GATEWAY_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/gateway.h"
#include "gateway/lease.h"
#include "gateway/outbox.h"
#include "gateway/overload.h"
#include "gateway/trace_context.h"

#define GW_LISTENERS 2 /* its own, and that of a shared front */

/* What other threads ask of a worker. Posted by atomic or, then the eventfd is written. */
struct gw_mailbox {
	int fd;
	uint32_t drain; /* bit n: enum wiring_drain n */
	uint32_t tables;
	uint32_t updated; /* of worker 0: the others have them */
	uint32_t finish;
	uint32_t lease;                  /* buffers came free that functions wait for */
	uint32_t flush;                  /* functions wait for buffers that its caches may hold */
	uint64_t up;                     /* bit n: function n has an instance again */
	uint64_t lost[SP_INST_MAX / 64]; /* bit n of the row: instance slot n is gone */
};

struct gw_worker {
	h2o_context_t http; /* first: the worker is found from it */
	struct gateway *gateway;
	uint32_t index;
	uint32_t slot; /* its instance slot: home of its requests */
	pthread_t thread;
	int error; /* why it did not start; 0 = it did */
	int listen_fd;
	int front_fd; /* -1: no shared front */
	int send_fd;
	int receive_fd;
	h2o_evloop_t *loop;
	h2o_accept_ctx_t accept;
	h2o_socket_t *listeners[GW_LISTENERS]; /* NULL: none, or draining */
	const struct gw_tables *tables;        /* of requests from now on */
	h2o_socket_t *receiver;
	h2o_socket_t *mail;
	h2o_timeout_t deadline; /* the chain's timeout, of every request */
	h2o_timeout_t stall;    /* for a client to take its answer */
	h2o_timeout_t drain;
	h2o_timeout_entry_t drain_entry;
	h2o_timeout_t idle; /* of a gentle drain */
	h2o_timeout_entry_t idle_entry;
	h2o_timeout_entry_t resume_entry; /* accept again after EMFILE */
	h2o_socket_cb http1_read;         /* libh2o's reader of HTTP/1 requests */
	h2o_timeout_t sweep;              /* see sweep.h */
	h2o_timeout_entry_t sweep_entry;
	uint64_t swept_ms;    /* when; 0: none was due */
	bool swept;           /* in this turn of the loop */
	uint64_t cut;         /* clients cut off since the log said so */
	uint64_t cut_said_ms; /* when; 0: never */
	bool paused;          /* accepts no connection now */
	bool draining;
	bool drained; /* and has said so */
	bool stop;
	uint32_t live;          /* requests whose client waits or is being answered */
	uint64_t spin_until_ns; /* 0: it has requests, or may sleep */
	uint64_t now_ns;        /* CLOCK_MONOTONIC in this turn; 0 = not read yet */
	uint64_t number;        /* of the last request */
	uint64_t busy_ns;       /* when it last said that it has requests */
	struct gw_random random;
	h2o_linklist_t held[SP_FN_MAX]; /* requests that wait for an instance, by function */
	struct gw_request *joining;     /* undeliverable; its parts are what arrives next */
	struct gw_overload overload;
	/* Whether a request is refused before its body is read; NULL: none is. */
	bool (*refuses)(struct gw_worker *worker);
	struct gw_lease_queue asking;    /* functions that wait for leases */
	int32_t requests[SHM_CLASS_MAX]; /* atomic: buffers of requests begun less ended here */
	uint32_t part_len;               /* bytes of a descriptor whose rest has not arrived */
	struct sp_desc received[GW_RECEIVE_MAX + 1];
	struct gw_outbox outbox;
	struct gw_mailbox mailbox;
	struct wiring_stats *stats; /* written by the worker, read by anybody */
};

/* Adds to a count of the worker. It alone writes, so the sum needs no atomic add. */
#define GW_COUNT(worker, field, n)                                                        \
	__atomic_store_n(&(worker)->stats->field, (worker)->stats->field + (uint64_t)(n), \
			 __ATOMIC_RELAXED)

static inline struct gw_worker *gw_worker_of(h2o_req_t *req)
{
	return H2O_STRUCT_FROM_MEMBER(struct gw_worker, http, req->conn->ctx);
}

/* CLOCK_MONOTONIC, read once a turn. */
uint64_t gw_worker_now(struct gw_worker *worker);

/* Prepares a worker (no thread yet): its slot, fds and mailbox; `front` is the listener of a
 * shared front, or -1. Returns 0 or -errno. */
int gw_worker_init(struct gw_worker *worker, struct gateway *g, uint32_t index, const int fds[3],
		   int front);

/* Runs a worker in the calling thread until it is told to finish: joins the loop, waits for the
 * others at the barrier, and serves. `arg` is the worker. Returns NULL. */
void *gw_worker_run(void *arg);

/* Posts to a worker's mailbox, from any thread. */
void gw_worker_post_up(struct gw_worker *worker, uint32_t fn);
void gw_worker_post_lost(struct gw_worker *worker, uint32_t slot);
void gw_worker_post_drain(struct gw_worker *worker, enum wiring_drain how);
void gw_worker_post_tables(struct gw_worker *worker);
void gw_worker_post_updated(struct gw_worker *worker);
void gw_worker_post_lease(struct gw_worker *worker);
void gw_worker_post_flush(struct gw_worker *worker);
void gw_worker_post_finish(struct gw_worker *worker);

#endif
