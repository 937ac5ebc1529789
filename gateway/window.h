/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.h - frames of HTTP/2 that open the windows of answers.
 *
 * For: guard.c. A stream whose answer has been sent, or that was reset, is closed with the write
 * that is under way. When its window opens before that, libh2o 2.2.5 would have it send on, finds
 * that it cannot (an assertion in update_stream_output_window()), and ends the process. And libh2o
 * lets SETTINGS open a window beyond its limit.
 * Thread-safety: as libh2o: a connection belongs to one thread.
 */
#ifndef SPROCKET_GATEWAY_WINDOW_H
#define SPROCKET_GATEWAY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http2.h"

/* Before libh2o takes a WINDOW_UPDATE of `stream`. */
void gw_window_update(h2o_http2_conn_t *conn, uint32_t stream);

/* Before it takes SETTINGS. False: a stream's window would grow beyond 2^31 - 1 (RFC 9113,
 * 6.9.2). */
bool gw_window_settings(h2o_http2_conn_t *conn, const h2o_http2_frame_t *frame);

#endif
