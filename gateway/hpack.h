/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpack.h - see hpack.c; libh2o finds these functions by their names.
 */
#ifndef SPROCKET_GATEWAY_HPACK_H
#define SPROCKET_GATEWAY_HPACK_H

#include "gateway/http.h"

/* What follows is not in libh2o's public headers. */
#if H2O_LIBRARY_VERSION_MAJOR != 0 || H2O_LIBRARY_VERSION_MINOR != 13
#error "compare gw_hpack_table and gw_hpack_connection with libh2o's http2_internal.h"
#endif

/* libh2o's encoder state of a connection (h2o_hpack_header_table_t). */
struct gw_hpack_table {
	void *entries;
	size_t num_entries, entry_capacity, entry_start_index;
	size_t size, capacity, max_capacity; /* bytes, as RFC 7541, 4.1 counts them */
};

/* How a connection begins (struct st_h2o_http2_conn_t). */
struct gw_hpack_connection {
	h2o_conn_t super;
	h2o_socket_t *sock;
	h2o_http2_settings_t peer_settings;
};

typedef void gw_hpack_flatten_fn(h2o_buffer_t **buf, struct gw_hpack_table *table,
				 uint32_t stream_id, size_t max_frame_size, h2o_res_t *res,
				 h2o_timestamp_t *ts, const h2o_iovec_t *server_name,
				 size_t content_length);

/* Appends the HEADERS frame of a request's response to *buf. */
__attribute__((visibility("default"))) gw_hpack_flatten_fn h2o_hpack_flatten_response;

typedef int gw_hpack_settings_fn(h2o_http2_settings_t *settings, const uint8_t *src, size_t len,
				 const char **err_desc);

/* Reads what a SETTINGS frame has; libh2o calls it for each.
 * header_table_size never grows. */
__attribute__((visibility("default"))) gw_hpack_settings_fn h2o_http2_update_peer_settings;

/* libh2o's: frees the entries, and leaves the rest of the table as it was. */
void h2o_hpack_dispose_header_table(struct gw_hpack_table *table);

#endif
