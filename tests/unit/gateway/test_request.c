// SPDX-License-Identifier: Apache-2.0
/* Requests on their way in, and the plain answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "rig.h"

#define ID32 "0123456789abcdef0123456789abcdef"

static struct rig rig;
static struct client c;
static struct reply reply;

static int setup(void **state)
{
	struct rig_config config = {
		.workers = 1, .timeout_ms = 5000, .buffers = 32, .trace = true
	};

	(void)state;
	rig_start(&rig, &config);
	client_open(&c, rig.port);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (c.fd >= 0)
		client_close(&c);
	rig_assert_all_free(&rig);
	rig_stop(&rig);
	return 0;
}

/* Plays the function: upper-cases the first byte and answers. */
static void serve_one(void)
{
	struct sp_desc d = rig_take(&rig);
	char *payload = shm_buffer_payload(rig_slot(&rig, d.buf));

	if (d.len > 0)
		payload[0] ^= 0x20;
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
}

static void expect_slice(struct sp_desc d, struct shm_slice s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(shm_slice_data(rig_slot(&rig, d.buf), s), text, s.len);
}

static void test_a_request_reaches_the_function_whole(void **state)
{
	struct shm_header *h;
	struct shm_field f;
	struct sp_desc d;
	uint32_t pos = 0;

	(void)state;
	client_post(&c, "/work?a=1&b=%20",
		    "X-Request-Id: abc-1\r\nCE-Type: plate\r\n"
		    "Connection: keep-alive, x-secret\r\nX-Secret: no\r\nX-Two: 1\r\nX-Two: 2\r\n"
		    "TE: trailers\r\nProxy-Authorization: no\r\n",
		    "hello", 5);
	d = rig_take(&rig);
	h = rig_slot(&rig, d.buf);
	assert_int_equal(d.len, 5);
	assert_int_equal(d.edge, 1);
	assert_int_equal(d.flags, 0);
	assert_memory_equal(shm_buffer_payload(h), "hello", 5);
	expect_slice(d, h->method, "POST");
	expect_slice(d, h->path, "/work");
	expect_slice(d, h->query, "a=1&b=%20");
	expect_slice(d, h->id, "abc-1");
	expect_slice(d, h->topic, "plate");
	assert_true(h->deadline_ns > 0);
	assert_true(shm_record_find(h, h->request_headers, "host", 4, &f));
	assert_memory_equal(f.value, "rig", 3);
	assert_false(shm_record_find(h, h->request_headers, "x-secret", 8, &f));
	assert_false(shm_record_find(h, h->request_headers, "connection", 10, &f));
	assert_false(shm_record_find(h, h->request_headers, "te", 2, &f));
	assert_false(shm_record_find(h, h->request_headers, "proxy-authorization", 19, &f));
	assert_true(shm_record_find(h, h->request_headers, "x-two", 5, &f));
	assert_memory_equal(f.value, "1", 1); /* in the order they came */
	while (shm_record_next(h, h->request_headers, &pos, &f) == 1)
		;
	assert_int_equal(pos, h->request_headers.len);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "hello");
	assert_string_equal(reply_field(&reply, "x-request-id"), "abc-1");
	assert_string_equal(reply_field(&reply, "content-type"), "application/octet-stream");
	assert_non_null(strstr(reply_field(&reply, "server-timing"), "first;dur="));
	assert_non_null(strstr(reply_field(&reply, "server-timing"), "buffer;desc=\"2Ki/"));
}

