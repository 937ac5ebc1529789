// SPDX-License-Identifier: Apache-2.0
/* test_request.c - every public call that works on a request, through libsprocket-test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "functions/sdk/sprocket_test.h"

static const char *const edges[] = { "found", "none", NULL };
static sp_verdict (*step)(sp_request *req);

static sp_verdict on_request(sp_request *req, void *state)
{
	(void)state;
	return step(req);
}

static const sp_function function = {
	.abi = SP_ABI, .name = "fn", .on_request = on_request, .edges = edges
};

static int open_test(void **state)
{
	*state = sp_test_new(&function, NULL);
	return *state ? 0 : -1;
}

static int close_test(void **state)
{
	*state = sp_test_free(*state);
	return 0;
}

static char *letters(size_t len)
{
	char *text = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 26);
	text[len] = '\0';
	return text;
}

static sp_verdict check_meta(sp_request *req)
{
	const sp_meta *m = sp_meta_of(req);

	assert_true(sp_test_equals(m->method, "PUT"));
	assert_true(sp_test_equals(m->path, "/a/b"));
	assert_true(sp_test_equals(m->query, "x=1&y=?"));
	assert_true(sp_test_equals(m->topic, "cars"));
	assert_true(sp_test_equals(m->id, "id-7"));
	assert_true(sp_test_equals(m->function, "fn"));
	assert_true(sp_test_equals(m->chain, "test"));
	assert_true(sp_test_equals(m->content_type, "text/plain"));
	assert_int_equal(m->qos, 2);
	assert_int_equal(m->elephant, 1);
	assert_int_equal(m->hop, 3);
	return SP_REPLY;
}

static void meta_is_what_was_sent(void **state)
{
	static const char *const headers[] = { "Content-Type", "text/plain", NULL };

	step = check_meta;
	assert_int_equal(SP_TEST(*state, .method = "PUT", .path = "/a/b?x=1&y=?", .topic = "cars",
				 .id = "id-7", .headers = headers, .qos = 2, .elephant = 1,
				 .hop = 3)
				 ->verdict,
			 SP_REPLY);
}

static sp_verdict check_absent(sp_request *req)
{
	const sp_meta *m = sp_meta_of(req);

	assert_null(m->query.data);
	assert_null(m->topic.data);
	assert_null(m->content_type.data);
	assert_int_equal(m->deadline_ns, 0);
	assert_true(sp_remaining_ns(req) == INT64_MAX);
	assert_non_null(sp_worker_of(req));
	return SP_DROP;
}

static void absent_meta_is_null_and_drop_is_204(void **state)
{
	const sp_test_result *r;

	step = check_absent;
	r = SP_TEST(*state, .body = SP_S("gone"));
	assert_int_equal(r->verdict, SP_DROP);
	assert_int_equal(r->status, 204);
	assert_int_equal(r->body.len, 0);
	assert_null(r->edge);
}

static int64_t remaining;

static sp_verdict read_remaining(sp_request *req)
{
	remaining = sp_remaining_ns(req);
	return SP_NEXT;
}

static void remaining_counts_down_to_zero(void **state)
{
	step = read_remaining;
	SP_TEST(*state, .remaining_ns = 3600 * 1000000000LL);
	assert_true(remaining > 3500 * 1000000000LL && remaining <= 3600 * 1000000000LL);
	SP_TEST(*state, .remaining_ns = -1);
	assert_int_equal(remaining, 0);
}

static size_t wanted;

static sp_verdict grow(sp_request *req)
{
	size_t old = sp_body(req).len;
	sp_buf body = sp_resize(req, wanted);

	if (!body.data)
		return sp_fail(req, SP_ETOOBIG, "%zu bytes", wanted);
	assert_int_equal(body.len, wanted);
	assert_true(body.cap >= wanted);
	if (wanted > old)
		memset(body.data + old, '.', wanted - old);
	return SP_NEXT;
}

static void resize_keeps_the_body_in_every_class(void **state)
{
	static const size_t sizes[] = { 0,     1,     2047,  2048,  2049,    16384,
					16385, 65535, 65536, 65537, 1048575, 1048576 };
	char *text = letters(2000);

	step = grow;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const sp_test_result *r;
		size_t keep = sizes[i] < 2000 ? sizes[i] : 2000;

		wanted = sizes[i];
		r = SP_TEST(*state, .body = { text, 2000 }, .path = "/kept");
		assert_int_equal(r->verdict, SP_NEXT);
		assert_int_equal(r->body.len, wanted);
		assert_memory_equal(r->body.data, text, keep);
		for (size_t n = keep; n < wanted; n++)
			assert_int_equal(r->body.data[n], '.');
		assert_int_equal(r->moves, wanted > 2048 ? 1 : 0);
	}
	free(text);
}

static void resize_over_the_limit_leaves_the_request(void **state)
{
	const sp_test_result *r;

	step = grow;
	wanted = 1048577;
	r = SP_TEST(*state, .body = SP_S("abc"));
	assert_int_equal(r->error, SP_ETOOBIG);
	assert_int_equal(r->status, 413);
	assert_true(sp_test_equals(r->error_text, "1048577 bytes"));
	wanted = (size_t)-1;
	assert_int_equal(SP_TEST(*state, .body = SP_S("abc"))->error, SP_ETOOBIG);
}

static void resize_without_a_buffer_is_null(void **state)
{
	step = grow;
	wanted = 4096;
	sp_test_deny(*state, 1);
	assert_int_equal(SP_TEST(*state, .body = SP_S("abc"))->error, SP_ETOOBIG);
	sp_test_deny(*state, 0);
	assert_int_equal(SP_TEST(*state, .body = SP_S("abc"))->error, SP_OK);
}

static sp_verdict through_all_classes(sp_request *req)
{
	static const size_t sizes[] = { 3000, 20000, 70000 };

	for (size_t i = 0; i < 3; i++) {
		sp_buf body = sp_resize(req, sizes[i]);

		assert_non_null(body.data);
		assert_memory_equal(body.data, "start", 5);
		assert_true(sp_test_equals(sp_meta_of(req)->path, "/far"));
		assert_true(sp_test_equals(sp_header(req, "x-a"), "1"));
	}
	return SP_REPLY;
}

static void meta_moves_along(void **state)
{
	static const char *const headers[] = { "X-A", "1", NULL };

	step = through_all_classes;
	assert_int_equal(SP_TEST(*state, .body = SP_S("start"), .path = "/far", .headers = headers)
				 ->moves,
			 3);
}

static sp_verdict set_from_itself(sp_request *req)
{
	sp_buf body = sp_body(req);

	assert_int_equal(sp_set_body(req, body.data + 2, body.len - 2), 0);
	body = sp_body(req);
	assert_int_equal(sp_set_body(req, NULL, 0), 0);
	assert_int_equal(sp_set_body(req, "xyz", 3), 0);
	body = sp_body(req);
	assert_int_equal(sp_set_body(req, body.data + 1, 2), 0);
	return SP_NEXT;
}

static void set_body_takes_from_the_old_one(void **state)
{
	step = set_from_itself;
	assert_true(sp_test_equals(SP_TEST(*state, .body = SP_S("abcdef"))->body, "yz"));
}

static sp_verdict set_longer_from_itself(sp_request *req)
{
	sp_buf body = sp_body(req);

	/* The body moves, and what it is made of lies in the buffer it moved from. */
	assert_int_equal(sp_set_body(req, body.data - 64, 2100), 0);
	return SP_NEXT;
}

