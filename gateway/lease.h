/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - buffers that functions hold in stock.
 *
 * For: a function whose request outgrows its buffer needs another at once; it holds a few,
 * and asks for more through the socket it sends on.
 * How: a refill is input: class and count are clamped. Leased buffers are marked in the
 * ownership table before they are sent, and at most a part of a class is leased out, so
 * that functions cannot starve the ingress.
 * Failure modes: no buffer to give: one grant flagged DENIED; the function fails the request.
 * Thread-safety: any worker; the counts are atomic.
 */
#ifndef SPROCKET_GATEWAY_LEASE_H
#define SPROCKET_GATEWAY_LEASE_H

#include <stdint.h>

#include "bpf/wire.h"

struct gateway;
struct gw_worker;

/* Answers a refill. */
void gw_lease_refill(struct gw_worker *worker, const struct sp_desc *d);

/* A buffer is leased from now on. */
void gw_lease_begun(struct gateway *g, uint32_t index);

/* A leased buffer, held by a worker again, goes back to the pool. */
void gw_lease_return(struct gateway *g, uint32_t index);

/* A leased buffer has become a request's: it is no lease any more. */
void gw_lease_ended(struct gateway *g, uint32_t index);

/*
 * After a gateway that died: an instance whose question it had taken, and not answered,
 * would wait for ever. Those who wait are noted before anything is read; who is then not
 * answered because his question is still in a socket gets a denial. A denial too many does
 * no harm: it is passed over.
 */
void gw_lease_find_unanswered(struct gateway *g);
void gw_lease_deny_unanswered(struct gw_worker *worker);

#endif
