// SPDX-License-Identifier: Apache-2.0
/* http1_rig.c - see http1_rig.h. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bench/http1_rig.h"

static void copy(char *to, size_t room, const char *from, size_t len)
{
	assert_true(len < room);
	if (len > 0)
		memcpy(to, from, len);
	to[len] = '\0';
}

static void on_answered(void *owner, uint64_t token, const struct bench_answer *answer)
{
	struct told *t = owner;

	assert_true(token == TOKEN);
	t->answers++;
	t->status = answer->status;
	t->close = answer->close;
	t->len = answer->body_len;
	copy(t->body, sizeof(t->body), answer->body, answer->body ? answer->body_len : 0);
	copy(t->timing, sizeof(t->timing), answer->timing, answer->timing_len);
	copy(t->cookie, sizeof(t->cookie), answer->cookie, answer->cookie_len);
}

static void on_failed(void *owner, uint64_t token, enum bench_error error)
{
	(void)owner;
	(void)token;
	fail_msg("no request fails without its connection: %s", bench_error_names[error]);
}

const struct bench_codec_events http1_rig_events = { on_answered, on_failed };

struct bench_codec *asked(struct told *t, const char *method, bool headers_only)
{
	struct bench_message m = { .method = method, .path = "/", .path_len = 1, .host = "h" };
	struct bench_codec *c = bench_http1.open(&http1_rig_events, t, 1, headers_only);
	const char *bytes;

	*t = (struct told){ 0 };
	assert_non_null(c);
	assert_int_equal(bench_http1.ask(c, TOKEN, &m), 0);
	bench_http1.sent(c, bench_http1.output(c, &bytes));
	return c;
}

/* From memory of its own, so that a sanitizer sees what reads on, or later. */
int give(struct bench_codec *c, const char *bytes, size_t len)
{
	char *own = malloc(len ? len : 1);
	int r;

	assert_non_null(own);
	if (len > 0)
		memcpy(own, bytes, len);
	r = len > 0 ? bench_http1.input(c, own, len) : 0;
	memset(own, 'X', len);
	free(own);
	return r;
}

/* Split at `at`, or byte by byte when that is 0. The last result; then the server closes. */
int feed(struct bench_codec *c, const char *bytes, size_t len, size_t at, bool then_end)
{
	int r = 0;

	if (at == 0)
		for (size_t i = 0; r == 0 && i < len; i++)
			r = give(c, bytes + i, 1);
	else if (at >= len)
		r = give(c, bytes, len);
	else
		r = give(c, bytes, at) < 0 ? -EPROTO : give(c, bytes + at, len - at);
	return r == 0 && then_end ? bench_http1.ended(c) : r;
}
