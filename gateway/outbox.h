/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h - descriptors on their way out of a worker.
 *
 * For: batching by nature: what a turn of the loop produced leaves with one send for each
 * edge, at once when it is alone, together when there is load.
 * How: a row of up to SP_BATCH_MAX descriptors for each edge; home is always the worker
 * itself. A row is sent when it is full and at the end of the turn.
 * Failure modes: a refused send (the kernel program cut this worker off, or the socket is
 * gone) leaves the buffers with the worker; their requests are answered with 502.
 * Thread-safety: belongs to its worker.
 */
#ifndef SPROCKET_GATEWAY_OUTBOX_H
#define SPROCKET_GATEWAY_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"

struct gw_worker;

struct gw_outbox {
	uint64_t dirty; /* bit n: row n is not empty */
	uint32_t cancel_count;
	uint32_t counts[SP_EDGE_MAX];
	struct sp_desc rows[SP_EDGE_MAX][SP_BATCH_MAX];
	struct sp_desc cancels[SP_BATCH_MAX];
};

/* Queues buffer `index`, held by the worker, for function `fn`. */
void gw_outbox_put(struct gw_worker *worker, uint32_t fn, uint32_t index, uint32_t len,
		   uint8_t flags);

/* Makes room for `count` descriptors (at most SP_BATCH_MAX) for function `fn`: those put next
 * leave in one send. */
void gw_outbox_room(struct gw_worker *worker, uint32_t fn, uint32_t count);

/* Tells whoever holds buffer `index` at the end of the turn that nobody waits for the answer.
 * It is a service: of more than SP_BATCH_MAX in a turn the rest is not told. */
void gw_outbox_cancel(struct gw_worker *worker, uint32_t index);

/* The same at once, and of any number: by a gateway that takes over. */
void gw_outbox_cancel_now(struct gw_worker *worker, uint32_t index);

/* Sends what is queued. Returns true when requests were answered instead, so that the loop
 * must run once more before it sleeps. */
bool gw_outbox_flush(struct gw_worker *worker);

/* Sends one batch as it is. Returns 0 or -errno. */
int gw_outbox_send(struct gw_worker *worker, const struct sp_desc *descs, uint32_t count);

#endif
