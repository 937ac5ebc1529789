/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - instances that come and go, and the requests that this concerns.
 *
 * For: a request whose function has no instance waits for one; a request whose instance
 * died is answered; no buffer is lost with either.
 * How: the kernel program sends an undeliverable descriptor home; it is held in a queue of
 * its function until the controller says that there is an instance, at most until its
 * deadline. Of an instance that is gone, the ownership table names every buffer it held.
 * Thread-safety: each worker looks after the buffers whose home it is; the last one to be
 * done reports to the controller.
 */
#ifndef SPROCKET_GATEWAY_INSTANCE_H
#define SPROCKET_GATEWAY_INSTANCE_H

#include <stdint.h>

#include "bpf/wire.h"

struct gateway;
struct gw_worker;
struct wiring_msg;

/* Keeps an undeliverable request until its function has an instance. */
void gw_instance_hold(struct gw_worker *worker, const struct sp_desc *d);

/* Function `fn` has an instance again: sends what waits for it. */
void gw_instance_up(struct gw_worker *worker, uint32_t fn);

/* Instance `slot` is gone: takes back what it held of this worker's buffers. */
void gw_instance_lost(struct gw_worker *worker, uint32_t slot);

/* Tells every worker. For the thread that reads the control socket. */
void gw_instance_announce_up(struct gateway *g, uint32_t fn);
void gw_instance_announce_lost(struct gateway *g, const struct wiring_msg *lost);

#endif