static void test_the_absolute_form_names_host_and_path(void **state)
{
	struct shm_header *h;
	struct shm_field f;
	struct sp_desc d;

	(void)state;
	client_say(&c, "GET http://other:81/any/../work?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
	d = rig_take(&rig);
	h = rig_slot(&rig, d.buf);
	expect_slice(d, h->path, "/work");
	expect_slice(d, h->query, "x=1");
	assert_true(shm_record_find(h, h->request_headers, "host", 4, &f));
	assert_int_equal(f.value_len, 8);
	assert_memory_equal(f.value, "other:81", 8);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
}

static void test_topic_selects_the_edge(void **state)
{
	struct sp_desc d;

	(void)state;
	client_post(&c, "/work", "ce-type: to.second\r\n", "x", 1);
	d = rig_take(&rig);
	assert_int_equal(d.edge, 2);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
}

static void test_trace_context_is_kept_or_made(void **state)
{
	const char *sent = "00-" ID32 "-0123456789abcdef-01";
	const char *got;

	(void)state;
	client_post(&c, "/work", "traceparent: 00-" ID32 "-0123456789abcdef-01\r\n", "", 0);
	serve_one();
	client_reply(&c, &reply, false);
	got = reply_field(&reply, "traceparent");
	assert_memory_equal(got, sent, 36);
	assert_memory_not_equal(got + 36, sent + 36, 16);
	assert_string_equal(got + 52, "-01");
	client_post(&c, "/work",
		    "traceparent: 00-" ID32 "-0000000000000000-01\r\n"
		    "X-Request-Id: with space\r\n",
		    "", 0);
	serve_one();
	client_reply(&c, &reply, false);
	assert_memory_not_equal(reply_field(&reply, "traceparent"), sent, 36);
	assert_int_equal(strlen(reply_field(&reply, "x-request-id")), 32);
}

static void test_refusals_are_problem_documents(void **state)
{
	(void)state;
	client_say(&c, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 404, "not-found");
	client_say(&c, "DELETE /work HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine\r\n\r\n");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 405, "method-not-allowed");
	assert_string_equal(reply_field(&reply, "allow"), "POST, GET, HEAD");
	assert_string_equal(reply_field(&reply, "x-request-id"), "mine");
	client_say(&c, "GET /lost HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 404, "no-route");
	client_say(&c, "GET /any/%%00 HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 400, "bad-path");
	client_say(&c, "GET /work HTTP/1.1\r\n\r\n");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 400, "no-host");
	client_say(&c, "GET /any/../work/%%2e%%2e/nope HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 404, "not-found");
}

static void test_bodies_over_the_limit(void **state)
{
	char *body = calloc(1, 8193);

	(void)state;
	client_post(&c, "/work", "", body, 8193); /* the ingress's limit */
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 413, "body-too-large");
	client_post(&c, "/work", "", body, 8192); /* the connection still serves */
	serve_one();
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	free(body);
	/* libh2o's own limit: its page is replaced, and survives the rest of the upload. */
	body = calloc(1, 8 << 20);
	client_post(&c, "/work", "", body, 8 << 20);
	free(body);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 413, "body-too-large");
	assert_true(client_closed(&c, RIG_WAIT_MS));
}

static void test_headers_move_to_a_larger_buffer_or_are_refused(void **state)
{
	struct sp_desc d;
	char field[4096], *body = calloc(1, 2048);

	(void)state;
	/* 3 kB of fields beside 2 KiB of body: more than the slot of the smallest class. */
	memset(field, 'x', sizeof(field));
	memcpy(field, "X-Long: ", 8);
	memcpy(field + 3000, "\r\n", 3);
	client_post(&c, "/work", field, body, 2048);
	d = rig_take(&rig);
	assert_int_equal(shm_layout_class(&rig.layout, d.buf)->size, 65536);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	free(body);
	/* No buffer has room for these and the body. (More is more than a head may have.) */
	client_say(&c, "POST /any/x HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n");
	for (int i = 0; i < 20; i++)
		client_say(&c, "X-%d: %.*s\r\n", i, 2900, field);
	client_say(&c, "\r\n");
	for (int i = 0; i < 50; i++)
		client_say(&c, "%1000s", "");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 431, "headers-too-large");
}

static void test_body_sizes_around_the_classes(void **state)
{
	static const size_t sizes[] = { 0, 1, 2047, 2048, 2049, 59999, 60000 };
	static char body[60000];

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 31);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		client_post(&c, "/any/size", "", body, sizes[i]);
		serve_one();
		client_reply(&c, &reply, false);
		assert_int_equal(reply.status, 200);
		assert_int_equal(reply.body_len, sizes[i]);
		if (sizes[i] > 0) {
			assert_int_equal(reply.body[0], body[0] ^ 0x20);
			assert_memory_equal(reply.body + 1, body + 1, sizes[i] - 1);
		}
	}
}

