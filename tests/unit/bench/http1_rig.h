/* SPDX-License-Identifier: Apache-2.0 */
/* http1_rig.h - one connection of the HTTP/1.1 codec, and what it told. Thread-safety: one thread. */
#ifndef SPROCKET_TESTS_HTTP1_RIG_H
#define SPROCKET_TESTS_HTTP1_RIG_H

#include "bench/client/http1.h"

#define TOKEN UINT64_C(0x123456789abcdef0)
#define WHOLE SIZE_MAX

struct told {
	unsigned answers;
	uint16_t status;
	bool close;
	size_t len;
	char body[512], timing[512], cookie[64];
};

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "transfer-encoding: chunked\r\n\r\n"

extern const struct bench_codec_events http1_rig_events;

/* A connection on which a request was asked and sent. */
struct bench_codec *asked(struct told *t, const char *method, bool headers_only);
/* From memory of its own, so that a sanitizer sees what reads on, or later. */
int give(struct bench_codec *c, const char *bytes, size_t len);
/* Split at `at`, or byte by byte when that is 0. The last result; then the server closes. */
int feed(struct bench_codec *c, const char *bytes, size_t len, size_t at, bool then_end);

#endif
