// SPDX-License-Identifier: Apache-2.0
/* What functions answer, well and badly. */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "functions/sdk/sprocket.h"
#include "rig.h"

static struct rig rig;
static struct client c;
static struct reply reply;

static int setup(void **state)
{
	struct rig_config config = { .workers = 1, .timeout_ms = 5000, .buffers = 8 };

	(void)state;
	rig_start(&rig, &config);
	client_open(&c, rig.port);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_say(&c, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"); /* it lives, in step */
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	client_close(&c);
	rig_assert_all_free(&rig);
	rig_stop(&rig);
	return 0;
}

static struct sp_desc post(void)
{
	client_post(&c, "/work", "", "body", 4);
	return rig_take(&rig);
}

static void answer(struct sp_desc d, uint8_t flags)
{
	rig_send(&rig, d, SP_EDGE_REPLY, flags);
	client_reply(&c, &reply, false);
}

static void push(struct sp_desc d, const char *name, const char *value)
{
	struct shm_header *h = rig_slot(&rig, d.buf);
	struct shm_field f = { name, value, (uint32_t)strlen(name), (uint32_t)strlen(value) };

	assert_int_equal(shm_record_push(h, d.len, &h->response_headers, &f), 0);
}

static void test_status_and_fields_reach_the_client(void **state)
{
	struct sp_desc d = post();

	(void)state;
	rig_slot(&rig, d.buf)->status = 201;
	push(d, "X-Plate", "first");
	push(d, "set-cookie", "a=1");
	push(d, "set-cookie", "b=2");
	push(d, "content-type", "text/plain");
	push(d, "x-plate", "second");
	answer(d, 0);
	assert_int_equal(reply.status, 201);
	assert_string_equal(reply_field(&reply, "x-plate"), "second");
	assert_string_equal(reply_field(&reply, "content-type"), "text/plain");
	assert_null(strstr(reply.head, "first"));
	assert_true(strstr(reply.head, "a=1") < strstr(reply.head, "b=2"));
	assert_non_null(strstr(reply.head, "b=2"));
	assert_string_equal(reply.body, "body");
}

/* A client that sends ahead moves what it sent before, while its request is in the chain. */
static void test_vary_is_what_the_function_said(void **state)
{
	static char ahead[40000];
	struct sp_desc d;

	(void)state;
	client_say(&c, "GET /work HTTP/1.1\r\nHost: h\r\n"
		       "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)\r\n\r\n");
	d = rig_take(&rig);
	memset(ahead, 'x', sizeof(ahead));
	client_send(&c, ahead, sizeof(ahead));
	rig_stats(&rig); /* it has had a turn */
	push(d, "vary", "x-a");
	answer(d, 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply_field(&reply, "vary"), "x-a");
	assert_null(reply_field(&reply, "cache-control"));
	client_close(&c); /* the stray bytes spoil the next request */
	client_open(&c, rig.port);
}

static void test_space_around_a_value_is_none_of_it(void **state)
{
	struct sp_desc d = post();

	(void)state;
	push(d, "x-a", " \tone two\t ");
	push(d, "x-b", " \t");
	answer(d, 0);
	assert_non_null(strstr(reply.head, "x-a: one two\r\n"));
	assert_non_null(strstr(reply.head, "x-b: \r\n"));
}

static void test_dropped_is_204(void **state)
{
	(void)state;
	answer(post(), SP_DESC_DROPPED);
	assert_int_equal(reply.status, 204);
	assert_null(reply_field(&reply, "content-length"));
	rig_send(&rig, post(), SP_EDGE_RELEASE, SP_DESC_DROPPED); /* no reply, whatever it says */
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 502, "released");
}

static void test_empty_and_bodiless_answers(void **state)
{
	struct sp_desc d = post();

	(void)state;
	d.len = 0;
	answer(d, 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply_field(&reply, "content-length"), "0");
	assert_null(reply_field(&reply, "content-type"));
	d = post();
	rig_slot(&rig, d.buf)->status = 304;
	answer(d, 0);
	assert_int_equal(reply.status, 304);
	d = post();
	rig_slot(&rig, d.buf)->status = 205;
	answer(d, 0);
	assert_int_equal(reply.status, 205);
	assert_string_equal(reply_field(&reply, "content-length"), "0");
}

static void test_failures_become_problems(void **state)
{
	struct sp_desc d = post();

	(void)state;
	rig_slot(&rig, d.buf)->error = SP_ENOTFOUND;
	d.len = 12;
	memcpy(shm_buffer_payload(rig_slot(&rig, d.buf)), "no \"B\xff-1\"\n\x01.", 12);
	answer(d, SP_DESC_FAILED);
	reply_assert_problem(&reply, 404, "function-failed");
	assert_non_null(strstr(reply.body, "\"detail\":\"no \\\"B\xef\xbf\xbd-1\\\"\\n\\u0001.\""));
	assert_non_null(strstr(reply.body, "\"title\":\"not found\""));
	assert_non_null(strstr(reply.body, "\"function\":\"first\""));
	d = post();
	rig_slot(&rig, d.buf)->error = 200; /* no such error */
	d.len = 0;
	answer(d, SP_DESC_FAILED);
	reply_assert_problem(&reply, 502, "function-failed");
	assert_int_equal(rig_stats(&rig).failed, 2);
}

