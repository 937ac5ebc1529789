/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.h - client connections.
 *
 * For: accepting them, keeping their number below the fd limit, and noticing while a request
 * is in the chain that its client has gone.
 * How: at the limit, or when accept says EMFILE, the listener is not read until a connection
 * closes (or a tenth of a second has passed, when none is open); the kernel's backlog waits.
 * libh2o stops reading a HTTP/1 connection while its request is handled, which costs two
 * epoll_ctl for each request and makes it blind; instead we go on reading, up to a bound.
 * Thread-safety: runs in the connection's worker.
 */
#ifndef SPROCKET_GATEWAY_CONN_H
#define SPROCKET_GATEWAY_CONN_H

#include <stdbool.h>

#include "gateway/http.h"

struct gw_worker;

/* Joins the listeners to the worker's loop. */
void gw_conn_listen(struct gw_worker *worker);

/* Counts a socket without a client (gateway/client.h) as a connection until it is closed. */
void gw_conn_count(struct gw_worker *worker, h2o_socket_t *sock);

/* Keeps an eye on the client of a request that has entered the chain. */
void gw_conn_watch(struct gw_worker *worker, h2o_req_t *req);

/*
 * Stops accepting. Other gateways may go on with the same listening sockets, unless this is
 * the `last`: then whoever connects is refused. A HTTP/1 connection ends with its next answer,
 * which says so. One that stays idle for GW_DRAIN_IDLE_MS is closed: its client may send at
 * that very moment, and what it sends is answered if it arrives before the end-of-file is
 * read, so that what remains is the time between one read and one close. HTTP/2 clients are
 * told twice, a second apart (RFC 9113, 6.8), so that no stream is lost that was under way.
 */
void gw_conn_drain(struct gw_worker *worker, bool last);

/* What gw_conn_drain() does to the connections there are. */
void gw_conn_wind_down(struct gw_worker *worker);

/* Closes connections that are idle now, and others with their answer. */
void gw_conn_close_soon(struct gw_worker *worker);

#endif