static void set_body_reads_the_buffer_it_leaves(void **state)
{
	char *text = letters(2048);
	const sp_test_result *r;

	step = set_longer_from_itself;
	r = SP_TEST(*state, .body = { text, 2048 });
	assert_int_equal(r->moves, 1);
	assert_memory_equal(r->body.data + 64, text, 2036);
	free(text);
}

static sp_verdict print_all(sp_request *req)
{
	sp_buf body = sp_body(req);

	assert_int_equal(sp_print(req, "%s/%.*s/%.*s", "got", SP_ARG(sp_meta_of(req)->path),
				  (int)body.len, body.data),
			 0);
	return SP_REPLY;
}

static void print_may_use_the_body(void **state)
{
	static const size_t sizes[] = { 3, 1000, 1015, 1016, 1023, 1500, 2040, 2048, 9000, 60000 };

	step = print_all;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = letters(sizes[i]);
		const sp_test_result *r = SP_TEST(*state, .body = { text, sizes[i] }, .path = "/p");

		assert_int_equal(r->body.len, 7 + sizes[i]);
		assert_memory_equal(r->body.data, "got//p/", 7);
		assert_memory_equal(r->body.data + 7, text, sizes[i]);
		free(text);
	}
}

static sp_verdict print_too_much(sp_request *req)
{
	assert_int_equal(sp_print(req, "%*s", 2000000, ""), -ENOSPC);
	assert_true(sp_test_equals((sp_str){ sp_body(req).data, sp_body(req).len }, "abc"));
	return SP_REPLY;
}

