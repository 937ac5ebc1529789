/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late.h - what a client of HTTP/2 still sends on a stream whose answer is settled.
 *
 * For: a request that is refused before its body has come (headers.c): libh2o would take the rest of
 * the body for an error, and cut the answer off. And for trailers of streams that were reset.
 * How: the body's bytes are dropped, and the connection's window is given back; the stream's is
 * not, so there is an end to them. Behind the answer RST_STREAM(NO_ERROR) asks the client to stop
 * (RFC 9113, 8.1). What comes after that is as of any stream that was reset.
 * Thread-safety: as libh2o: a connection belongs to one thread. Source: libh2o 2.2.5,
 * lib/http2/connection.c.
 */
#ifndef SPROCKET_GATEWAY_LATE_H
#define SPROCKET_GATEWAY_LATE_H

#include <stdbool.h>

#include "gateway/http2.h"

/* Leaves a body that is still to come unread: its request is handled at once, and refused. */
void gw_late_begin(h2o_http2_stream_t *stream);

/* Whether that was done, and the body has not ended. */
bool gw_late_body(const h2o_http2_stream_t *stream);

/* DATA of such a body, and trailers: 0, or the error that ends the connection. Of the frame nothing
 * is left for libh2o to do. */
int gw_late_data(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream, h2o_http2_frame_t *frame,
		 const char **why);
int gw_late_trailers(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream, h2o_http2_frame_t *frame,
		     const char **why);

/* Makes it a frame that libh2o ignores without a word. */
void gw_late_ignore(h2o_http2_frame_t *frame);

#endif
