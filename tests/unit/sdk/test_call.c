// SPDX-License-Identifier: Apache-2.0
/* test_call.c - a handler that calls, and the mocks of libsprocket-test that answer. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/step.h"

#define MANY 100

static void not_found(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	(void)call;
	reply->error = SP_ENOTFOUND;
	reply->text = arg;
}

static int status_seen;

static sp_verdict ask_once(sp_request *req)
{
	sp_call call = { .fn = CATALOG, .topic = SP_S("price"), .body = SP_S("mug") };

	if (sp_call_one(req, &call) != SP_OK)
		return sp_fail(req, call.error, "%.*s", SP_ARG(call.reply));
	status_seen = call.status;
	assert_true(call.reply.cap >= call.reply.len);
	call.reply.data[0] = 'C';
	return sp_set_body(req, call.reply.data, call.reply.len) == 0 ? SP_REPLY : SP_DROP;
}

static void a_mock_is_asked_and_answers(void **state)
{
	const sp_test_result *r;

	step = ask_once;
	sp_test_on_call(*state, "catalog", step_echo, NULL);
	r = SP_TEST(*state, .body = SP_S("page"));
	assert_int_equal(r->verdict, SP_REPLY);
	assert_true(sp_test_equals(r->body, "Catalog price: mug"));
	assert_int_equal(r->status, 200);
	assert_int_equal(status_seen, 201);
	assert_int_equal(sp_test_calls(*state), 1);
	SP_TEST(*state, .body = SP_S("page"));
	assert_int_equal(sp_test_calls(*state), 1);
}

static void a_text_answers(void **state)
{
	const sp_test_result *r;

	step = ask_once;
	sp_test_answer(*state, "catalog", SP_S("12.50"));
	r = SP_TEST(*state, .body = SP_S("page"));
	assert_true(sp_test_equals(r->body, "C2.50"));
	assert_int_equal(status_seen, 0);
}

static void an_error_comes_with_its_text(void **state)
{
	const sp_test_result *r;

	step = ask_once;
	sp_test_on_call(*state, "catalog", not_found, (void *)(uintptr_t) "no mug");
	r = SP_TEST(*state, .body = SP_S("page"));
	assert_int_equal(r->error, SP_ENOTFOUND);
	assert_int_equal(r->status, 404);
	assert_true(sp_test_equals(r->error_text, "no mug"));
}

static void a_call_without_a_mock_says_what_to_do(void **state)
{
	const sp_test_result *r;

	step = ask_once;
	sp_test_on_call(*state, "catalog", step_echo, NULL);
	sp_test_on_call(*state, "catalog", NULL, NULL);
	r = SP_TEST(*state, .body = SP_S("page"));
	assert_int_equal(r->error, SP_EUNAVAILABLE);
	assert_non_null(strstr(sp_test_log(*state), "sp_test_on_call(test, \"catalog\", "));
	assert_int_equal(sp_test_calls(*state), 1);
}

static sp_verdict ask_all(sp_request *req)
{
	sp_call batch[] = { { .fn = CURRENCY, .topic = SP_S("a") },
			    { .fn = CATALOG, .topic = SP_S("b"), .body = SP_S("x") },
			    { .fn = CURRENCY, .topic = SP_S("c"), .body = SP_S("y") } };

	assert_int_equal(sp_call_all(req, batch, 3), SP_ENOTFOUND);
	assert_int_equal(batch[0].error, SP_OK);
	assert_int_equal(batch[1].error, SP_ENOTFOUND);
	assert_true(sp_test_equals(step_str(batch[1].reply), "none"));
	assert_int_equal(batch[2].error, SP_OK);
	assert_true(sp_test_equals(step_str(batch[0].reply), "currency a: "));
	assert_true(sp_test_equals(step_str(batch[2].reply), "currency c: y"));
	return SP_REPLY;
}

static void all_calls_have_their_own_end(void **state)
{
	step = ask_all;
	sp_test_on_call(*state, "currency", step_echo, NULL);
	sp_test_on_call(*state, "catalog", not_found, (void *)(uintptr_t) "none");
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_REPLY);
	assert_int_equal(sp_test_calls(*state), 3);
}

static sp_verdict ask_many(sp_request *req)
{
	static sp_call batch[MANY];

	for (int i = 0; i < MANY; i++)
		batch[i] = (sp_call){ .fn = i % 2, .body = sp_view(req) };
	assert_int_equal(sp_call_all(req, batch, MANY), SP_OK);
	for (int i = 0; i < MANY; i++)
		assert_true(sp_test_equals(step_str(batch[i].reply),
					   i % 2 ? "currency : page" : "catalog : page"));
	return SP_REPLY;
}

static void many_calls_at_once(void **state)
{
	step = ask_many;
	sp_test_on_call(*state, "currency", step_echo, NULL);
	sp_test_on_call(*state, "catalog", step_echo, NULL);
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_REPLY);
	assert_int_equal(sp_test_calls(*state), MANY);
}

static sp_verdict call_wrongly(sp_request *req)
{
	static char large[STEP_LARGEST + 1];
	sp_call none = { .fn = 2, .message = sp_alloc(req, 1) }, below = { .fn = -1 };
	sp_call big = { .fn = CATALOG, .body = { large, sizeof(large) } };

	assert_int_equal(sp_call_one(req, &none), SP_EINTERNAL);
	assert_int_equal(sp_call_one(req, &below), SP_EINTERNAL);
	assert_int_equal(sp_call_one(req, &big), SP_ETOOBIG);
	return SP_REPLY;
}

static void wrong_calls_fail(void **state)
{
	step = call_wrongly;
	sp_test_on_call(*state, "catalog", step_echo, NULL);
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_REPLY);
	assert_int_equal(sp_test_calls(*state), 0);
}

static int64_t remaining[3];

static void note_remaining(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	size_t *count = arg;

	(void)reply;
	remaining[(*count)++] = call->remaining_ns;
}

static sp_verdict ask_in_time(sp_request *req)
{
	sp_call batch[] = { { .fn = CATALOG, .timeout_ns = STEP_SECOND_NS },
			    { .fn = CATALOG },
			    { .fn = CATALOG, .timeout_ns = 100 * STEP_SECOND_NS } };

	assert_int_equal(sp_call_all(req, batch, 3), SP_OK);
	return SP_REPLY;
}

static void a_call_ends_with_its_timeout_or_its_request(void **state)
{
	size_t count = 0;

	step = ask_in_time;
	sp_test_on_call(*state, "catalog", note_remaining, &count);
	assert_int_equal(SP_TEST(*state, .remaining_ns = 10 * STEP_SECOND_NS)->verdict, SP_REPLY);
	assert_int_equal(count, 3);
	assert_true(remaining[0] > 0 && remaining[0] <= STEP_SECOND_NS);
	assert_true(remaining[1] > STEP_SECOND_NS && remaining[1] <= 10 * STEP_SECOND_NS);
	assert_true(remaining[2] > STEP_SECOND_NS && remaining[2] <= 10 * STEP_SECOND_NS);
	count = 0;
	SP_TEST(*state, .body = SP_S("page"));
	assert_true(remaining[1] == INT64_MAX);
}

static void late(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	(void)arg;
	(void)call;
	reply->error = SP_ETIMEOUT;
}

static void no_answer_comes_in_time(void **state)
{
	step = ask_once;
	sp_test_on_call(*state, "catalog", late, NULL);
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->status, 504);
}

/* The state that a handler finds changed when a call returns. */
static int level;

