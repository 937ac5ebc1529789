/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker.h - circuit breakers, as far as the gateway takes part in them.
 *
 * For: requests that come back from a function whose gate is shut, and deadlines that pass while
 * a function has the request.
 * How: the controller judges, and shuts the gate in the kernel; what wants to pass it comes home
 * flagged undeliverable and failed, also what was held here and is sent again, and is answered at
 * once. Of deadlines the controller cannot know it is told here, as soon as it reads.
 * Thread-safety: each worker its own requests; counts are atomic.
 */
#ifndef SPROCKET_GATEWAY_BREAKER_H
#define SPROCKET_GATEWAY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"

struct gw_worker;

/* Did the descriptor find a gate shut? */
static inline bool gw_breaker_is(const struct sp_desc *d)
{
	return d->edge < SP_EDGE_MAX && d->flags & SP_DESC_UNDELIVERABLE &&
	       d->flags & SP_DESC_FAILED;
}

/* Answers its request, or ends what nobody waits for. */
void gw_breaker_refuse(struct gw_worker *worker, const struct sp_desc *d);

/* The deadline of the request in buffer `index` has passed: whoever has it is to blame. */
void gw_breaker_late(struct gw_worker *worker, uint32_t index);

#endif
