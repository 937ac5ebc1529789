/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload.h - requests that wait because there is no room for them, and those that are told so.
 *
 * For: what more requests than a chain or a function can do must not cost: memory, the time of
 * those that can be served, or that of requests which do not need the function at all.
 * How: a chain with a bound has a queue before it, of requests without a buffer; and each
 * function one of requests that the kernel program sent home because no instance may take more.
 * Both are bounded in number, and in time by the controlled delay of "Fail at Scale" (Maurer,
 * ACM Queue 13/8, 2015), which is what remains of CoDel (RFC 8289) where senders do not slow
 * down: a request waits for `target` at most once there has been a queue for `interval` on end,
 * so a standing queue does not make all of them late; else, in a burst, for `interval`.
 * Who would have to wait longer in the standing queue before the chain, by how fast it moves, is
 * told so at once: nobody waits in vain.
 * A queue moves when a turn of the loop ends, as turns are where answers come in; and for what
 * other workers and calls set free, at a tick that runs while somebody waits.
 * Thread-safety: queues belong to their worker; a chain's bound is compared with the sum of what
 * all workers count, so it may be passed by one for each other worker.
 */
#ifndef SPROCKET_GATEWAY_OVERLOAD_H
#define SPROCKET_GATEWAY_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "gateway/http.h"

struct gw_request;
struct gw_waiter;
struct gw_worker;

/* How long a queue has stood. One that was emptied by refusals stands on. */
struct gw_standing {
	uint64_t since_ns; /* when it was empty last */
	uint64_t shed_ns;  /* when somebody waited too long last */
};

struct gw_overload {
	uint64_t full; /* bit n: requests wait for room at function n */
	struct gw_standing functions[SP_FN_MAX];
	struct gw_standing chain;
	uint64_t place_ns; /* that a place in the queue before the chain takes; 0: not known */
	uint32_t counts[SP_FN_MAX];
	uint32_t waiting_count;
	uint64_t dry_ns;        /* when a request found no buffer last; 0: some came back since */
	h2o_linklist_t waiting; /* struct gw_waiter */
	h2o_timeout_t tick;
	h2o_timeout_entry_t entry;
};

/* One that waits to enter the chain; the rest of it is admit.c's. */
struct gw_waiter {
	h2o_linklist_t link; /* unlinked: it waits no more */
	struct gw_worker *worker;
	uint64_t since_ns;
	uint32_t ahead; /* that waited when it came */
};

void gw_overload_init(struct gw_worker *worker);

/* Whether a request that would enter the chain has to wait. */
bool gw_overload_full(struct gw_worker *worker);

/* Puts a request in the queue before the chain. False: that is full, too, or too slow. */
bool gw_overload_wait(struct gw_worker *worker, struct gw_waiter *waiter);

/* The request of a waiter that still waits has ended. */
void gw_overload_forget(struct gw_waiter *waiter);

/* A request that came back because function r->fn has as many as it may have: it is linked in
 * the worker's queue of the function by now. False: too many wait, and it must be ended. */
bool gw_overload_hold(struct gw_worker *worker, struct gw_request *r);

/* Ends one with a problem that says so. */
void gw_overload_shed(struct gw_worker *worker, struct gw_request *r);

/* A held request is held no more. */
void gw_overload_leave(struct gw_request *r);

/* Whether a request for the function has to wait behind others. */
static inline bool gw_overload_behind(const struct gw_overload *o, uint32_t fn)
{
	return o->full >> fn & 1;
}

/* The end of a turn: sends on what there is room for now, and ends what has waited too long.
 * Only when somebody waits. True when requests were answered, so that the loop must run once
 * more before it sleeps. */
bool gw_overload_turn(struct gw_worker *worker);

static inline bool gw_overload_idle(const struct gw_overload *o)
{
	return o->full == 0 && o->waiting_count == 0;
}

/* No buffer was there for a request. */
void gw_overload_dry(struct gw_worker *worker);

/*
 * Heads are judged before their bodies are read. Of an HTTP/1 request that is to be refused anyhow
 * (gw_strict_judge) the fields are removed that say that there is a body; from an HTTP/2 request
 * (gw_worker.refuses) its body is taken (late.h). The handler then runs at once, and asks here; what
 * follows on the connection, or the stream, is thrown away.
 */
bool gw_overload_head_refused(const h2o_req_t *req);

#endif
