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

#include <stdint.h>

#include "gateway/http.h"

struct gw_request;
struct gw_waiter;

/* Puts the handler on a path. */
void gw_admit_handler(h2o_pathconf_t *path);

/* Sends a request, whose buffer the worker holds, into the chain once more, as its client sent
 * it; `left_ns` is what remains of its time. Returns 0 or -errno: then nothing has changed. */
int gw_admit_again(struct gw_request *r, uint64_t left_ns);

/* A request that waited before the chain goes in now, or is refused. */
void gw_admit_waited(struct gw_waiter *waiter);
void gw_admit_shed(struct gw_waiter *waiter);

#endif
