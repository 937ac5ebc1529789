// SPDX-License-Identifier: Apache-2.0
/*
 * test_http1.c - the HTTP/1.1 codec: what it asks, byte for byte; what it makes of answers, in whatever pieces they come: each split at every byte must be told the same.
 */
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

struct right {
	const char *name, *method, *bytes;
	bool ends; /* by the server's closing */
	uint16_t status;
	bool close;
	const char *body, *timing, *cookie;
};

static const struct right rights[] = {
	{ "length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, false,
	  "hello", "", "" },
	{ "no reason, odd case, blanks", "GET",
	  "HTTP/1.1 201\r\ncOnTeNt-LeNgTh: \t 3  \r\nX-Empty:\r\n\r\nabc", false, 201, false, "abc",
	  "", "" },
	{ "empty", "POST", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false, 200, false, "",
	  "", "" },
	{ "chunked", "GET",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
	  "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
	  false, 200, false, "abc0123456789", "", "" },
	{ "trailers", "GET",
	  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\na: b\r\nc: d\r\n\r\n",
	  false, 200, false, "x", "", "" },
	{ "no chunk", "GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
	  false, 200, false, "", "", "" },
	{ "to the close", "GET", "HTTP/1.1 200 OK\r\n\r\nup to the end", true, 200, true,
	  "up to the end", "", "" },
	{ "nothing to the close", "GET", "HTTP/1.1 200 OK\r\n\r\n", true, 200, true, "", "", "" },
	{ "1.0", "GET", "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", false, 200, true, "x", "",
	  "" },
	{ "1.0 kept", "GET",
	  "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx", false, 200,
	  false, "x", "", "" },
	{ "close", "GET",
	  "HTTP/1.1 200 OK\r\nConnection: x-y , Close\r\ncontent-length: 1\r\n\r\nx", false, 200,
	  true, "x", "", "" },
	{ "1xx first", "POST",
	  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n"
	  "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
	  false, 200, false, "ok", "", "" },
	{ "head", "HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n", false, 200, false, "",
	  "", "" },
	{ "204", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, false, "", "", "" },
	{ "304", "GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", false, 304,
	  false, "", "", "" },
	{ "500", "GET", "HTTP/1.1 500 Oh no\r\ncontent-length: 1\r\n\r\n!", false, 500, false, "!",
	  "", "" },
	{ "same length twice", "GET",
	  "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx", false, 200, false,
	  "x", "", "" },
	{ "fields", "GET",
	  "HTTP/1.1 200 OK\r\nserver-timing: a;dur=1\r\nSet-Cookie: k=v; path=/\r\n"
	  "Server-Timing: b;dur=2\r\nset-cookie: l=w\r\ncontent-length: 2\r\n\r\nok",
	  false, 200, false, "ok", "a;dur=1,b;dur=2", "l=w" },
};

static void check_right(const struct right *x, size_t at)
{
	size_t len = strlen(x->bytes);
	struct told t;
	struct bench_codec *c = asked(&t, x->method, false);

	if (feed(c, x->bytes, len, at, x->ends) < 0 || t.answers != 1)
		fail_msg("%s, split at %zu: not understood", x->name, at);
	assert_int_equal(t.status, x->status);
	assert_int_equal(t.close, x->close);
	assert_string_equal(t.body, x->body);
	assert_int_equal(t.len, strlen(x->body));
	assert_string_equal(t.timing, x->timing);
	assert_string_equal(t.cookie, x->cookie);
	assert_int_equal(bench_http1.leaving(c), x->close);
	assert_int_equal(bench_http1.room(c), !x->close);
	assert_int_equal(bench_http1.ended(c), 0);
	assert_int_equal(t.answers, 1);
	bench_http1.close(c);
}

static void test_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		for (size_t at = 0; at <= strlen(rights[i].bytes); at++)
			check_right(&rights[i], at);
}

/* Bodies that need not be looked at are counted. */
static void test_headers_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		for (size_t at = 0; at <= strlen(rights[i].bytes); at++) {
			struct told t;
			struct bench_codec *c = asked(&t, rights[i].method, true);

			feed(c, rights[i].bytes, strlen(rights[i].bytes), at, rights[i].ends);
			assert_int_equal(t.answers, 1);
			assert_int_equal(t.len, strlen(rights[i].body));
			assert_string_equal(t.body, "");
			assert_null(c->body.data);
			bench_http1.close(c);
		}
	}
}

/* Cut off anywhere, an answer is not whole, and not told; but one that ends by close is. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		for (size_t len = 0; !rights[i].ends && len < strlen(rights[i].bytes); len++) {
			struct told t;
			struct bench_codec *c = asked(&t, rights[i].method, false);

			assert_int_equal(feed(c, rights[i].bytes, len, WHOLE, true), -EPIPE);
			assert_int_equal(t.answers, 0);
			assert_true(bench_http1.leaving(c));
			bench_http1.close(c);
		}
	}
}

/* ---- asking ---- */

