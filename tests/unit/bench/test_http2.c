// SPDX-License-Identifier: Apache-2.0
/*
 * test_http2.c - the HTTP/2 codec against a real server in memory: what it asks arrives, what is
 * answered is told, and each way in which a server can fail a request has its name.
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

#include "tests/unit/bench/http2_rig.h"

#define MIB (1U << 20)

static char *bytes_new(size_t count)
{
	char *bytes = malloc(count);

	assert_non_null(bytes);
	for (size_t i = 0; i < count; i++)
		bytes[i] = (char)(i * 31 + i / 251);
	return bytes;
}

/* Whatever pieces the bytes come in. */
static void test_echo_in_pieces(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 9, 10, 64, 1000, 16384, SIZE_MAX };
	char *body = bytes_new(40000);

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct rig *r = rig_new(2, false, 100);
		const struct rig_told *t;

		r->piece = pieces[i];
		assert_int_equal(rig_ask(r, 11, "/echo", body, 40000), 0);
		assert_int_equal(rig_ask(r, 12, "/ok", NULL, 0), 0);
		assert_int_equal(bench_http2.ended(r->codec), -EPIPE);
		rig_pump(r);
		assert_int_equal(r->input_result, 0);
		t = rig_told(r, 11);
		assert_true(t->answered);
		assert_int_equal(t->status, 200);
		assert_int_equal(t->body_len, 40000);
		assert_true(t->hash == rig_hash(body, 40000));
		assert_string_equal(t->timing, "a;dur=0.1, b;dur=0.2");
		assert_string_equal(t->cookie, "last=2");
		assert_false(t->close);
		t = rig_told(r, 12);
		assert_true(t->answered);
		assert_int_equal(t->body_len, 0);
		assert_string_equal(t->timing, "");
		assert_string_equal(t->cookie, "");
		assert_string_equal(r->authority, "host.test:80");
		assert_int_equal(bench_http2.ended(r->codec), 0);
		rig_free(r);
	}
	free(body);
}

static void test_header_fields_of_the_message(void **state)
{
	const struct bench_header headers[] = { { "te", "trailers" }, { "x-seen", "this one" } };
	struct bench_message m = { .method = "PUT",
				   .path = "/ok?not",
				   .path_len = 3,
				   .host = "a",
				   .headers = headers,
				   .header_count = 2 };
	struct rig *r = rig_new(1, false, 0);

	(void)state;
	assert_int_equal(bench_http2.ask(r->codec, 1, &m), 0);
	rig_pump(r);
	assert_true(rig_told(r, 1)->answered);
	assert_string_equal(r->seen, "this one");
	rig_free(r);
}

/* Windows are never what holds an answer back, and both ways are as long as may be. */
static void test_large_bodies(void **state)
{
	char *body = bytes_new(16 * MIB);
	struct rig *r = rig_new(4, false, 100);

	(void)state;
	for (uint64_t token = 0; token < 4; token++)
		assert_int_equal(rig_ask(r, token, "/echo", body, 16 * MIB), 0);
	rig_pump(r);
	for (uint64_t token = 0; token < 4; token++) {
		const struct rig_told *t = rig_told(r, token);

		assert_true(t->answered);
		assert_int_equal(t->body_len, 16 * MIB);
		assert_true(t->hash == rig_hash(body, 16 * MIB));
	}
	rig_free(r);
	free(body);
}

static void test_an_answer_too_large(void **state)
{
	struct rig *r = rig_new(2, false, 100);

	(void)state;
	assert_int_equal(rig_ask(r, 1, "/67108865", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 2, "/67108864", NULL, 0), 0);
	rig_pump(r);
	assert_false(rig_told(r, 1)->answered);
	assert_int_equal(rig_told(r, 1)->error, BENCH_ERROR_length);
	assert_true(rig_told(r, 2)->answered);
	assert_int_equal(rig_told(r, 2)->body_len, BENCH_ANSWER_MAX);
	assert_int_equal(bench_http2.room(r->codec), 2);
	rig_free(r);
}

static void test_bodies_only_counted(void **state)
{
	struct rig *r = rig_new(1, true, 100);

	(void)state;
	assert_int_equal(rig_ask(r, 1, "/100000", NULL, 0), 0);
	rig_pump(r);
	assert_true(rig_told(r, 1)->answered);
	assert_int_equal(rig_told(r, 1)->body_len, 100000);
	assert_int_equal(rig_told(r, 1)->hash, 0);
	rig_free(r);
}

