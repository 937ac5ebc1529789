/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - a request's way through the front: to its chain's gateway, and back.
 *
 * How: the whole request goes out on a kept connection; the answer is passed on as it comes,
 * at the pace its client takes it.
 * A kept connection may end just when it is used. On a Unix socket the kernel tells what has
 * become of the request: EPIPE or ECONNRESET mean that the gateway closed without having read
 * all of it, so that it cannot have acted on it, and any request is sent again on a fresh
 * connection. After a plain end-of-file only a method that may be repeated (RFC 9110, 9.2.2)
 * is. Once a byte of the answer is there nothing is.
 * Failure modes: problem documents: 404 no chain, 503 its gateway cannot be reached, 502 it
 * ended before it answered, 504 it does not answer. An answer cut off within its body ends its
 * client's connection or stream.
 * Thread-safety: runs in the connection's worker.
 */
#ifndef SPROCKET_GATEWAY_FRONT_RELAY_H
#define SPROCKET_GATEWAY_FRONT_RELAY_H

#include "gateway/front/front.h"

/* Makes a path's requests be relayed. */
void front_relay_handler(h2o_pathconf_t *path);

#endif
