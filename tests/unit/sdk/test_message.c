// SPDX-License-Identifier: Apache-2.0
/* test_message.c - buffers of a handler's own: built, sent, given away, given back. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/step.h"

#define MANY 100

static sp_verdict pass_on(sp_request *req)
{
	sp_call first = { .fn = CATALOG, .message = sp_alloc(req, 5000) }, second = { 0 };

	assert_non_null(first.message.data);
	assert_int_equal(first.message.len, 0);
	assert_true(first.message.cap >= 5000);
	memcpy(first.message.data, "built", 5);
	first.message.len = 5;
	assert_int_equal(sp_call_one(req, &first), SP_OK);
	second = (sp_call){ .fn = CURRENCY, .topic = SP_S("again"), .message = first.reply };
	assert_int_equal(sp_call_one(req, &second), SP_OK);
	return sp_set_body(req, second.reply.data, second.reply.len) == 0 ? SP_REPLY : SP_DROP;
}

static void a_reply_is_given_away_as_a_message(void **state)
{
	step = pass_on;
	sp_test_on_call(*state, "catalog", step_echo, NULL);
	sp_test_on_call(*state, "currency", step_echo, NULL);
	assert_true(sp_test_equals(SP_TEST(*state, .body = SP_S("page"))->body,
				   "currency again: catalog : built"));
}

static sp_verdict leave_lying(sp_request *req)
{
	sp_call call = { .fn = CATALOG, .body = SP_S("x") };
	sp_buf a = sp_alloc(req, 10), b = sp_alloc(req, 60000);

	assert_non_null(a.data);
	assert_non_null(b.data);
	assert_int_equal(sp_call_one(req, &call), SP_OK);
	sp_release(req, a);
	sp_release(req, (sp_buf){ NULL, 0, 0 });
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(sp_call_one(req, &call), SP_OK);
		sp_release(req, call.reply);
	}
	return SP_REPLY;
}

/* That nothing leaks, and nothing is freed twice, is for the sanitizer to tell. */
static void what_is_left_is_given_back(void **state)
{
	step = leave_lying;
	sp_test_on_call(*state, "catalog", step_echo, NULL);
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_REPLY);
	assert_int_equal(sp_test_calls(*state), 1 + MANY);
}

static void check_reference(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	(void)arg;
	assert_int_equal(call->by_reference, 1);
	assert_true(sp_test_equals(call->topic, "look"));
	assert_true(sp_test_equals(call->body, "page"));
	reply->body = SP_S("seen");
}

static sp_verdict refer(sp_request *req)
{
	sp_call call = { .fn = CATALOG, .by_reference = 1, .topic = SP_S("look") };
	sp_call again = { .fn = CATALOG };

	assert_int_equal(sp_call_one(req, &call), SP_OK);
	assert_true(sp_test_equals(step_str(call.reply), "seen"));
	assert_true(sp_test_equals(sp_view(req), "page"));
	/* What refers to another buffer carries no message of its own. */
	again.message = call.reply;
	assert_int_equal(sp_call_one(req, &again), SP_EINTERNAL);
	assert_int_equal(sp_emit_message(req, FOUND, call.reply), -EINVAL);
	assert_true(sp_test_equals(step_str(call.reply), "seen"));
	sp_release(req, call.reply);
	return SP_NEXT;
}

static void a_body_is_lent(void **state)
{
	const sp_test_result *r;

	step = refer;
	sp_test_on_call(*state, "catalog", check_reference, NULL);
	r = SP_TEST(*state, .body = SP_S("page"));
	assert_int_equal(r->verdict, SP_NEXT);
	assert_true(sp_test_equals(r->body, "page"));
}

static sp_verdict ask_for_a_buffer(sp_request *req)
{
	return sp_alloc(req, 1).data ? SP_REPLY : SP_DROP;
}

static void the_pool_may_have_none(void **state)
{
	step = ask_for_a_buffer;
	sp_test_deny(*state, 1);
	assert_int_equal(SP_TEST(*state, .remaining_ns = STEP_SECOND_NS)->verdict, SP_DROP);
	sp_test_deny(*state, 0);
	step = ask_for_a_buffer;
	assert_int_equal(SP_TEST(*state, .remaining_ns = STEP_SECOND_NS)->verdict, SP_REPLY);
}

static sp_verdict take_any_size(sp_request *req)
{
	assert_null(sp_alloc(req, STEP_LARGEST + 1).data);
	assert_int_equal(sp_alloc(req, STEP_LARGEST).cap, STEP_LARGEST);
	assert_non_null(sp_alloc(req, 0).data);
	return SP_REPLY;
}

static void a_buffer_is_of_any_size(void **state)
{
	step = take_any_size;
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_REPLY);
}

