/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - GET /healthz and /readyz.
 *
 * For: whatever watches the gateway: /healthz is 200 while the process lives, /readyz while
 * it takes requests and every function has an instance, else 503.
 * Thread-safety: runs in the connection's worker.
 */
#ifndef SPROCKET_GATEWAY_HEALTH_H
#define SPROCKET_GATEWAY_HEALTH_H

#include <stdbool.h>

#include "gateway/http.h"

struct gw_worker;

/* Answers a GET or HEAD of one of the two. False: it is something else. */
bool gw_health_answer(struct gw_worker *worker, h2o_req_t *req);

/* Answers "OPTIONS *", which asks whether there is a server. False: it is something else. */
bool gw_health_options(h2o_req_t *req);

#endif
