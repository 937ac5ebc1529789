/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - buffers that functions hold in stock.
 *
 * For: a function whose request outgrows its buffer, or who makes a call or a message, needs
 * another at once; it holds a few, and asks for more through the socket it sends on.
 * How: a refill is input: class and count are clamped. Leased buffers are marked in the
 * ownership table before they are sent. Functions cannot starve the ingress, nor it them: of
 * each class at most 1/4 is leased out. When functions make messages of their own, that is
 * all but 1/4, and requests get all but 1/2: a request that is in can then be finished.
 * Who cannot be given anything waits, one behind the other for each class of a worker. Once
 * somebody waits, whoever gives a buffer to the pool tells the workers with a queue, and
 * flushes its cache; and whoever begins to wait has the others flush theirs. The order on both
 * sides: say so, then look.
 * Failure modes: no buffer of that class exists, or all is drained: one grant flagged DENIED.
 * Thread-safety: a queue is its worker's; the counts are atomic.
 */
#ifndef SPROCKET_GATEWAY_LEASE_H
#define SPROCKET_GATEWAY_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "shm/layout.h"

struct gateway;
struct gw_worker;

/* The instances that wait for buffers of one class. */
struct gw_lease_row {
	uint8_t first; /* instance slot; 0: nobody */
	uint8_t last;
	struct {
		uint8_t want; /* buffers; 0: it does not wait */
		uint8_t next; /* slot behind it; 0: it is the last */
	} slots[SP_INST_MAX];
};

/* An instance may wait for several classes at once. All zero: nobody waits. */
struct gw_lease_queue {
	uint32_t count;
	struct gw_lease_row rows[SHM_CLASS_MAX];
};

/* Answers a refill, now or when there is something to give. */
void gw_lease_refill(struct gw_worker *worker, const struct sp_desc *d);

/* Answers who waits: with what there is, or, when all is drained, with a denial. */
void gw_lease_serve(struct gw_worker *worker);

/* A buffer has come back to the pool. */
void gw_lease_freed(struct gw_worker *worker);

/* Gives what the worker's caches hold to all, as somebody waits. */
void gw_lease_flush(struct gw_worker *worker);

/* Instance `slot` is gone: it waits for nothing. */
void gw_lease_forget(struct gw_worker *worker, uint32_t slot);

/* True when a client's request may take one more buffer of class `cls`. */
bool gw_lease_spares(const struct gw_worker *worker, uint32_t cls);

/* A buffer is leased from now on. For who holds it, or before the workers run. */
void gw_lease_begun(struct gw_worker *worker, uint32_t index);

/* A leased buffer, held by the worker again, goes back to the pool. */
void gw_lease_return(struct gw_worker *worker, uint32_t index);

/*
 * After a gateway that died: an instance whose question it had taken, and not answered,
 * would wait for ever. Those who wait are noted before anything is read; who is then not
 * answered because his question is still in a socket gets a denial. A denial too many does
 * no harm: it is passed over.
 */
void gw_lease_find_unanswered(struct gateway *g);
void gw_lease_deny_unanswered(struct gw_worker *worker);

#endif
