/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission.h - an HTTP request on its way into a buffer.
 *
 * For: admit.c, which says whether and when; here is how: meta data beside the body, in the
 * smallest class that holds both and has a buffer left for clients' requests.
 * Failure modes: -ENOBUFS without a buffer, -EMSGSIZE and -ENOSPC for what fits none; nothing is
 * held then.
 * Thread-safety: belongs to the request's worker.
 */
#ifndef SPROCKET_GATEWAY_ADMISSION_H
#define SPROCKET_GATEWAY_ADMISSION_H

#include <stdint.h>

#include "gateway/http.h"
#include "gateway/trace_context.h"
#include "shm/buffer.h"

struct gw_worker;

struct gw_admission {
	struct gw_worker *worker;
	h2o_req_t *req;
	h2o_iovec_t query;
	h2o_iovec_t topic;      /* ce-type, or {NULL, 0} */
	h2o_iovec_t connection; /* what else is hop by hop */
	struct gw_trace trace;
	uint64_t timeout_ns; /* that is left of its time */
	/* What the buffer's header says. Functions can write to the buffer at any time, also
	 * while it is filled: where to write next is read from here, never from there. */
	struct shm_header header;
	struct shm_header *slot;
};

/* Looks once over the headers for those that the gateway itself needs; those that say who it is
 * go to `id` and `traceparent`. */
void gw_admission_scan(struct gw_admission *a, h2o_iovec_t *id, h2o_iovec_t *traceparent);

/* Finds the query of its target, once that is known. */
void gw_admission_query(struct gw_admission *a);

/* Takes a buffer and fills it. Returns 0 and *ret, or -errno. */
int gw_admission_fill(struct gw_admission *a, uint32_t *ret);

/* Fills a buffer that the request has, unless others read it, or it reads theirs. */
int gw_admission_refill(struct gw_admission *a, uint32_t index);

#endif