static void test_a_long_failure_text_is_cut_between_characters(void **state)
{
	struct sp_desc d = post();
	char *text = shm_buffer_payload(rig_slot(&rig, d.buf)), *end;

	(void)state;
	for (int i = 0; i < 1500; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	d.len = 1500;
	rig_slot(&rig, d.buf)->error = SP_EINPUT;
	answer(d, SP_DESC_FAILED);
	reply_assert_problem(&reply, 400, "function-failed");
	assert_null(strstr(reply.body, "\xef\xbf\xbd"));
	end = strstr(reply.body, "\",\"chain\"");
	assert_non_null(end);
	assert_int_equal(end - strstr(reply.body, "\xe2\x82\xac"), 1023);
}

static void test_garbage_is_502_and_counted(void **state)
{
	struct shm_header *h;
	struct sp_desc d = post();

	(void)state;
	memset(rig_slot(&rig, d.buf), 0xff, SHM_HEADER_SIZE);
	answer(d, 0);
	reply_assert_problem(&reply, 502, "bad-buffer");

	d = post(); /* a length that reaches into the meta data */
	d.len = rig_slot(&rig, d.buf)->meta_low - SHM_HEADER_SIZE + 1;
	answer(d, 0);
	reply_assert_problem(&reply, 502, "bad-buffer");

	d = post(); /* fields outside the slot */
	h = rig_slot(&rig, d.buf);
	h->response_headers = (struct shm_slice){ h->meta_low, 0x7fffffff };
	answer(d, 0);
	reply_assert_problem(&reply, 502, "bad-buffer");

	d = post(); /* records that are none */
	h = rig_slot(&rig, d.buf);
	push(d, "x-a", "1");
	memset(shm_slice_data(h, h->response_headers), 0xee, 8);
	answer(d, 0);
	reply_assert_problem(&reply, 502, "bad-buffer");
	assert_int_equal(rig_stats(&rig).bad_buffer, 4);
}

static void test_forbidden_fields_and_statuses_are_502(void **state)
{
	static const char *const bad[][2] = {
		{ "content-length", "5" }, { "Transfer-Encoding", "chunked" },
		{ "x-a", "1\r\nx-b: 2" },  { "x a", "1" },
		{ "connection", "close" },
	};
	struct sp_desc d;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		d = post();
		push(d, bad[i][0], bad[i][1]);
		answer(d, 0);
		reply_assert_problem(&reply, 502, "bad-header");
	}
	d = post();
	for (int i = 0; i < 65; i++) {
		char name[8];

		snprintf(name, sizeof(name), "x-%d", i);
		push(d, name, "");
	}
	answer(d, 0);
	reply_assert_problem(&reply, 502, "bad-header");
	d = post();
	rig_slot(&rig, d.buf)->status = 101;
	answer(d, 0);
	reply_assert_problem(&reply, 502, "bad-status");
}

static void test_a_released_request_is_502(void **state)
{
	uint64_t failed = rig_stats(&rig).failed;

	(void)state;
	rig_send(&rig, post(), SP_EDGE_RELEASE, 0);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 502, "released");
	assert_int_equal(rig_stats(&rig).failed, failed + 1);
}

static void test_leftovers_are_ignored(void **state)
{
	struct sp_desc d = post(), stale = d;

	(void)state;
	stale.edge = SP_EDGE_REPLY;
	stale.gen--; /* of another life of the buffer */
	rig_write(&rig, d.home, &stale, sizeof(stale));
	stale.gen++; /* still ours, not the gateway's */
	rig_write(&rig, d.home, &stale, sizeof(stale));
	stale.buf = 0xfffffff0;
	rig_write(&rig, d.home, &stale, sizeof(stale));
	answer(d, 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "body");
	rig_write(&rig, d.home, &stale, sizeof(stale));
	d.edge = SP_EDGE_REPLY;
	rig_write(&rig, d.home, &d, sizeof(d)); /* twice */
}

static void test_a_descriptor_in_two_parts(void **state)
{
	struct sp_desc d = post();

	(void)state;
	d.edge = SP_EDGE_REPLY;
	rig_hand_over(&rig, &d, d.home, SP_GATEWAY_FN);
	rig_write(&rig, d.home, &d, 5);
	client_say(&c, " "); /* gives the gateway a turn in between; ignored until answered */
	assert_false(client_readable(&c, 20));
	rig_write(&rig, d.home, (const char *)&d + 5, sizeof(d) - 5);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	client_close(&c); /* the stray byte spoils the next request */
	client_open(&c, rig.port);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_status_and_fields_reach_the_client),
		T(test_vary_is_what_the_function_said),
		T(test_space_around_a_value_is_none_of_it),
		T(test_dropped_is_204),
		T(test_empty_and_bodiless_answers),
		T(test_failures_become_problems),
		T(test_a_long_failure_text_is_cut_between_characters),
		T(test_garbage_is_502_and_counted),
		T(test_forbidden_fields_and_statuses_are_502),
		T(test_a_released_request_is_502),
		T(test_leftovers_are_ignored),
		T(test_a_descriptor_in_two_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
