// SPDX-License-Identifier: Apache-2.0
/* test_http1_hostile.c - what no client should call an answer is none, in whatever pieces it comes. */
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
	struct bench_codec *c = bench_http1.open(&http1_rig_events, &t, 1, false);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),      cmocka_unit_test(test_nul_in_field),
		cmocka_unit_test(test_unasked),    cmocka_unit_test(test_limits),
		cmocka_unit_test(test_body_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
