/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept.h - clients of the front: accepted, counted, and, under TLS, known by name.
 *
 * How: as in gateway/conn.h a worker at its limit, or out of fds, reads no listener until a
 * connection closes. Each connection keeps the context its handshake began with.
 * Thread-safety: runs in the connection's worker.
 */
#ifndef SPROCKET_GATEWAY_FRONT_ACCEPT_H
#define SPROCKET_GATEWAY_FRONT_ACCEPT_H

#include "gateway/front/front.h"

/* Joins the listeners that can serve now: TLS needs a certificate. */
void front_accept_start(struct front_worker *worker);

/* Stops accepting, and closes connections as they become idle. */
void front_accept_drain(struct front_worker *worker);

/* Has a context tell us of clients' certificates. */
void front_accept_watch(SSL_CTX *tls);

/* The subject of the client's certificate, or NULL. */
const char *front_accept_subject(h2o_req_t *req);

#endif
