/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.h - the end of every buffer that a gateway worker has back.
 *
 * For: the one place that gives buffers to the pool, ends references, and counts what uses
 * them.
 * How: a buffer whose payload others read (sp_owner.refs) stays, held by the worker, until the
 * last of those who read it ends; whoever ends that one gives both back. A byte beside the
 * table says that the worker has let go of it. Both look at both words, so at least one sees
 * that nobody reads any more, and exchanging the byte says who of them it is. There is no way
 * back: only who reads a payload can have another read it, too.
 * Thread-safety: a buffer is freed by the worker that holds it; the rest is atomic.
 */
#ifndef SPROCKET_GATEWAY_BUFFER_H
#define SPROCKET_GATEWAY_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

struct gateway;
struct gw_worker;

/* What a buffer is out of the pool for. */
enum gw_use {
	GW_USE_NONE,    /* it is not, or a gateway before this one gave it out */
	GW_USE_REQUEST, /* a client's request */
	GW_USE_LEASE,   /* lent to a function */
};

/* Counts the buffer for `use` from now on. For who holds it, or before the workers run. */
void gw_buffer_use(struct gw_worker *worker, uint32_t index, enum gw_use use);

/* Buffers of class `cls` that clients' requests use now; whole workers behind, at times. */
uint32_t gw_buffer_requests(const struct gateway *g, uint32_t cls);

/* The class number of a buffer. */
uint32_t gw_buffer_class(const struct gateway *g, uint32_t index);

/* With wipe_on_free: zeroes what is free after a gateway that died, before anybody takes one. */
void gw_buffers_wipe(struct gateway *g);

/* Ends a buffer that the worker holds: it goes back to the pool, now or when nobody reads its
 * payload any more. */
void gw_buffer_free(struct gw_worker *worker, uint32_t index);

#endif
