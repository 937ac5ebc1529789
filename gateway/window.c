// SPDX-License-Identifier: Apache-2.0
#include "gateway/window.h"

#define SETTING 6U /* bytes of one (RFC 9113, 6.5.1) */

/* Nothing more is sent: its window counts no more, and stays open. */
static bool sent_all(h2o_http2_stream_t *stream)
{
	ssize_t window = h2o_http2_window_get_window(&stream->output_window);

	if (stream->state != H2O_HTTP2_STREAM_STATE_END_STREAM)
		return false;
	if (window <= 0)
		h2o_http2_window_update(&stream->output_window, 1 - window);
	return true;
}

void gw_window_update(h2o_http2_conn_t *conn, uint32_t stream)
{
	h2o_http2_stream_t *found = h2o_http2_conn_get_stream(conn, stream);

	if (found)
		sent_all(found);
}

bool gw_window_settings(h2o_http2_conn_t *conn, const h2o_http2_frame_t *frame)
{
	const uint8_t *s = frame->payload;
	h2o_http2_stream_t *stream;

	for (uint32_t left = frame->length; left >= SETTING; left -= SETTING, s += SETTING) {
		ssize_t delta = (ssize_t)h2o_http2_decode32u(s + 2) -
				(ssize_t)conn->peer_settings.initial_window_size;

		if (h2o_http2_decode16u(s) != H2O_HTTP2_SETTINGS_INITIAL_WINDOW_SIZE || delta <= 0)
			continue;
		kh_foreach_value(conn->streams, stream, {
			if (!sent_all(stream) &&
			    h2o_http2_window_get_window(&stream->output_window) + delta > INT32_MAX)
				return false;
		});
	}
	return true;
}