static void test_chunked_and_split_bodies(void **state)
{
	const char *text = "POST /work HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";

	(void)state;
	for (const char *p = text; *p; p++)
		client_send(&c, p, 1);
	serve_one();
	client_reply(&c, &reply, false);
	assert_string_equal(reply.body, "Abcdefg");
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		client_say(&c, "POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nn%02d",
			   i);
	for (int i = 0; i < 20; i++) {
		char expected[8];

		serve_one();
		client_reply(&c, &reply, false);
		snprintf(expected, sizeof(expected), "N%02d", i);
		assert_string_equal(reply.body, expected);
	}
}

static void test_head_has_no_body(void **state)
{
	struct sp_desc d;

	(void)state;
	client_say(&c, "HEAD /work HTTP/1.1\r\nHost: h\r\n\r\n");
	d = rig_take(&rig);
	memcpy(shm_buffer_payload(rig_slot(&rig, d.buf)), "four", 4);
	d.len = 4;
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, true);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply_field(&reply, "content-length"), "4");
	client_say(&c, "HEAD /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, true);
	assert_int_equal(reply.status, 404);
	client_say(&c, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false); /* nothing of a body is in the way */
	assert_int_equal(reply.status, 200);
}

static void test_health_and_readiness(void **state)
{
	(void)state;
	client_say(&c, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "ok\n");
	rig_tell(&rig, WIRING_UP, 0, 1, 0);
	rig_stats(&rig);
	client_say(&c, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 503);
	assert_string_equal(reply.body, "function second has no instance\n");
	rig_tell(&rig, WIRING_UP, 0, 2, 0);
	rig_stats(&rig);
	client_say(&c, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	rig_tell(&rig, WIRING_LOST, RIG_FN_SLOT, 2, 0);
	rig_hear(&rig, WIRING_RECLAIMED);
	client_say(&c, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 503);
}

/* RFC 9113, 3.1: an upgrade, which curl asks for without a body, is no way to it any more. */
static void test_http2_by_prior_knowledge_alone(void **state)
{
	static const char *const ways[] = { "--http2-prior-knowledge", "--http2" };
	char command[256], line[256];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sp_desc d;
		FILE *curl;

		snprintf(command, sizeof(command),
			 "curl -s -o - -w '%%{http_version} %%{http_code}' %s "
			 "'http://127.0.0.1:%d/any/h2?q'",
			 ways[i], rig.port);
		curl = popen(command, "r");
		assert_non_null(curl);
		d = rig_take(&rig);
		memcpy(shm_buffer_payload(rig_slot(&rig, d.buf)), "over h2 ", 8);
		d.len = 8;
		rig_send(&rig, d, SP_EDGE_REPLY, 0);
		assert_non_null(fgets(line, sizeof(line), curl));
		pclose(curl);
		assert_string_equal(line, i == 0 ? "over h2 2 200" : "over h2 1.1 200");
	}
}

static void test_requests_are_sent_in_one_batch(void **state)
{
	static struct client many[16];
	struct wiring_stats stats;

	(void)state;
	for (int i = 0; i < 16; i++) {
		client_open(&many[i], rig.port);
		client_post(&many[i], "/work", "", "x", 1);
	}
	for (int i = 0; i < 16; i++)
		serve_one();
	for (int i = 0; i < 16; i++) {
		client_reply(&many[i], &reply, false);
		assert_int_equal(reply.status, 200);
		client_close(&many[i]);
	}
	stats = rig_stats(&rig);
	assert_int_equal(stats.requests, 16);
	assert_int_equal(stats.answered, 16);
	assert_int_equal(stats.in_flight, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_request_reaches_the_function_whole),
		T(test_the_absolute_form_names_host_and_path),
		T(test_topic_selects_the_edge),
		T(test_trace_context_is_kept_or_made),
		T(test_refusals_are_problem_documents),
		T(test_bodies_over_the_limit),
		T(test_headers_move_to_a_larger_buffer_or_are_refused),
		T(test_body_sizes_around_the_classes),
		T(test_chunked_and_split_bodies),
		T(test_pipelined_requests_are_answered_in_order),
		T(test_head_has_no_body),
		T(test_health_and_readiness),
		T(test_http2_by_prior_knowledge_alone),
		T(test_requests_are_sent_in_one_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
