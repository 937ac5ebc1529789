/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit.h - an HTTP request becomes a descriptor, or is refused.
 *
 * For: the one way into the chain: path, method and size are judged, a buffer is taken, the
 * body is copied into it (the only copy), meta data are put beside it, the ingress rules
 * name the first function.
 * How: a handler of libh2o, called when the request has arrived with its body.
 * Failure modes: each refusal is a problem document; nothing is kept of a refused request.
 * Thread-safety: runs in the connection's worker.
 */
#ifndef SPROCKET_GATEWAY_ADMIT_H
#define SPROCKET_GATEWAY_ADMIT_H

#include "gateway/http.h"

/* Puts the handler on a path. */
void gw_admit_handler(h2o_pathconf_t *path);

#endif
