/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strict.h - see strict.c; libh2o finds phr_parse_request() by its name.
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

/* False for header fields that leave it open where the message ends. */
bool gw_strict_headers_valid(const struct phr_header *headers, size_t count);

/* Bytes of the head, -1 for one that is refused, -2 for one that is not complete. */
__attribute__((visibility("default"))) gw_strict_parse_fn phr_parse_request;

#endif