static void print_over_the_limit_leaves_the_body(void **state)
{
	step = print_too_much;
	assert_true(sp_test_equals(SP_TEST(*state, .body = SP_S("abc"))->body, "abc"));
}

static sp_verdict verdict;

static sp_verdict return_it(sp_request *req)
{
	(void)req;
	return verdict;
}

static void edges_are_named_and_bounds_kept(void **state)
{
	const sp_test_result *r;

	step = return_it;
	verdict = 1;
	assert_string_equal(SP_TEST(*state, .hop = 0)->edge, "none");
	verdict = 2;
	r = SP_TEST(*state, .hop = 0);
	assert_int_equal(r->verdict, SP_FAILED);
	assert_int_equal(r->error, SP_EINTERNAL);
	assert_true(sp_test_equals(r->error_text, "fn returned edge 2, but declares 2"));
	verdict = -9;
	r = SP_TEST(*state, .hop = 0);
	assert_true(sp_test_equals(r->error_text, "fn returned -9, which is no verdict"));
	verdict = SP_FAILED;
	r = SP_TEST(*state, .hop = 0);
	assert_true(sp_test_equals(r->error_text, "fn failed without saying why"));
	assert_int_equal(r->status, 500);
}

static sp_verdict fail_each(sp_request *req)
{
	assert_int_equal(sp_set_status(req, 201), 0);
	return sp_fail(req, (sp_error)wanted, "body was %.*s", (int)sp_body(req).len,
		       sp_body(req).data);
}

static void each_error_has_its_status_and_counter(void **state)
{
	static const int statuses[] = {
#define X(name, status, title) status,
		SP_ERRORS(X)
#undef X
	};

	step = fail_each;
	for (int e = 1; e < SP_ERROR_COUNT; e++) {
		const sp_test_result *r;

		wanted = (size_t)e;
		r = SP_TEST(*state, .body = SP_S("abc"));
		assert_int_equal(r->error, e);
		assert_int_equal(r->status, statuses[e - 1]);
		assert_true(sp_test_equals(r->error_text, "body was abc"));
	}
	assert_int_equal(sp_test_counter(*state, "error_input"), 1);
	assert_int_equal(sp_test_counter(*state, "error_loop"), 1);
	assert_int_equal(sp_test_counter(*state, "error_nothing"), 0);
	wanted = 99; /* no such error */
	assert_int_equal(SP_TEST(*state, .hop = 0)->error, SP_EINTERNAL);
}

static sp_verdict fail_long(sp_request *req)
{
	return sp_fail(req, SP_EINPUT, "%*s", 5000, "x");
}

static void long_text_is_cut(void **state)
{
	step = fail_long;
	assert_int_equal(SP_TEST(*state, .hop = 0)->error_text.len, 511);
}

static sp_verdict fail_but_go_on(sp_request *req)
{
	(void)sp_fail(req, SP_EINPUT, "changed my mind");
	return SP_NEXT;
}

static void the_verdict_decides_not_the_call(void **state)
{
	const sp_test_result *r;

	step = fail_but_go_on;
	r = SP_TEST(*state, .body = SP_S("abc"));
	assert_int_equal(r->verdict, SP_NEXT);
	assert_int_equal(r->error, SP_OK);
	assert_true(sp_test_equals(r->body, "abc"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_test, close_test)
	const struct CMUnitTest tests[] = {
		T(meta_is_what_was_sent),
		T(absent_meta_is_null_and_drop_is_204),
		T(remaining_counts_down_to_zero),
		T(resize_keeps_the_body_in_every_class),
		T(resize_over_the_limit_leaves_the_request),
		T(resize_without_a_buffer_is_null),
		T(meta_moves_along),
		T(set_body_takes_from_the_old_one),
		T(set_body_reads_the_buffer_it_leaves),
		T(print_may_use_the_body),
		T(print_over_the_limit_leaves_the_body),
		T(edges_are_named_and_bounds_kept),
		T(each_error_has_its_status_and_counter),
		T(long_text_is_cut),
		T(the_verdict_decides_not_the_call),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
