// SPDX-License-Identifier: Apache-2.0
/*
 * test_http2_hostile.c - a server that sends what it likes: the HTTP/2 codec says so or goes on,
 * and tells of each request at most once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bench/http2_rig.h"

#define RECORD_MAX 65536U

/* What a server sends to /echo, /leave and /grpc/0 and a reset; returns its length. */
static size_t record(char *to)
{
	struct rig *r = rig_new(8, false, 50);
	const uint8_t *bytes;
	size_t count = 0;
	ssize_t got;

	assert_int_equal(rig_ask(r, 1, "/echo", "a body", 6), 0);
	assert_int_equal(rig_ask(r, 2, "/grpc/0", "a body", 6), 0);
	assert_int_equal(rig_ask(r, 3, "/reset/8", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 4, "/300", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 5, "/leave", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 6, "/never", NULL, 0), 0);
	rig_pump_out(r);
	while ((got = nghttp2_session_mem_send(r->server, &bytes)) > 0) {
		assert_true(count + (size_t)got <= RECORD_MAX);
		memcpy(to + count, bytes, (size_t)got);
		count += (size_t)got;
	}
	rig_free(r);
	return count;
}

/* A client that has asked for what was recorded. */
static struct rig *asked(void)
{
	struct rig *r = rig_new(8, false, 50);

	assert_int_equal(rig_ask(r, 1, "/echo", "a body", 6), 0);
	assert_int_equal(rig_ask(r, 2, "/grpc/0", "a body", 6), 0);
	assert_int_equal(rig_ask(r, 3, "/reset/8", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 4, "/300", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 5, "/leave", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 6, "/never", NULL, 0), 0);
	rig_pump_out(r);
	return r;
}

/* Gives it to input() up to the first error, in two parts; then ends the connection. */
static void give(struct rig *r, const char *bytes, size_t count, size_t split)
{
	int result = split ? bench_http2.input(r->codec, bytes, split) : 0;

	if (result == 0)
		result = bench_http2.input(r->codec, bytes + split, count - split);
	assert_true(result == 0 || result == -EPROTO);
	if (result) {
		assert_true(bench_http2.leaving(r->codec));
		assert_int_equal(bench_http2.room(r->codec), 0);
		assert_int_equal(bench_http2.input(r->codec, bytes, count), -EPROTO);
		assert_int_equal(bench_http2.ended(r->codec), -EPROTO);
	} else {
		assert_int_equal(bench_http2.ended(r->codec), r->told_count < 6 ? -EPIPE : 0);
	}
	for (uint64_t token = 1; token <= 6; token++) {
		unsigned times = 0;

		for (unsigned i = 0; i < r->told_count; i++)
			times += r->told[i].token == token;
		assert_true(times <= 1);
	}
	rig_pump_out(r);
}

static void test_split_at_every_byte(void **state)
{
	char *bytes = malloc(RECORD_MAX);
	size_t count = record(bytes);

	(void)state;
	assert_true(count > 400);
	for (size_t split = 0; split <= count; split++) {
		struct rig *r = asked();

		give(r, bytes, count, split);
		assert_int_equal(r->told_count, 6);
		assert_int_equal(r->answered, 4);
		assert_int_equal(rig_told(r, 3)->error, BENCH_ERROR_reset);
		assert_int_equal(rig_told(r, 6)->error, BENCH_ERROR_reset);
		assert_true(rig_told(r, 1)->hash == rig_hash("a body", 6));
		rig_free(r);
	}
	free(bytes);
}

static void test_cut_at_every_byte(void **state)
{
	char *bytes = malloc(RECORD_MAX);
	size_t count = record(bytes);

	(void)state;
	for (size_t end = 0; end < count; end++) {
		struct rig *r = asked();

		give(r, bytes, end, 0);
		assert_int_equal(r->input_result, 0);
		rig_free(r);
	}
	free(bytes);
}

static void test_each_bit_wrong(void **state)
{
	char *bytes = malloc(RECORD_MAX);
	size_t count = record(bytes);
	unsigned errors = 0;

	(void)state;
	for (size_t bit = 0; bit < count * 8; bit++) {
		struct rig *r = asked();

		bytes[bit / 8] ^= (char)(1U << bit % 8);
		give(r, bytes, count, bit % count);
		errors += bench_http2.ended(r->codec) == -EPROTO;
		bytes[bit / 8] ^= (char)(1U << bit % 8);
		rig_free(r);
	}
	assert_true(errors > 100);
	free(bytes);
}

static void test_garbage(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
	} cases[] = {
#define CASE(text) { text, sizeof(text) - 1 }
		CASE("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
		CASE("\0\0\0\0\0\0\0\0\0"),                           /* DATA before SETTINGS */
		CASE("\xff\xff\xff\x04\0\0\0\0\0"),                   /* SETTINGS of 16 MiB */
		CASE("\0\0\x01\x04\0\0\0\0\0x"),                      /* SETTINGS of 1 byte */
		CASE("\0\0\0\x04\0\0\0\0\x01"),                       /* SETTINGS on a stream */
		CASE("\0\0\x06\x04\0\0\0\0\0\0\x04\xff\xff\xff\xff"), /* a window of 2^32 - 1 */
		CASE("\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\xff"), /* bad HPACK */
		CASE("\0\0\0\x04\0\0\0\0\0\0\0\x01\x09\x04\0\0\0\x01\0"), /* a CONTINUATION alone */
		CASE("\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x02\x88"), /* stream 2 */
		CASE("\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x63\x88"), /* one not opened */
		CASE("\0\0\0\x04\0\0\0\0\0\0\0\x04\x08\0\0\0\0\0\0\0\0\0"), /* window of + 0 */
		CASE("\0\0\0\x04\0\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0\0\0\0"), /* RST of stream 0 */
		CASE("\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0"
		     "\0\0\x05\x05\x04\0\0\0\x01\0\0\0\x02\x88"), /* push */
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rig *r = asked();

		give(r, cases[i].bytes, cases[i].count, 0);
		assert_int_equal(bench_http2.ended(r->codec), -EPROTO);
		rig_free(r);
	}
}

static void test_random_frames(void **state)
{
	unsigned seed = 7;
	char bytes[512];

	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct rig *r = asked();
		size_t at = 9;

		memcpy(bytes, "\0\0\0\x04\0\0\0\0\0", 9);
		while (at + 9 + 24 < sizeof(bytes)) {
			size_t len = (size_t)rand_r(&seed) % 24;

			memcpy(bytes + at, "\0\0\0\0\0\0\0\0\0", 9);
			bytes[at + 2] = (char)len;
			bytes[at + 3] = (char)(rand_r(&seed) % 11);
			bytes[at + 4] = (char)(rand_r(&seed) % 64);
			bytes[at + 8] = (char)(rand_r(&seed) % 14);
			for (size_t i = 0; i < len; i++)
				bytes[at + 9 + i] = (char)(rand_r(&seed) >> 7);
			at += 9 + len;
		}
		give(r, bytes, at, (size_t)rand_r(&seed) % at);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_at_every_byte),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_each_bit_wrong),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_random_frames),
	};

	return cmocka_run_group_tests_name("bench/http2_hostile", tests, NULL, NULL);
}
