// SPDX-License-Identifier: Apache-2.0
/* test_header.c - header fields, status, topic, configuration, log, counters. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "functions/sdk/sprocket_test.h"
#include "shm/field.h"

static const char *const config[] = { "mode=fast", "key!", "plain", NULL };
static const char *const given[] = { "key", "secret", "extra", "e", NULL };
static sp_verdict (*step)(sp_request *req);
static int init_result, ready_result, fini_calls;

static sp_verdict on_request(sp_request *req, void *state)
{
	assert_string_equal(state, "state");
	return step(req);
}

static int init(sp_worker *worker, void **state)
{
	assert_true(sp_test_equals(sp_config(worker, "mode"), "fast"));
	assert_true(sp_test_equals(sp_config(worker, "key"), "secret"));
	assert_true(sp_test_equals(sp_config(worker, "extra"), "e"));
	assert_null(sp_config(worker, "plain").data);
	assert_null(sp_config(worker, "mod").data);
	sp_log(NULL, SP_INFO, "init");
	*state = (void *)(uintptr_t) "state";
	return init_result;
}

static int ready(void *state)
{
	assert_string_equal(state, "state");
	return ready_result;
}

static void fini(void *state)
{
	assert_string_equal(state, "state");
	fini_calls++;
}

static const sp_function function = { .abi = SP_ABI,
				      .name = "fn",
				      .on_request = on_request,
				      .init = init,
				      .fini = fini,
				      .ready = ready,
				      .config = config };

static int open_test(void **state)
{
	init_result = ready_result = fini_calls = 0;
	*state = sp_test_new(&function, given);
	return *state ? 0 : -1;
}

static int close_test(void **state)
{
	*state = sp_test_free(*state);
	return fini_calls == 1 ? 0 : -1;
}

/* ---- header fields ---- */

static sp_verdict read_headers(sp_request *req)
{
	sp_str name, value;
	int n = 0;

	assert_true(sp_test_equals(sp_header(req, "ACCEPT"), "*/*"));
	assert_non_null(sp_header(req, "x-empty").data);
	assert_int_equal(sp_header(req, "x-empty").len, 0);
	assert_null(sp_header(req, "x-none").data);
	while (sp_header_at(req, (size_t)n, &name, &value) == 0)
		n++;
	assert_int_equal(n, 2);
	assert_int_equal(sp_header_at(req, 0, &name, &value), 0);
	assert_true(sp_test_equals(name, "x-empty") || sp_test_equals(name, "accept"));
	return SP_NEXT;
}

static void request_fields_are_found(void **state)
{
	static const char *const headers[] = { "Accept", "*/*", "X-Empty", "", NULL };

	step = read_headers;
	assert_int_equal(SP_TEST(*state, .headers = headers)->verdict, SP_NEXT);
}

static sp_verdict set_headers(sp_request *req)
{
	assert_int_equal(sp_set_header(req, "Content-Type", SP_S("text/html")), 0);
	assert_int_equal(sp_set_topic(req, SP_S("between")), 0);
	assert_int_equal(sp_set_header(req, "content-type", SP_S("image/png")), 0);
	assert_int_equal(sp_set_header(req, "Set-Cookie", SP_S("a=1")), 0);
	assert_int_equal(sp_set_header(req, "Set-Cookie", SP_S("b=2")), 0);
	assert_int_equal(sp_set_header(req, "X-Nothing", SP_S("")), 0);
	assert_int_equal(sp_set_status(req, 199), -EINVAL);
	assert_int_equal(sp_set_status(req, 600), -EINVAL);
	assert_int_equal(sp_set_status(req, 201), 0);
	assert_true(sp_test_equals(sp_meta_of(req)->topic, "between"));
	return SP_REPLY;
}

static void response_fields_the_last_first(void **state)
{
	const sp_test_result *r;

	step = set_headers;
	r = SP_TEST(*state, .body = SP_S("body"));
	assert_int_equal(r->status, 201);
	assert_true(sp_test_equals(r->body, "body"));
	assert_true(sp_test_equals(r->topic, "between"));
	assert_true(sp_test_equals(sp_test_header(*state, "Content-Type"), "image/png"));
	assert_true(sp_test_equals(sp_test_header_at(*state, "set-cookie", 0), "b=2"));
	assert_true(sp_test_equals(sp_test_header_at(*state, "set-cookie", 1), "a=1"));
	assert_null(sp_test_header_at(*state, "set-cookie", 2).data);
	assert_non_null(sp_test_header(*state, "x-nothing").data);
}

