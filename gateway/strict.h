/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strict.h - heads of requests as libh2o is to see them.
 *
 * For: libh2o calls its parser by a dynamic symbol; the executable's own phr_parse_request(), over
 * h1_head.c, takes its place.
 * How: libh2o answers what its parser refuses with a plain 400, whatever the fault. So only the
 * preface of HTTP/2 is refused; a faulty head becomes one that consists of a mark alone, which no
 * client can send: it takes all bytes there are, has no body, and does not keep the connection.
 * Whoever handles requests answers it (refusal.h), and nothing behind it is read as a request.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_GATEWAY_STRICT_H
#define SPROCKET_GATEWAY_STRICT_H

#include <stdbool.h>
#include <stddef.h>

/* picohttpparser's, as libh2o 2.2.5 was compiled with it. name NULL: a folded line. */
struct phr_header {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

typedef int gw_strict_parse_fn(const char *buf, size_t len, const char **method, size_t *method_len,
			       const char **path, size_t *path_len, int *minor_version,
			       struct phr_header *headers, size_t *num_headers, size_t last_len);

/* Told of each head that is well-formed, and may take fields out of it; `rest` bytes have come
 * behind it. Of this thread; NULL: none. */
typedef void gw_strict_judge_fn(const char *method, struct phr_header *headers, size_t *count,
				size_t rest);
extern _Thread_local gw_strict_judge_fn *gw_strict_judge;

/* Of an answer: false for header fields that leave it open where the message ends. */
bool gw_strict_headers_valid(const struct phr_header *headers, size_t count);

/* Bytes of the head, -1 for HTTP/2's, -2 for one that is not complete. */
__attribute__((visibility("default"))) gw_strict_parse_fn phr_parse_request;

#endif
