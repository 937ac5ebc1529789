/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.h - heads of messages between front and gateway: a request's made, an answer's read.
 *
 * How: fields that speak of one connection stay behind. The front says whom it has seen:
 * X-Forwarded-For gets the client's address, X-Forwarded-Proto and X-Client-Cert-Subject are
 * its own alone. X-Request-Id and traceparent pass as they are.
 * Thread-safety: pure.
 */
#ifndef SPROCKET_GATEWAY_FRONT_HEAD_H
#define SPROCKET_GATEWAY_FRONT_HEAD_H

#include <stdbool.h>

#include "gateway/http.h"

/* False for what HTTP/2 can carry and a head of HTTP/1 cannot: it would be another request. */
bool front_head_valid(const h2o_req_t *req);

/* The head of a valid request, in its pool. `subject`: of the client's certificate, or NULL. */
h2o_iovec_t front_head_request(h2o_req_t *req, const char *subject);

/* How an answer goes on behind its head. */
struct front_head {
	size_t len;    /* bytes of the head */
	size_t length; /* of the body; SIZE_MAX: not said */
	bool chunked;
	bool keep; /* its connection can be used again */
};

/* Reads an answer's head from `bytes` into req->res, passing over interim ones. Returns 0 and
 * *ret, -EAGAIN when it is not complete, -EBADMSG when it is none. */
int front_head_answer(h2o_req_t *req, const char *bytes, size_t len, struct front_head *ret);

#endif
