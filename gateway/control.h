/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the gateway's line to its controller.
 *
 * For: orders (an instance is lost, a function is up, drain, new tables) and reports.
 * How: struct wiring_msg, or a whole struct wiring_gateway, on the inherited SEQPACKET socket,
 * read in the loop of worker 0.
 * EOF means that the controller is gone, and the gateway with it: at once.
 * Thread-safety: reports may be sent by any worker; a message is one packet.
 */
#ifndef SPROCKET_GATEWAY_CONTROL_H
#define SPROCKET_GATEWAY_CONTROL_H

#include <stdint.h>

#include "sproxy/wiring.h"

struct gateway;
struct gw_worker;

/* Joins the control socket to the loop of a worker. */
void gw_control_join(struct gw_worker *worker);

/* Sends a report. A controller that is gone does not matter: its EOF comes next. */
void gw_control_tell(const struct gateway *g, const struct wiring_msg *msg);

/* There are requests. The controller need not hear each time: nobody waits for it. */
void gw_control_busy(struct gw_worker *worker);

#endif
