/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers.h - see headers.c; libh2o finds this function by its name.
 */
#ifndef SPROCKET_GATEWAY_HEADERS_H
#define SPROCKET_GATEWAY_HEADERS_H

#include "gateway/http2.h"

typedef int gw_headers_parse_fn(h2o_req_t *req, h2o_hpack_header_table_t *table, const uint8_t *src,
				size_t len, int *pseudo, size_t *content_length,
				h2o_cache_digests_t **digests, const char **why);

/* The header block of a request, or of its trailers (`pseudo` is NULL). */
__attribute__((visibility("default"))) gw_headers_parse_fn h2o_hpack_parse_headers;

#endif
