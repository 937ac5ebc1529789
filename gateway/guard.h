/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - see guard.c; libh2o finds these functions by their names.
 */
#ifndef SPROCKET_GATEWAY_GUARD_H
#define SPROCKET_GATEWAY_GUARD_H

#include "gateway/http2.h"

#define GW_EXPORT __attribute__((visibility("default")))

typedef void gw_guard_accept_fn(h2o_accept_ctx_t *ctx, h2o_socket_t *sock,
				struct timeval connected_at);
typedef void gw_guard_upgrade_fn(h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
				 h2o_http1_upgrade_cb on_complete, void *data);
typedef ssize_t gw_guard_frame_fn(h2o_http2_frame_t *frame, const uint8_t *src, size_t len,
				  const h2o_http2_settings_t *settings, const char **why);
typedef void gw_guard_rst_fn(h2o_buffer_t **buf, uint32_t stream, int code);
typedef void gw_guard_close_fn(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream);

/* A connection begins to speak HTTP/2: at once, or after a request of HTTP/1. */
GW_EXPORT gw_guard_accept_fn h2o_http2_accept;
GW_EXPORT gw_guard_upgrade_fn h2o_http1_upgrade;

/* Every frame that has arrived whole: judged, and counted. */
GW_EXPORT gw_guard_frame_fn h2o_http2_decode_frame;

/* Every stream that libh2o resets. */
GW_EXPORT gw_guard_rst_fn h2o_http2__encode_rst_stream_frame;

/* Every stream that ends. */
GW_EXPORT gw_guard_close_fn h2o_http2_stream_close;

/* Every stream that has sent what there was of its answer. */
GW_EXPORT gw_guard_close_fn h2o_http2_stream_proceed;

#endif