static sp_verdict ask_below(sp_request *req)
{
	sp_call call = { .fn = CATALOG, .body = sp_view(req) };
	int before = level;

	if (sp_view(req).len == 0)
		return SP_REPLY;
	level++;
	assert_int_equal(sp_call_one(req, &call), SP_OK);
	assert_int_equal(level, before + (int)sp_view(req).len);
	return sp_set_body(req, call.reply.data, call.reply.len) == 0 ? SP_REPLY : SP_DROP;
}

static void run_again(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	const sp_test_result *r = SP_TEST(arg, .body = { call->body.data, call->body.len - 1 });

	reply->room.len =
		(size_t)snprintf(reply->room.data, reply->room.cap, "<%.*s>", SP_ARG(r->body));
	reply->body = step_str(reply->room);
}

static void a_mock_runs_the_function_again(void **state)
{
	step = ask_below;
	level = 0;
	sp_test_on_call(*state, "catalog", run_again, *state);
	assert_true(sp_test_equals(SP_TEST(*state, .body = SP_S("abc"))->body, "<<<>>>"));
}

static void leave(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	(void)call;
	sp_test_cancel(arg);
	reply->body = SP_S("too late");
}

static sp_verdict ask_for_nobody(sp_request *req)
{
	sp_call batch[] = { { .fn = CATALOG }, { .fn = CURRENCY } }, next = { .fn = CURRENCY };

	assert_int_equal(sp_canceled(req), 0);
	assert_int_equal(sp_call_all(req, batch, 2), SP_ECANCELED);
	assert_int_equal(batch[1].error, SP_ECANCELED);
	assert_int_equal(sp_canceled(req), 1);
	assert_int_equal(sp_call_one(req, &next), SP_ECANCELED);
	return SP_DROP;
}

static void a_client_that_left_ends_the_calls(void **state)
{
	step = ask_for_nobody;
	sp_test_on_call(*state, "catalog", leave, *state);
	sp_test_on_call(*state, "currency", step_echo, NULL);
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_DROP);
}

static void mock_a_stranger(sp_test *t)
{
	sp_test_on_call(t, "catalogue", step_echo, NULL);
}

static sp_verdict answer_too_much(sp_request *req)
{
	(void)ask_once(req);
	return SP_REPLY;
}

static void answer_too_large(sp_test *t)
{
	static char large[STEP_LARGEST + 1];

	step = answer_too_much;
	sp_test_answer(t, "catalog", (sp_str){ large, sizeof(large) });
	SP_TEST(t, .body = SP_S("page"));
}

static void a_wrong_test_ends(void **state)
{
	step_expect_end(mock_a_stranger, *state, SIGABRT,
			"fn declares no call \"catalogue\" in .calls");
	step_expect_end(answer_too_large, *state, SIGABRT,
			"the answer to call \"catalog\" is larger than the largest buffer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP_TEST(a_mock_is_asked_and_answers),
		STEP_TEST(a_text_answers),
		STEP_TEST(an_error_comes_with_its_text),
		STEP_TEST(a_call_without_a_mock_says_what_to_do),
		STEP_TEST(all_calls_have_their_own_end),
		STEP_TEST(many_calls_at_once),
		STEP_TEST(wrong_calls_fail),
		STEP_TEST(a_call_ends_with_its_timeout_or_its_request),
		STEP_TEST(no_answer_comes_in_time),
		STEP_TEST(a_mock_runs_the_function_again),
		STEP_TEST(a_client_that_left_ends_the_calls),
		STEP_TEST(a_wrong_test_ends),
	};

	return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
