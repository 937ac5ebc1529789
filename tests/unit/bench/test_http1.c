// SPDX-License-Identifier: Apache-2.0
/*
 * test_http1.c - the HTTP/1.1 codec: what it asks, byte for byte; what it makes of answers, right
 * and hostile ones, in whatever pieces they come: each split at every byte must be told the same.
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

#include "bench/http1.h"

#define TOKEN UINT64_C(0x123456789abcdef0)
#define WHOLE SIZE_MAX

struct told {
	unsigned answers;
	uint16_t status;
	bool close;
	size_t len;
	char body[512], timing[512], cookie[64];
};

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

static const struct bench_codec_events events = { on_answered, on_failed };

static struct bench_codec *asked(struct told *t, const char *method, bool headers_only)
{
	struct bench_message m = { .method = method, .path = "/", .path_len = 1, .host = "h" };
	struct bench_codec *c = bench_http1.open(&events, t, 1, headers_only);
	const char *bytes;

	*t = (struct told){ 0 };
	assert_non_null(c);
	assert_int_equal(bench_http1.ask(c, TOKEN, &m), 0);
	bench_http1.sent(c, bench_http1.output(c, &bytes));
	return c;
}

/* From memory of its own, so that a sanitizer sees what reads on, or later. */
static int give(struct bench_codec *c, const char *bytes, size_t len)
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
static int feed(struct bench_codec *c, const char *bytes, size_t len, size_t at, bool then_end)
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

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "transfer-encoding: chunked\r\n\r\n"

static const char *const wrongs[] = {
	"SSH-2.0-OpenSSH_9.2\r\n",
	"\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n",
	"HTTP/1.2 200 OK\r\n\r\n",
	"http/1.1 200 OK\r\n\r\n",
	"HTTP/1.1 20 OK\r\n\r\n",
	"HTTP/1.1 2000 OK\r\n\r\n",
	"HTTP/1.1 099 OK\r\n\r\n",
	"HTTP/1.1 600 OK\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
	"HTTP/1.1  200 OK\r\n\r\n",
	"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
	OK "content-length: 0\n\r\n",
	OK "content-length: 5, 5\r\n\r\nhello",
	OK "content-length: -1\r\n\r\n",
	OK "content-length: +1\r\n\r\nx",
	OK "content-length: 0x1\r\n\r\nx",
	OK "content-length:\r\n\r\n",
	OK "content-length: 1\r\ncontent-length: 2\r\n\r\nxy",
	OK "content-length: 18446744073709551617\r\n\r\nx",
	OK "content-length: 1000000000000\r\n\r\nx",
	OK "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
	OK "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	OK "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
	OK "content-length : 1\r\n\r\nx",
	OK " folded: 1\r\n\r\n",
	OK "no colon\r\n\r\n",
	OK ": no name\r\n\r\n",
	OK "na me: x\r\n\r\n",
	OK "bare: c\rr\r\n\r\n",
	OK "content-length: 1\r\n\r\nxy",
	OK "content-length: 0\r\n\r\n" OK "content-length: 0\r\n\r\n",
	"HTTP/1.1 204 No Content\r\n\r\nx",
	CHUNKED "\r\n",
	CHUNKED "g\r\n",
	CHUNKED "-1\r\n",
	CHUNKED "1\nx\r\n0\r\n\r\n",
	CHUNKED "1\r\nxy\r\n0\r\n\r\n",
	CHUNKED "1\r\nx0\r\n\r\n",
	CHUNKED "123456789\r\n",
	CHUNKED "0\r\n\r\nmore",
	CHUNKED "0\r\nx: y\n\r\n\r\n",
	CHUNKED "1;\nx\r\n0\r\n\r\n",
};

/* What nobody should understand is not understood, in whatever pieces; afterwards nothing is.
 * When it becomes clear only behind a whole answer, that one may have been told. */
static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		size_t len = strlen(wrongs[i]);

		for (size_t at = 0; at <= len; at++) {
			struct told t;
			struct bench_codec *c = asked(&t, "GET", false);

			if (feed(c, wrongs[i], len, at, false) != -EPROTO)
				fail_msg("understood, split at %zu: %s", at, wrongs[i]);
			assert_true(at > 0 || t.answers <= 1);
			if (at == len)
				assert_int_equal(t.answers, 0);
			assert_int_equal(bench_http1.input(c, "x", 1), -EPROTO);
			assert_int_equal(bench_http1.room(c), 0);
			assert_true(bench_http1.leaving(c));
			bench_http1.close(c);
		}
	}
}

static void test_nul_in_field(void **state)
{
	static const char bytes[] = OK "x: a\0b\r\ncontent-length: 0\r\n\r\n";
	struct told t;
	struct bench_codec *c = asked(&t, "GET", false);

	(void)state;
	assert_int_equal(give(c, bytes, sizeof(bytes) - 1), -EPROTO);
	assert_int_equal(t.answers, 0);
	bench_http1.close(c);
}

static void test_unasked(void **state)
{
	struct told t = { 0 };
	struct bench_codec *c = bench_http1.open(&events, &t, 1, false);

	(void)state;
	assert_non_null(c);
	assert_int_equal(give(c, "H", 1), -EPROTO);
	bench_http1.close(c);
}

/* Heads and trailers without an end are not read for ever. */
static void test_limits(void **state)
{
	static const struct {
		const char *begin, *more;
		size_t max;
	} endless[] = {
		{ OK, "a: b\r\n", HTTP1_HEAD_MAX },
		{ OK "a: ", "b", HTTP1_HEAD_MAX },
		{ CHUNKED "0\r\n", "a: b\r\n", HTTP1_TRAILER_MAX * 2 },
		{ CHUNKED "0;", "b", HTTP1_TRAILER_MAX * 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
		struct told t;
		struct bench_codec *c = asked(&t, "GET", false);
		size_t given = strlen(endless[i].begin);
		int r = give(c, endless[i].begin, given);

		while (r == 0 && given < endless[i].max) {
			r = give(c, endless[i].more, strlen(endless[i].more));
			given += strlen(endless[i].more);
		}
		assert_int_equal(r, -EPROTO);
		assert_int_equal(t.answers, 0);
		bench_http1.close(c);
	}
}

static void test_body_limit(void **state)
{
	static char piece[1U << 20];
	struct told t;
	struct bench_codec *c = asked(&t, "GET", false);
	size_t given = 0;
	int r = give(c, OK "\r\n", strlen(OK "\r\n"));

	(void)state;
	for (; r == 0 && given <= BENCH_ANSWER_MAX; given += sizeof(piece))
		r = bench_http1.input(c, piece, sizeof(piece));
	assert_int_equal(r, -EPROTO);
	assert_int_equal(given, BENCH_ANSWER_MAX + sizeof(piece));
	bench_http1.close(c);
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
	struct bench_codec *c = bench_http1.open(&events, &t, 1, false);

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
	struct bench_codec *c = bench_http1.open(&events, &t, 1, false);

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
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_headers_only),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_nul_in_field),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_asks_long),
		cmocka_unit_test(test_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
