/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problem.h - answers that are no answer of a function: problem documents (RFC 9457).
 *
 * For: every refusal names the chain, the reason (a fixed word, good for a counter) and the
 * request's id. The error pages of libh2o are replaced too, by a filter.
 * How: application/problem+json, type "urn:sprocket:problem:REASON".
 * Thread-safety: touches its request only.
 */
#ifndef SPROCKET_GATEWAY_PROBLEM_H
#define SPROCKET_GATEWAY_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/http.h"
#include "gateway/trace_context.h"

struct gw_worker;

/* X(name, reason, status, title, detail, seconds of Retry-After or 0) */
#define GW_PROBLEMS(X)                                                                             \
	X(BAD_PATH, "bad-path", 400, "bad request path",                                           \
	  "the request path is empty, relative, or has control characters in it", 0)               \
	X(NO_HOST, "no-host", 400, "no host",                                                      \
	  "an HTTP/1.1 request names its host in a Host field", 0)                                 \
	X(NOT_FOUND, "not-found", 404, "not found",                                                \
	  "the chain has no ingress at this host and path", 0)                                     \
	X(NO_ROUTE, "no-route", 404, "no route",                                                   \
	  "none of the chain's routes from the ingress takes this request", 0)                     \
	X(METHOD, "method-not-allowed", 405, "method not allowed",                                 \
	  "the ingress at this path takes the methods that Allow names", 0)                        \
	X(BODY_SIZE, "body-too-large", 413, "body too large",                                      \
	  "the body is longer than the ingress takes", 0)                                          \
	X(HEADER_SIZE, "headers-too-large", 431, "request header fields too large",                \
	  "path and header fields do not fit the chain's largest buffer beside the body", 0)       \
	X(NO_BUFFER, "no-buffer", 503, "overloaded", "no buffer is free in the chain's pool", 1)   \
	X(OVERLOADED, "overloaded", 503, "overloaded",                                             \
	  "the chain has as many requests as it may have at once", 1)                              \
	X(FUNCTION_FULL, "function-overloaded", 503, "overloaded",                                 \
	  "the function has as many requests as it may have at once", 1)                           \
	X(NO_INSTANCE, "no-instance", 503, "unavailable",                                          \
	  "the function had no running instance until the deadline", 1)                            \
	X(CIRCUIT_OPEN, "circuit-open", 503, "unavailable",                                        \
	  "too many requests to the function went wrong: it gets none for a while", 1)             \
	X(DEADLINE, "deadline", 504, "timed out", "the chain did not answer in time", 0)           \
	X(FUNCTION_DIED, "function-died", 502, "function died",                                    \
	  "the function's process died while it held the request", 0)                              \
	X(FUNCTION_FAILED, "function-failed", 502, "function failed", "", 0)                       \
	X(BAD_BUFFER, "bad-buffer", 502, "bad answer", "the answer's buffer is garbage", 0)        \
	X(BAD_HEADER, "bad-header", 502, "bad answer",                                             \
	  "a function set a response header field that is malformed or not its to set", 0)         \
	X(BAD_STATUS, "bad-status", 502, "bad answer",                                             \
	  "a function set a status outside 200 to 599", 0)                                         \
	X(RELEASED, "released", 502, "no answer", "a function let go of the request", 0)           \
	X(UNSENT, "unsent", 502, "chain cut off", "the request could not enter the chain", 0)      \
	X(NO_CHAIN, "no-chain", 404, "not found",                                                  \
	  "no chain takes requests for this host and path", 0)                                     \
	X(CHAIN_DOWN, "chain-unavailable", 503, "unavailable",                                     \
	  "the chain's gateway takes no connection", 1)                                            \
	X(CHAIN_CUT, "chain-cut-off", 502, "chain cut off",                                        \
	  "the chain's gateway ended before it answered", 0)                                       \
	X(CHAIN_ANSWER, "bad-answer", 502, "bad answer",                                           \
	  "what the chain's gateway answered is no HTTP", 0)                                       \
	X(CHAIN_SLOW, "chain-deadline", 504, "timed out", "the chain's gateway did not answer", 0) \
	X(BAD_HEAD, "bad-head", 400, "bad request",                                                \
	  "method, path, host, or a header field has a byte in it that none can have", 0)          \
	X(BAD_LINE, "bad-request-line", 400, "bad request",                                        \
	  "the request line is not a method, a target and a version, one space between them", 0)   \
	X(BAD_TARGET, "bad-target", 400, "bad request",                                            \
	  "the request target has none of the forms that a target of this method can have", 0)     \
	X(TARGET_SIZE, "target-too-long", 414, "URI too long",                                     \
	  "the request target is longer than 16 KiB", 0)                                           \
	X(BAD_VERSION, "http-version", 505, "HTTP version not supported",                          \
	  "this address speaks HTTP/1.1, HTTP/1.0 and HTTP/2", 0)                                  \
	X(NO_TUNNEL, "no-tunnel", 501, "not implemented", "nobody here makes tunnels", 0)          \
	X(BAD_FIELD, "bad-field", 400, "bad request",                                              \
	  "a header field has not the form of one: name, colon, value, carriage return, newline",  \
	  0)                                                                                       \
	X(HEAD_SIZE, "head-too-large", 431, "request header fields too large",                     \
	  "the head is longer than 64 KiB, or has more than 100 fields", 0)                        \
	X(BAD_HOST, "bad-host", 400, "bad request",                                                \
	  "the Host field is there twice, or is no host", 0)                                       \
	X(BAD_FRAMING, "bad-framing", 400, "bad request",                                          \
	  "Content-Length and Transfer-Encoding leave it open where the message ends", 0)          \
	X(BAD_CODING, "unknown-coding", 501, "not implemented",                                    \
	  "chunked is the only transfer coding that is known", 0)                                  \
	X(PROTOCOL, "protocol", 400, "bad request", "", 0)

enum gw_problem_kind {
#define X(name, reason, status, title, detail, retry) GW_PROBLEM_##name,
	GW_PROBLEMS(X)
#undef X
		GW_PROBLEM_COUNT,
};

struct gw_problem {
	enum gw_problem_kind kind;
	int status;         /* 0: the kind's */
	const char *title;  /* NULL: the kind's */
	const char *detail; /* NULL: the kind's; any bytes */
	size_t detail_len;
	const char *chain;    /* NULL: the gateway's */
	const char *function; /* the function it is about, or NULL */
};

/* True for a HEAD request. Ask before it enters the chain: what came with the request moves
 * when the client sends more. */
static inline bool gw_problem_head(const h2o_req_t *req)
{
	return h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
}

/* Answers a request that has no answer yet. `head`: it was HEAD, so without the body. */
void gw_problem_send(struct gw_worker *worker, h2o_req_t *req, const struct gw_trace *trace,
		     const struct gw_problem *problem, bool head);

/* Makes libh2o's own error pages problem documents, on a path. */
void gw_problem_filter(h2o_pathconf_t *path);

/* The generator of the gateway's own answers, which the filter leaves alone. */
extern h2o_generator_t gw_generator;

/* Sets status, reason phrase and length of a response. */
void gw_status_set(h2o_req_t *req, int status, size_t content_length);

#endif
