/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.h - what a request has to pass before anybody looks where it goes.
 *
 * For: the gateway and the front: a request must mean the same to both.
 * Thread-safety: touches its request only.
 */
#ifndef SPROCKET_GATEWAY_INTAKE_H
#define SPROCKET_GATEWAY_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http.h"

/* libh2o as both have it: any host and path is `handler`'s, and its own errors are problem
 * documents. */
void gw_intake_http(h2o_globalconf_t *http, void (*handler)(h2o_pathconf_t *path));

/* Raises the process's limit of open files to the most it may have, and says how many of them
 * connections may take. */
uint32_t gw_intake_fds(void);

/* RFC 9110, 7.6.1: true for fields that speak of this connection, not of the message.
 * `connection`: the value of the Connection field, which names more; {NULL, 0}: none. */
bool gw_intake_hop_by_hop(h2o_iovec_t connection, const h2o_header_t *h);

/* The Connection field so far, `connection`, and the next one of the same head, as one. */
h2o_iovec_t gw_intake_connection(h2o_mem_pool_t *pool, h2o_iovec_t connection, h2o_iovec_t next);

/* False without a Host field: libh2o then puts the name of its own configuration there. */
bool gw_intake_host_known(const h2o_req_t *req);

/* RFC 9112, 3.2.2: the absolute form, "GET http://host/path", is for servers too, and its
 * host goes before the Host field. libh2o takes it for a path. */
void gw_intake_target_resolve(h2o_req_t *req);

/* An HTTP/2 path may be empty; a decoded one may have anything in it. */
bool gw_intake_path_valid(const h2o_req_t *req);

#endif
