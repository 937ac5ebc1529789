/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpack.h - see hpack.c; libh2o finds h2o_hpack_flatten_response() by its name.
 */
#ifndef SPROCKET_GATEWAY_HPACK_H
#define SPROCKET_GATEWAY_HPACK_H

#include "gateway/http.h"

struct gw_hpack_table; /* libh2o's encoder state of a connection */

typedef void gw_hpack_flatten_fn(h2o_buffer_t **buf, struct gw_hpack_table *table,
				 uint32_t stream_id, size_t max_frame_size, h2o_res_t *res,
				 h2o_timestamp_t *ts, const h2o_iovec_t *server_name,
				 size_t content_length);

/* Appends the response's HEADERS frame to *buf. */
__attribute__((visibility("default"))) gw_hpack_flatten_fn h2o_hpack_flatten_response;

#endif