static sp_verdict set_wrong(sp_request *req)
{
	static const char *const reserved[] = {
		"Connection",
		"Keep-Alive",
		"Proxy-Connection",
		"Proxy-Authenticate",
		"TE",
		"Trailer",
		"Transfer-Encoding",
		"Upgrade",
		"Content-Length",
		"Date",
		"Server",
		"X-Request-Id",
		"Traceparent",
		"Server-Timing",
		":status",
	};
	char longest[258];

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		assert_int_equal(sp_set_header(req, reserved[i], SP_S("x")), -EPERM);
	assert_int_equal(sp_set_header(req, "", SP_S("x")), -EINVAL);
	assert_int_equal(sp_set_header(req, "a b", SP_S("x")), -EINVAL);
	assert_int_equal(sp_set_header(req, "a:", SP_S("x")), -EINVAL);
	assert_int_equal(sp_set_header(req, "a\xc3", SP_S("x")), -EINVAL);
	assert_int_equal(sp_set_header(req, "x", SP_S("a\r\nSet-Cookie: b")), -EINVAL);
	assert_int_equal(sp_set_header(req, "x", SP_S("a\0b")), -EINVAL);
	assert_int_equal(sp_set_header(req, "x", SP_S("a\x7f")), -EINVAL);
	assert_int_equal(sp_set_header(req, "x", SP_S("tab\tand \xc3\xa4")), 0);
	memset(longest, 'n', sizeof(longest));
	longest[257] = '\0';
	assert_int_equal(sp_set_header(req, longest, SP_S("x")), -EINVAL);
	longest[256] = '\0';
	assert_int_equal(sp_set_header(req, longest, SP_S("x")), 0);
	return SP_NEXT;
}

static void wrong_fields_are_refused(void **state)
{
	step = set_wrong;
	assert_int_equal(SP_TEST(*state, .hop = 0)->verdict, SP_NEXT);
}

static void reserved_names_in_any_case(void **state)
{
	struct shm_field field = { "CONTENT-length", "1", 14, 1 };

	(void)state;
	assert_int_equal(shm_field_check(&field), -EPERM);
	field.name_len = 13;
	assert_int_equal(shm_field_check(&field), 0);
	field.value_len = SHM_VALUE_MAX + 1;
	assert_int_equal(shm_field_check(&field), -EINVAL);
}

/* ---- meta data that outgrow the buffer ---- */

static size_t field_len;

static sp_verdict set_big(sp_request *req)
{
	char *value = malloc(field_len);
	int r;

	memset(value, 'v', field_len);
	assert_int_equal(sp_set_header(req, "x-small", SP_S("s")), 0);
	r = sp_set_header(req, "x-big", (sp_str){ value, field_len });
	if (r == 0)
		r = sp_set_topic(req, (sp_str){ value, field_len });
	free(value);
	return r < 0 ? sp_fail(req, SP_ETOOBIG, "%d", r) : SP_NEXT;
}

static void fields_move_the_request_when_they_must(void **state)
{
	char body[2048];

	memset(body, 'b', sizeof(body));
	step = set_big;
	for (field_len = 100; field_len <= 60000; field_len += 1700) {
		const sp_test_result *r = SP_TEST(*state, .body = { body, sizeof(body) });

		assert_int_equal(r->verdict, SP_NEXT);
		assert_int_equal(r->body.len, sizeof(body));
		assert_memory_equal(r->body.data, body, sizeof(body));
		assert_int_equal(sp_test_header(*state, "x-big").len, field_len);
		assert_true(sp_test_equals(sp_test_header(*state, "x-small"), "s"));
		assert_int_equal(r->topic.len, field_len);
		assert_true(field_len < 1000 || r->moves > 0);
	}
	field_len = SHM_VALUE_MAX + 1;
	assert_true(sp_test_equals(SP_TEST(*state, .hop = 0)->error_text, "-22"));
	field_len = 4000;
	sp_test_deny(*state, 1);
	assert_true(sp_test_equals(SP_TEST(*state, .body = { body, sizeof(body) })->error_text,
				   "-28"));
}

static sp_verdict echo_field(sp_request *req)
{
	sp_str value = sp_header(req, "x-in");

	/* The request moves, and the value lies in the buffer it leaves. */
	assert_int_equal(sp_set_header(req, "x-out", value), 0);
	assert_int_equal(sp_set_topic(req, sp_header(req, "x-in")), 0);
	return SP_NEXT;
}

