/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - the private state of a request while its buffer is on its way.
 *
 * For: knowing, when a descriptor comes back, whose answer it is; and when a client goes
 * away or a deadline passes, which buffer is still out.
 * How: one struct for each buffer, made at start, found by buffer index. A function may move
 * a request to another buffer: then the two structs change places. The client's side is tied
 * to it by an object in the HTTP request's memory, whose disposal tells that the HTTP
 * request has ended, however it did.
 * Thread-safety: a request belongs to the worker that is home of its buffer. A struct passes
 * between workers with its buffer: `state` is stored with release when a buffer is freed and
 * loaded with acquire when it is taken.
 */
#ifndef SPROCKET_GATEWAY_REQUEST_H
#define SPROCKET_GATEWAY_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/gateway.h"
#include "gateway/http.h"
#include "gateway/problem.h"
#include "gateway/trace_context.h"

enum gw_state {
	GW_FREE,      /* no request: the buffer is in the pool, or kept for who reads it */
	GW_LEASED,    /* no request of a client: a function has the buffer in stock, or made a
		       * call or a message of it; or a message is back here and held */
	GW_IN_CHAIN,  /* handed to the chain; the client waits */
	GW_HELD,      /* back here, as its function has no instance; the client waits */
	GW_ANSWERING, /* the answer is being written out of the buffer, which is ours */
	GW_ORPHAN,    /* the client has gone or was answered; the buffer is in the chain */
};

struct gw_tie {
	struct gw_request *request; /* NULL: the request has let go of the client */
};

struct gw_request {
	uint32_t state;   /* enum gw_state */
	uint32_t buf;     /* buffer index */
	uint32_t len;     /* payload bytes; while held */
	uint8_t flags;    /* of the descriptor; while held */
	uint8_t fn;       /* function it waits for; while held */
	bool retried;     /* sent again since the function last came up */
	bool head;        /* the answer has no body */
	bool waits;       /* held as its function has no room, and counted as such */
	uint8_t deaths;   /* of instances that had it */
	uint64_t room_ns; /* since when it waits for room; 0: it has not had to */
	/* Where its bytes were, and how many, when they could be read; NULL: its own memory. */
	char *input;
	size_t input_size;
	/* Buffers that go with it to a join, as 1 + index; while held. */
	uint32_t parts;
	uint32_t parts_last;
	uint32_t parts_next; /* of a part: the one after it */
	struct gw_worker *worker;
	h2o_req_t *req;              /* NULL without a client */
	struct gw_tie *tie;          /* NULL without a client */
	struct gw_client *cancelled; /* who cancelled it, and it runs on; or NULL */
	struct gw_trace trace;
	h2o_timeout_entry_t deadline; /* while it is answered: for the client to take it; of a
				       * held message: for its function to come up */
	h2o_linklist_t held;          /* in the worker's queue of the function */
};

/* Makes the structs of all buffers. Returns 0 or -ENOMEM. */
int gw_requests_new(struct gateway *g);
void gw_requests_free(struct gateway *g);

/* After a gateway that died: what instances hold is leased, or has a request whose client
 * is gone. It may be otherwise by the time it comes back, as they go on; in both states it
 * is then freed, whatever it comes back as. Before the workers run. */
void gw_requests_take_over(struct gateway *g);

/* Ties an HTTP request to buffer `index`, which the worker has taken from the pool, and
 * starts its deadline. */
struct gw_request *gw_request_start(struct gw_worker *worker, h2o_req_t *req, uint32_t index,
				    const struct gw_trace *trace);

/* The state of a request that another worker may have had before: acquire. */
static inline uint32_t gw_request_state(const struct gw_request *r)
{
	return __atomic_load_n(&r->state, __ATOMIC_ACQUIRE);
}

/* Changes the state; keeps the worker's counts. */
void gw_request_set_state(struct gw_request *r, enum gw_state state);

/* The answer is there and about to be sent out of the buffer: ends the deadline, and bounds
 * the time that the client has to take the answer. */
void gw_request_answering(struct gw_request *r);

/* Answers the client with a problem and lets go of it. The buffer is still as it was: free
 * it, or make it an orphan. */
void gw_request_refuse(struct gw_request *r, const struct gw_problem *problem);

/* Gives the buffer, which must be held by the worker, back to the pool, and what it held to
 * go with it. */
void gw_request_free(struct gw_request *r);

/* Its descriptor could not be sent. Also for messages and parts. */
void gw_request_unsent(struct gw_worker *worker, struct gw_request *r);

/* The request, which the worker holds, goes on in buffer `to`, which it has taken from the pool;
 * the one before is given back. */
void gw_request_replace(struct gw_request *r, uint32_t to);

/* The request in buffer `from` now lives in buffer `to`; `from` is given back. */
void gw_request_move(struct gw_worker *worker, uint32_t from, uint32_t to);

#endif
