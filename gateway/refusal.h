/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.h - HTTP/1 heads that were refused, on their way to an answer.
 *
 * For: strict.c makes marks, the handlers of gateway and front answer them: a problem document that
 * names the fault, and the connection's end.
 * How: a mark is an address of our own in place of the method's text; bytes of a client are never
 * at it.
 * Thread-safety: touches its request only.
 */
#ifndef SPROCKET_GATEWAY_REFUSAL_H
#define SPROCKET_GATEWAY_REFUSAL_H

#include <stdbool.h>

#include "gateway/h1_head.h"
#include "gateway/http.h"

struct gw_worker;

/* The mark, of one byte. `head`: the request was HEAD. */
const char *gw_refusal_mark(enum gw_h1_fault fault, bool head);

/* True when the request was one, and has its answer now. */
bool gw_refusal_answer(struct gw_worker *worker, h2o_req_t *req);

#endif
