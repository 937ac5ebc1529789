/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response.h - a buffer that came back becomes an HTTP response.
 *
 * For: the end of a request: the function's status, header fields and body go out, the body
 * straight from the pool.
 * How: the buffer's header is copied and checked, header fields are copied out of shared
 * memory before they are judged, because functions can write to it at any time. The buffer
 * is freed when libh2o disposes of the request, after the last byte was written.
 * Failure modes: garbage is answered with 502 and counted; the buffer is freed.
 * Thread-safety: runs in the request's worker.
 */
#ifndef SPROCKET_GATEWAY_RESPONSE_H
#define SPROCKET_GATEWAY_RESPONSE_H

#include <stdint.h>

#include "bpf/wire.h"

struct gateway;
struct gw_request;

/* Answers a request whose buffer is held by its worker again. */
void gw_response_send(struct gw_request *r, const struct sp_desc *d);

/* The function that answered: the last but one stamp, as the last is our own. 0: unknown. */
uint32_t gw_response_function(const struct gateway *g, uint32_t index);

/* Answers 204 without looking into the buffer: the function dropped the request. */
void gw_response_drop(struct gw_request *r);

#endif
