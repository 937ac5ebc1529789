/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linger.h - lets a refused upload run out, so that its client can read why.
 *
 * For: a body over the limit, or a malformed request, is answered before all has arrived. Closing
 * a TCP connection with bytes unread sends a reset, and a reset discards the answer on the client's
 * side.
 * How: a second fd keeps the connection open when libh2o closes its own; what comes in is
 * discarded in the kernel, and the answer's end told, until the client stops, or a second or a
 * bound has passed. Which one goes with a client stands in its struct: the on_close data of a
 * client's socket is that struct for as long as the socket is open, for all who look.
 * Thread-safety: runs in the connection's worker.
 */
#ifndef SPROCKET_GATEWAY_LINGER_H
#define SPROCKET_GATEWAY_LINGER_H

#include "gateway/http.h"

struct gw_worker;
struct lingering;

/* `sock` is a client's (client.h). Of one that lingers already, and without memory or fds, nothing
 * changes: the connection closes as it would have. */
void gw_linger_start(struct gw_worker *worker, h2o_socket_t *sock);

/* The same, when libh2o writes its last bytes in this turn of the loop: the client sees the end of
 * the connection behind them at once. */
void gw_linger_last(struct gw_worker *worker, h2o_socket_t *sock);

/* libh2o has sent the answer and closes its own fd: the client must hear that nothing follows. */
void gw_linger_closed(struct lingering *lingering);

#endif