/* All it has to say, sent in pieces of `piece`. */
static size_t output_all(struct bench_codec *c, char *to, size_t room, size_t piece)
{
	size_t len = 0, n;
	const char *bytes;

	while ((n = bench_http1.output(c, &bytes)) > 0) {
		n = n < piece ? n : piece;
		assert_true(len + n <= room);
		memcpy(to + len, bytes, n);
		len += n;
		bench_http1.sent(c, n);
	}
	return len;
}

static void check_asks(const struct bench_message *m, const char *wanted)
{
	char text[1024];
	struct told t = { 0 };
	struct bench_codec *c = bench_http1.open(&http1_rig_events, &t, 1, false);

	assert_non_null(c);
	assert_int_equal(bench_http1.room(c), 1);
	assert_int_equal(bench_http1.ask(c, TOKEN, m), 0);
	assert_int_equal(bench_http1.room(c), 0);
	assert_int_equal(bench_http1.ask(c, TOKEN, m), -EAGAIN);
	text[output_all(c, text, sizeof(text) - 1, 7)] = '\0';
	assert_string_equal(text, wanted);
	assert_int_equal(bench_http1.room(c), 0);
	bench_http1.close(c);
}

static void test_asks(void **state)
{
	static const struct bench_header headers[] = { { "accept", "*/*" }, { "x-a", "b" } };

	(void)state;
	check_asks(&(struct bench_message){ .method = "GET",
					    .path = "/a?b",
					    .path_len = 4,
					    .host = "h:1" },
		   "GET /a?b HTTP/1.1\r\nhost: h:1\r\n\r\n");
	check_asks(&(struct bench_message){ .method = "POST",
					    .path = "/",
					    .path_len = 1,
					    .host = "h" },
		   "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
	check_asks(&(struct bench_message){ .method = "POST",
					    .path = "/",
					    .path_len = 1,
					    .host = "h",
					    .headers = headers,
					    .header_count = 2,
					    .body = "0123456789",
					    .body_len = 10,
					    .close = true },
		   "POST / HTTP/1.1\r\nhost: h\r\naccept: */*\r\nx-a: b\r\ncontent-length: 10\r\n"
		   "connection: close\r\n\r\n0123456789");
}

/* A long body is sent from where it lies, behind its head. */
static void test_asks_long(void **state)
{
	size_t body_len = HTTP1_COPY_MAX + 1000, len;
	char *body = malloc(body_len), *text = malloc(body_len + 1024), *at;
	struct told t = { 0 };
	struct bench_codec *c = bench_http1.open(&http1_rig_events, &t, 1, false);

	(void)state;
	assert_true(body && text && c);
	for (size_t i = 0; i < body_len; i++)
		body[i] = (char)('a' + i % 23);
	assert_int_equal(bench_http1.ask(c, TOKEN,
					 &(struct bench_message){ .method = "PUT",
								  .path = "/",
								  .path_len = 1,
								  .host = "h",
								  .body = body,
								  .body_len = body_len }),
			 0);
	len = output_all(c, text, body_len + 1024, 60000);
	at = memmem(text, len, "\r\n\r\n", 4);
	assert_non_null(at);
	assert_int_equal((size_t)(text + len - (at + 4)), body_len);
	assert_memory_equal(at + 4, body, body_len);
	bench_http1.close(c);
	free(body);
	free(text);
}

/* Kept alive: one after the other; none after an answer that came before all was sent. */
static void test_one_after_the_other(void **state)
{
	struct bench_message m = { .method = "GET", .path = "/", .path_len = 1, .host = "h" };
	static const char answer[] = OK "content-length: 2\r\n\r\nok";
	const char *bytes;
	struct told t;
	struct bench_codec *c = asked(&t, "GET", false);

	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(give(c, answer, strlen(answer)), 0);
		assert_int_equal(t.answers, i);
		assert_int_equal(bench_http1.ask(c, TOKEN, &m), 0);
		bench_http1.sent(c, bench_http1.output(c, &bytes) - (i == 5));
	}
	assert_int_equal(give(c, answer, strlen(answer)), 0);
	assert_int_equal(t.answers, 6);
	assert_true(bench_http1.leaving(c));
	assert_int_equal(bench_http1.ask(c, TOKEN, &m), -EPROTO);
	bench_http1.close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),     cmocka_unit_test(test_headers_only),
		cmocka_unit_test(test_cut),       cmocka_unit_test(test_asks),
		cmocka_unit_test(test_asks_long), cmocka_unit_test(test_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