/* The room is what we want or what the server allows; an answer's callback has room again. */
static void test_room(void **state)
{
	struct rig *r = rig_new(8, false, 3);

	(void)state;
	assert_int_equal(bench_http2.room(r->codec), 8);
	rig_pump(r);
	assert_int_equal(bench_http2.room(r->codec), 3);
	for (uint64_t token = 0; token < 3; token++)
		assert_int_equal(rig_ask(r, token, "/ok", NULL, 0), 0);
	assert_int_equal(bench_http2.room(r->codec), 0);
	assert_int_equal(rig_ask(r, 3, "/ok", NULL, 0), -EAGAIN);
	r->again = 500;
	r->again_message = (struct bench_message){ .method = "POST",
						   .path = "/echo",
						   .path_len = 5,
						   .host = "h",
						   .body = "again",
						   .body_len = 5 };
	rig_pump(r);
	assert_int_equal(r->answered, 503);
	assert_int_equal(r->told[r->told_count - 1].body_len, 5);
	assert_int_equal(bench_http2.room(r->codec), 3);
	rig_free(r);
}

/* Before the server has said anything not more than every server should allow is asked. */
static void test_room_at_first(void **state)
{
	struct rig *r = rig_new(BENCH_STREAMS_MAX, false, 0);

	(void)state;
	assert_int_equal(bench_http2.room(r->codec), 100);
	rig_pump(r);
	assert_int_equal(bench_http2.room(r->codec), BENCH_STREAMS_MAX);
	for (uint64_t token = 0; token < BENCH_STREAMS_MAX; token++)
		assert_int_equal(rig_ask(r, token, "/echo", "abc", 3), 0);
	assert_int_equal(rig_ask(r, 9999, "/ok", NULL, 0), -EAGAIN);
	rig_pump(r);
	for (uint64_t token = 0; token < BENCH_STREAMS_MAX; token++)
		assert_int_equal(rig_told(r, token)->body_len, 3);
	rig_free(r);
}

static const struct {
	const char *path;
	bool fails;
	enum bench_error error;
} endings[] = {
	{ "/ok", false, 0 },
	{ "/interim", false, 0 },
	{ "/early", false, 0 },
	{ "/grpc/0", false, 0 },
	{ "/grpc-only/0", false, 0 },
	{ "/grpc/5", true, BENCH_ERROR_status },
	{ "/grpc-only/14", true, BENCH_ERROR_status },
	{ "/grpc/none", true, BENCH_ERROR_malformed },
	{ "/short", true, BENCH_ERROR_malformed },
	{ "/long", true, BENCH_ERROR_malformed },
	{ "/fields", true, BENCH_ERROR_malformed },
	{ "/reset/0", true, BENCH_ERROR_reset },
	{ "/reset/2", true, BENCH_ERROR_reset },
	{ "/reset/7", true, BENCH_ERROR_reset }, /* REFUSED_STREAM */
	{ "/reset/8", true, BENCH_ERROR_reset },
	{ "/reset/11", true, BENCH_ERROR_shed }, /* ENHANCE_YOUR_CALM */
	{ "/half", true, BENCH_ERROR_reset },
};
#define ENDINGS (sizeof(endings) / sizeof(*endings))

/* Each ends as it should, all at a time, and the connection goes on. */
static void test_endings(void **state)
{
	/* Smaller ones make libnghttp2 refuse /fields: it counts a CONTINUATION once a read. */
	static const size_t pieces[] = { 200, 1000, SIZE_MAX };
	char *body = bytes_new(MIB);

	(void)state;
	for (size_t p = 0; p < 3; p++) {
		struct rig *r = rig_new(ENDINGS, false, 100);

		r->piece = pieces[p];
		for (size_t i = 0; i < ENDINGS; i++)
			assert_int_equal(rig_ask(r, i, endings[i].path, body,
						 strcmp(endings[i].path, "/early") == 0 ? MIB : 99),
					 0);
		rig_pump(r);
		assert_int_equal(r->input_result, 0);
		for (size_t i = 0; i < ENDINGS; i++) {
			assert_int_equal(rig_told(r, i)->answered, !endings[i].fails);
			assert_int_equal(rig_told(r, i)->error, endings[i].error);
		}
		assert_int_equal(bench_http2.room(r->codec), ENDINGS);
		assert_false(bench_http2.leaving(r->codec));
		assert_int_equal(rig_ask(r, 100, "/echo", body, MIB), 0);
		rig_pump(r);
		assert_true(rig_told(r, 100)->hash == rig_hash(body, MIB));
		assert_int_equal(bench_http2.ended(r->codec), 0);
		rig_free(r);
	}
	free(body);
}

