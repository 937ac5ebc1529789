/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - instances that come and go, and the requests that this concerns.
 *
 * For: a request whose function has no instance waits for one; a request whose instance
 * died is answered; no buffer is lost with either.
 * How: the kernel program sends an undeliverable descriptor home; it is held in a queue of
 * its function until the controller says that there is an instance, at most until its
 * deadline. Of an instance that is gone, the ownership table names every buffer it held.
 * A message that a function made is held like a request; nobody hears of it when it is lost.
 * Parts of a join are held with the request that they follow, and sent on with it.
 * Thread-safety: each worker looks after the buffers whose home it is, the first one also
 * after those whose home is an instance: calls and stock. The last one to be done reports to
 * the controller.
 */
#ifndef SPROCKET_GATEWAY_INSTANCE_H
#define SPROCKET_GATEWAY_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"

struct gateway;
struct gw_request;
struct gw_worker;
struct wiring_msg;

/* Keeps an undeliverable request or message until its function has an instance; a part, with
 * the request that came right before it. */
void gw_instance_hold(struct gw_worker *worker, const struct sp_desc *d);

/* A request that is about to enter the chain waits behind those that are held for `fn`; or is
 * refused, as those are too many. */
void gw_instance_wait(struct gw_worker *worker, struct gw_request *r, uint32_t fn, uint32_t len);

/* The request held last is whole: no part of it follows. Sends it again when its function has
 * come up meanwhile. */
void gw_instance_joined(struct gw_worker *worker);

/* Frees the parts that are held with a request. */
void gw_instance_parts_free(struct gw_worker *worker, struct gw_request *r);

/* How many that are. */
uint32_t gw_instance_parts_count(const struct gw_worker *worker, const struct gw_request *r);

/* Sends a request that is held to its function, with its parts. */
void gw_instance_send_on(struct gw_worker *worker, struct gw_request *r);

/* Function `fn` has an instance again: sends what waits for it. */
void gw_instance_up(struct gw_worker *worker, uint32_t fn);

/* Whether a leased buffer that is on its way holds a message, which nobody waits for. */
bool gw_instance_is_message(const struct gw_worker *worker, uint32_t index);

/* Ends a message that cannot arrive: it is counted, no more. */
void gw_instance_message_lose(struct gw_worker *worker, uint32_t index);

/* Nobody is waited for any more: messages that still are held are lost. */
void gw_instance_end(struct gw_worker *worker);

/* Instance `slot` is gone: takes back what it held of this worker's buffers. */
void gw_instance_lost(struct gw_worker *worker, uint32_t slot);

/* Tells every worker. For the thread that reads the control socket. */
void gw_instance_announce_up(struct gateway *g, uint32_t fn);
void gw_instance_announce_lost(struct gateway *g, const struct wiring_msg *lost);

#endif