static void a_value_may_lie_in_the_request(void **state)
{
	const char *headers[] = { "X-In", NULL, NULL };
	const sp_test_result *r;
	char value[1501];

	memset(value, 'w', sizeof(value));
	value[1500] = '\0';
	headers[1] = value;
	step = echo_field;
	r = SP_TEST(*state, .headers = headers, .body = { value, 1500 });
	assert_true(sp_test_equals(sp_test_header(*state, "x-out"), value));
	assert_true(sp_test_equals(r->topic, value));
	assert_true(r->moves > 0);
}

/* ---- log and counters ---- */

SP_COUNTER(plates);
static sp_counter plates_too = { "plates", NULL };

static sp_verdict log_some(sp_request *req)
{
	sp_log(req, SP_WARNING, "two\nlines %d", 7);
	sp_log(NULL, SP_ERROR, "%*s", 3000, "far");
	unsetenv("SPROCKET_DEBUG");
	sp_log(req, SP_DEBUG, "unseen");
	setenv("SPROCKET_DEBUG", "1", 1);
	sp_log(req, SP_DEBUG, "seen");
	sp_count(&plates, 2);
	sp_count(&plates_too, 3);
	return SP_NEXT;
}

static void log_lines_are_whole_and_bounded(void **state)
{
	const char *log;

	assert_string_equal(sp_test_log(*state), "info  init\n");
	step = log_some;
	SP_TEST(*state, .id = "r1");
	log = sp_test_log(*state);
	assert_ptr_equal(strstr(log, "warn  two lines 7  request=r1\n"), log);
	assert_non_null(strstr(log, "...\nd"));
	assert_null(strstr(log, "unseen"));
	assert_non_null(strstr(log, "debug seen  request=r1\n"));
	assert_int_equal(strlen(log), strlen("warn  two lines 7  request=r1\n") + 1024 +
					      strlen("debug seen  request=r1\n"));
	assert_int_equal(sp_test_counter(*state, "plates"), 5);
	SP_TEST(*state, .id = "r2");
	assert_int_equal(sp_test_counter(*state, "plates"), 10);
}

static sp_verdict log_much(sp_request *req)
{
	for (int i = 0; i < 250; i++)
		sp_log(req, SP_INFO, "line");
	return SP_NEXT;
}

static void log_rate_is_limited(void **state)
{
	size_t lines = 0;

	step = log_much;
	SP_TEST(*state, .hop = 0);
	for (const char *c = sp_test_log(*state); *c; c++)
		lines += *c == '\n';
	/* 100, or 200 and a line about the dropped when a second began in between */
	assert_true(lines == 100 || lines == 201);
}

static sp_verdict count_many(sp_request *req)
{
	static sp_counter counters[100];
	static char names[100][8];

	(void)req;
	for (int i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d", i);
		counters[i].name = names[i];
		sp_count(&counters[i], 1);
	}
	return SP_NEXT;
}

static void counters_beyond_the_page_count_nowhere(void **state)
{
	step = count_many;
	SP_TEST(*state, .hop = 0);
	assert_int_equal(sp_test_counter(*state, "n40"), 1);
	assert_int_equal(sp_test_counter(*state, "n99"), 0);
}

/* ---- start ---- */

static void a_failed_start_says_why(void **state)
{
	static const sp_function no_name = { .abi = SP_ABI, .on_request = on_request };
	static const sp_function no_handler = { .abi = SP_ABI, .name = "x" };
	static const sp_function old = { .abi = 99, .name = "x", .on_request = on_request };

	(void)state;
	fini_calls = 0;
	init_result = -EACCES;
	assert_null(sp_test_new(&function, given));
	assert_int_equal(errno, EACCES);
	assert_int_equal(fini_calls, 0);
	init_result = 0;
	ready_result = -EAGAIN;
	assert_null(sp_test_new(&function, given));
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fini_calls, 1);
	assert_null(sp_test_new(&function, NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(sp_test_new(&no_name, NULL));
	assert_null(sp_test_new(&no_handler, NULL));
	assert_null(sp_test_new(&old, NULL));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_test, close_test)
	const struct CMUnitTest tests[] = {
		T(request_fields_are_found),
		T(response_fields_the_last_first),
		T(wrong_fields_are_refused),
		T(fields_move_the_request_when_they_must),
		T(a_value_may_lie_in_the_request),
		T(log_lines_are_whole_and_bounded),
		T(log_rate_is_limited),
		T(counters_beyond_the_page_count_nowhere),
		cmocka_unit_test(reserved_names_in_any_case),
		cmocka_unit_test(a_failed_start_says_why),
	};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