/* An answer that comes before all of the body was taken: the body is not looked at again. */
static void test_early_answer_lets_go_of_the_body(void **state)
{
	char *body = bytes_new(4 * MIB);
	struct rig *r = rig_new(1, false, 100);

	(void)state;
	assert_int_equal(rig_ask(r, 1, "/early", body, 4 * MIB), 0);
	r->again = 1;
	r->again_message = (struct bench_message){
		.method = "GET", .path = "/ok", .path_len = 3, .host = "h"
	};
	while (!r->told_count) { /* no window is given back: it cannot all go */
		const char *bytes;
		const uint8_t *in;
		size_t count = bench_http2.output(r->codec, &bytes);
		ssize_t got;

		nghttp2_session_mem_recv(r->server, (const uint8_t *)bytes, count);
		bench_http2.sent(r->codec, count);
		while ((got = nghttp2_session_mem_send(r->server, &in)) > 0)
			assert_int_equal(bench_http2.input(r->codec, (const char *)in, (size_t)got),
					 0);
	}
	free(body);
	rig_pump(r);
	assert_int_equal(r->answered, 2);
	rig_free(r);
}

/* What the server has still promised is waited for; the rest is lost, and nothing more asked. */
static void test_goaway(void **state)
{
	struct rig *r = rig_new(4, false, 100);

	(void)state;
	rig_pump(r);
	assert_int_equal(rig_ask(r, 1, "/never", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 2, "/leave", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 3, "/never", NULL, 0), 0);
	rig_pump(r);
	assert_int_equal(r->input_result, 0);
	assert_true(bench_http2.leaving(r->codec));
	assert_int_equal(bench_http2.room(r->codec), 0);
	assert_int_equal(rig_ask(r, 4, "/ok", NULL, 0), -EPROTO);
	assert_int_equal(r->told_count, 2);
	assert_true(rig_told(r, 2)->answered);
	assert_true(rig_told(r, 2)->close);
	assert_int_equal(rig_told(r, 3)->error, BENCH_ERROR_reset);
	assert_int_equal(bench_http2.ended(r->codec), -EPIPE);
	rig_free(r);
}

/* What was asked, but not yet written when the server's GOAWAY came. */
static void test_goaway_before_it_was_sent(void **state)
{
	struct rig *r = rig_new(4, false, 100);
	const char *bytes;

	(void)state;
	assert_int_equal(rig_ask(r, 1, "/away", NULL, 0), 0);
	rig_pump_out(r);
	assert_int_equal(bench_http2.output(r->codec, &bytes), 0);
	assert_int_equal(rig_ask(r, 2, "/ok", NULL, 0), 0);
	assert_int_equal(rig_ask(r, 3, "/echo", "body", 4), 0);
	for (ssize_t n; (n = nghttp2_session_mem_send(r->server, (const uint8_t **)&bytes)) > 0;)
		assert_int_equal(bench_http2.input(r->codec, bytes, (size_t)n), 0);
	for (uint64_t token = 1; token <= 3; token++) {
		assert_false(rig_told(r, token)->answered);
		assert_int_equal(rig_told(r, token)->error, BENCH_ERROR_reset);
	}
	assert_int_equal(bench_http2.ended(r->codec), 0);
	rig_free(r);
}

/* Bytes given out stay where they are until they are said to be sent. */
static void test_output_holds(void **state)
{
	struct rig *r = rig_new(64, false, 100);
	char *before, *body = bytes_new(MIB);
	const char *bytes, *again;
	size_t count;

	(void)state;
	assert_int_equal(rig_ask(r, 1, "/ok", NULL, 0), 0);
	count = bench_http2.output(r->codec, &bytes);
	assert_true(count > 24);
	before = malloc(count);
	memcpy(before, bytes, count);
	for (uint64_t token = 2; token < 60; token++)
		assert_int_equal(rig_ask(r, token, "/echo", body, MIB), 0);
	assert_int_equal(bench_http2.output(r->codec, &again), count);
	assert_ptr_equal(again, bytes);
	assert_memory_equal(before, bytes, count);
	rig_pump(r);
	assert_int_equal(r->answered, 59);
	rig_free(r);
	free(before);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo_in_pieces),
		cmocka_unit_test(test_header_fields_of_the_message),
		cmocka_unit_test(test_large_bodies),
		cmocka_unit_test(test_an_answer_too_large),
		cmocka_unit_test(test_bodies_only_counted),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_room_at_first),
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_early_answer_lets_go_of_the_body),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_goaway_before_it_was_sent),
		cmocka_unit_test(test_output_holds),
	};

	return cmocka_run_group_tests_name("bench/http2", tests, NULL, NULL);
}
