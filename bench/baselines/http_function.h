/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_function.h - a function that is an HTTP/1.1 server, and calls the next one by HTTP/1.1.
 *
 * For: the functions of peer-http and peer-sidecar; each is a process of its own.
 * How: one thread, one epoll set. A request is read whole, work() is done on its body where it
 * lies, and the body is sent on to the next function over a kept connection: one of a pool from
 * which the last that became idle is taken first. What comes back is the answer. The last
 * function answers with the body it has. Nothing is copied but by the kernel, head and body go
 * out in one call, and the usual request costs one read and one write at each end.
 * A caller that leaves takes its call along: the connection to the next function is closed, too.
 * Thread-safety: one thread.
 * Failure modes: what cannot be parsed is answered 400, 413, 431 or 501, a next function that
 * cannot be reached or breaks off 502. Without memory or descriptors it ends and says so.
 */
#ifndef SPROCKET_BENCH_HTTP_FUNCTION_H
#define SPROCKET_BENCH_HTTP_FUNCTION_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct http_function {
	int listener;                   /* listens already, does not block */
	const struct sockaddr_in *next; /* where to send what was worked on; NULL: it answers */
	size_t body_max;
	_Atomic uint64_t *passed; /* requests worked on, for who started it */
};

/* Serves until the process ends. */
_Noreturn void http_function_serve(const struct http_function *function);

#endif
