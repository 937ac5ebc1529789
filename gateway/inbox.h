/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbox.h - descriptors that come back to a worker.
 *
 * For: taking batches from the receive socket and telling apart what they are: answers,
 * buffers given back, leases asked for, requests that found no instance.
 * How: a descriptor counts only if the ownership table says that this worker holds the
 * buffer in that generation; anything else is a leftover and ignored.
 * Thread-safety: belongs to its worker.
 */
#ifndef SPROCKET_GATEWAY_INBOX_H
#define SPROCKET_GATEWAY_INBOX_H

struct gw_worker;

/* Handles what has arrived; the loop calls again when there is more. */
void gw_inbox_take(struct gw_worker *worker);

/* Handles everything that has arrived until now. */
void gw_inbox_drain(struct gw_worker *worker);

#endif
