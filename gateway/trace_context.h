/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_context.h - by which names a request is known: X-Request-Id and W3C traceparent.
 *
 * For: kept from the client where they are valid, made where they are not; every answer,
 * problem documents too, carries both.
 * How: https://www.w3.org/TR/trace-context-1/: version, trace id, parent id, flags in lower
 * case hex, ids not all zero; versions above 00 are read as 00. The chain is a new parent.
 * Random bits come from xoshiro256** seeded by getrandom(): unique, not secret.
 * Thread-safety: a struct gw_random belongs to one thread.
 */
#ifndef SPROCKET_GATEWAY_TRACE_CONTEXT_H
#define SPROCKET_GATEWAY_TRACE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/http.h"

#define GW_TRACEPARENT_LEN 55U

struct gw_worker;

struct gw_random {
	uint64_t state[4];
};

/* Seeds from the kernel. Returns 0 or -errno. */
int gw_random_init(struct gw_random *random);
uint64_t gw_random_next(struct gw_random *random);

struct gw_trace {
	h2o_iovec_t id;          /* X-Request-Id */
	h2o_iovec_t traceparent; /* as it goes on, with the new parent */
	uint8_t trace_id[16];
	uint8_t parent_id[8];
	uint8_t flags;
};

/* Reads a traceparent header. Returns true and *trace_id, *flags when it is valid. */
bool gw_traceparent_parse(const char *text, size_t len, uint8_t trace_id[16], uint8_t *flags);

/* True for an X-Request-Id that is kept: 1 to GW_ID_MAX visible ASCII characters. */
bool gw_request_id_valid(const char *text, size_t len);

/* Fills *ret from two request headers ({NULL, 0}: absent); strings live in the pool. */
void gw_trace_make(struct gw_random *random, h2o_mem_pool_t *pool, h2o_iovec_t id,
		   h2o_iovec_t traceparent, struct gw_trace *ret);

/* The same, for a request whose headers nobody has looked at yet. */
void gw_trace_of(struct gw_worker *worker, h2o_req_t *req, struct gw_trace *ret);

/* Adds both as response headers. */
void gw_trace_put(h2o_req_t *req, const struct gw_trace *trace);

#endif