static sp_verdict send_all(sp_request *req)
{
	sp_call call = { .fn = CATALOG, .body = SP_S("x") };
	sp_buf message = sp_alloc(req, 3000);

	assert_int_equal(sp_emit(req, FOUND, SP_S("copied")), 0);
	memset(message.data, 'm', 3000);
	message.len = 3000;
	assert_int_equal(sp_emit_message(req, NONE, message), 0);
	assert_int_equal(sp_set_topic(req, SP_S("other")), 0);
	assert_int_equal(sp_emit_same(req, SP_NEXT), 0);
	assert_int_equal(sp_call_one(req, &call), SP_OK);
	assert_int_equal(sp_emit_message(req, FOUND, call.reply), 0);
	return SP_REPLY;
}

static void expect_emitted(const sp_test_emitted *e, const char *edge, const char *topic, int same)
{
	assert_string_equal(e->edge, edge);
	assert_true(sp_test_equals(e->topic, topic));
	assert_int_equal(e->same, same);
}

static void messages_are_listed_as_sent(void **state)
{
	const sp_test_result *r;

	step = send_all;
	sp_test_on_call(*state, "catalog", step_echo, NULL);
	r = SP_TEST(*state, .topic = "first", .body = SP_S("page"));
	assert_int_equal(r->verdict, SP_REPLY);
	assert_int_equal(r->emitted_count, 4);
	expect_emitted(&r->emitted[0], "found", "first", 0);
	assert_true(sp_test_equals(r->emitted[0].body, "copied"));
	expect_emitted(&r->emitted[1], "none", "first", 0);
	assert_int_equal(r->emitted[1].body.len, 3000);
	assert_int_equal(r->emitted[1].body.data[2999], 'm');
	expect_emitted(&r->emitted[2], "next", "other", 1);
	assert_true(sp_test_equals(r->emitted[2].body, "page"));
	expect_emitted(&r->emitted[3], "found", "other", 0);
	assert_true(sp_test_equals(r->emitted[3].body, "catalog : x"));
	assert_true(sp_test_equals(r->body, "page"));
	step = ask_for_a_buffer;
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->emitted_count, 0);
}

static sp_verdict send_wrongly(sp_request *req)
{
	static char large[STEP_LARGEST + 1];

	assert_int_equal(sp_emit(req, 2, SP_S("x")), -EINVAL);
	assert_int_equal(sp_emit(req, SP_REPLY, SP_S("x")), -EINVAL);
	assert_int_equal(sp_emit_same(req, SP_DROP), -EINVAL);
	assert_int_equal(sp_emit_message(req, 2, sp_alloc(req, 1)), -EINVAL);
	assert_int_equal(sp_emit(req, FOUND, (sp_str){ large, sizeof(large) }), -ENOSPC);
	return SP_REPLY;
}

static void wrong_messages_are_refused(void **state)
{
	const sp_test_result *r;

	step = send_wrongly;
	r = SP_TEST(*state, .body = SP_S("page"));
	assert_int_equal(r->verdict, SP_REPLY);
	assert_int_equal(r->emitted_count, 0);
}

static sp_verdict write_after(sp_request *req)
{
	const char *before = sp_view(req).data;
	sp_buf body;

	assert_int_equal(sp_emit_same(req, FOUND), 0);
	body = sp_body(req);
	assert_ptr_not_equal(body.data, before);
	memset(body.data, 'x', body.len);
	assert_ptr_equal(sp_body(req).data, body.data);
	return SP_NEXT;
}

static void what_was_sent_is_not_written_again(void **state)
{
	const sp_test_result *r;

	step = write_after;
	r = SP_TEST(*state, .body = SP_S("page"));
	assert_int_equal(r->emitted_count, 1);
	assert_true(sp_test_equals(r->emitted[0].body, "page"));
	assert_true(sp_test_equals(r->body, "xxxx"));
	assert_int_equal(r->moves, 1);
}

static sp_verdict write_the_old(sp_request *req)
{
	sp_buf body = sp_body(req);

	assert_int_equal(sp_emit_same(req, FOUND), 0);
	body.data[0] = 'P';
	return SP_NEXT;
}

static void run_write_the_old(sp_test *t)
{
	step = write_the_old;
	SP_TEST(t, .body = SP_S("page"));
}

static void a_write_to_what_was_sent_is_found(void **state)
{
	step_expect_end(run_write_the_old, *state, SIGABRT, "fn wrote to a body that others read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP_TEST(a_reply_is_given_away_as_a_message),
		STEP_TEST(what_is_left_is_given_back),
		STEP_TEST(a_body_is_lent),
		STEP_TEST(the_pool_may_have_none),
		STEP_TEST(a_buffer_is_of_any_size),
		STEP_TEST(messages_are_listed_as_sent),
		STEP_TEST(wrong_messages_are_refused),
		STEP_TEST(what_was_sent_is_not_written_again),
		STEP_TEST(a_write_to_what_was_sent_is_found),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
