// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bench/http2_rig.h"

uint64_t rig_hash(const char *bytes, size_t count)
{
	uint64_t hash = 14695981039346656037U;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ (uint8_t)bytes[i]) * 1099511628211U;
	return hash;
}

static struct rig_told *tell(struct rig *r, uint64_t token)
{
	struct rig_told *t = &r->told[r->told_count % RIG_TOLD_MAX];

	r->told_count++;
	*t = (struct rig_told){ .token = token };
	return t;
}

static void on_answered(void *owner, uint64_t token, const struct bench_answer *a)
{
	struct rig *r = owner;
	struct rig_told *t = tell(r, token);

	t->answered = true;
	t->status = a->status;
	t->body_len = a->body_len;
	t->hash = a->body ? rig_hash(a->body, a->body_len) : 0;
	t->close = a->close;
	snprintf(t->timing, sizeof(t->timing), "%.*s", (int)a->timing_len,
		 a->timing ? a->timing : "");
	snprintf(t->cookie, sizeof(t->cookie), "%.*s", (int)a->cookie_len,
		 a->cookie ? a->cookie : "");
	r->answered++;
	if (r->again) {
		r->again--;
		assert_int_equal(bench_http2.ask(r->codec, token, &r->again_message), 0);
	}
}

static void on_failed(void *owner, uint64_t token, enum bench_error error)
{
	tell(owner, token)->error = error;
}

struct rig *rig_new(unsigned streams, bool headers_only, uint32_t most)
{
	static const struct bench_codec_events events = { .answered = on_answered,
							  .failed = on_failed };
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->piece = SIZE_MAX;
	rig_server_open(r, most);
	r->codec = bench_http2.open(&events, r, streams, headers_only);
	assert_non_null(r->codec);
	return r;
}

void rig_free(struct rig *r)
{
	struct rig_request *next;

	bench_http2.close(r->codec);
	nghttp2_session_del(r->server);
	for (struct rig_request *q = r->requests; q; q = next) {
		next = q->next;
		free(q->body);
		free(q);
	}
	free(r);
}

int rig_ask(struct rig *r, uint64_t token, const char *path, const char *body, size_t len)
{
	const struct bench_message message = { .method = body ? "POST" : "GET",
					       .path = path,
					       .path_len = strlen(path),
					       .host = "host.test:80",
					       .body = body,
					       .body_len = len };

	return bench_http2.ask(r->codec, token, &message);
}

void rig_pump_out(struct rig *r)
{
	const char *bytes;
	size_t count;

	while ((count = bench_http2.output(r->codec, &bytes))) {
		if (count > r->piece)
			count = r->piece;
		assert_int_equal(nghttp2_session_mem_recv(r->server, (const uint8_t *)bytes, count),
				 count);
		bench_http2.sent(r->codec, count);
	}
}

static bool pump_in(struct rig *r)
{
	const uint8_t *bytes;
	ssize_t count = nghttp2_session_mem_send(r->server, &bytes);

	assert_true(count >= 0);
	for (size_t at = 0, n; at < (size_t)count && !r->input_result; at += n) {
		n = (size_t)count - at < r->piece ? (size_t)count - at : r->piece;
		r->input_result = bench_http2.input(r->codec, (const char *)bytes + at, n);
	}
	return count > 0 && !r->input_result;
}

void rig_pump(struct rig *r)
{
	do
		rig_pump_out(r);
	while (pump_in(r));
}

const struct rig_told *rig_told(const struct rig *r, uint64_t token)
{
	const struct rig_told *found = NULL;

	assert_true(r->told_count <= RIG_TOLD_MAX);
	for (unsigned i = 0; i < r->told_count; i++) {
		if (r->told[i].token == token) {
			assert_null(found);
			found = &r->told[i];
		}
	}
	assert_non_null(found);
	return found;
}
