/* SPDX-License-Identifier: Apache-2.0 */
/* test_text.c - URLs become short, mentions become numbers, both calls at once. */
#include "test_social.h"

static const char *asked[4];
static size_t asked_count;
static char copies[4][2048];

/* Answers with what `arg` says, and keeps what was asked. */
static void mock_call(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	char *copy = copies[asked_count];

	assert_true(call->body.len < sizeof(copies[0]));
	memcpy(copy, call->body.data, call->body.len);
	copy[call->body.len] = '\0';
	asked[asked_count++] = copy;
	assert_true(sp_test_equals(call->topic,
				   strcmp(call->call, "url-shorten") == 0 ? "shorten" : "resolve"));
	reply->body = STR((const char *)arg);
}

static sp_test *begin(const char *keys, const char *numbers)
{
	sp_test *t = start("prefix", "/s/");

	assert_non_null(t);
	asked_count = 0;
	sp_test_on_call(t, "url-shorten", mock_call, (void *)(uintptr_t)keys);
	sp_test_on_call(t, "user-mention", mock_call, (void *)(uintptr_t)numbers);
	return t;
}

static void test_both(void **state)
{
	sp_test *t = begin("K1\nK2\n", "5\n0\n");
	const sp_test_result *r;

	(void)state;
	r = SP_TEST(
		t, .shared = 1,
		.body = SP_S("user=ada&text=@grace+see+http://a/b,+or+https://c.+@nobody&media="));
	assert_int_equal(r->verdict, SP_REPLY);
	assert_str(r->body, "text=%40grace+see+/s/K1,+or+/s/K2.+%40nobody&mentions=5");
	assert_int_equal(sp_test_calls(t), 2);
	assert_int_equal(asked_count, 2);
	assert_string_equal(asked[0], "http://a/b\nhttps://c\n");
	assert_string_equal(asked[1], "grace\nnobody\n");
	sp_test_free(t);
}

static void test_one(void **state)
{
	sp_test *t = begin("K1\n", "5\n6\n");
	const sp_test_result *r = SP_TEST(t, .body = SP_S("text=http://a"));

	(void)state;
	assert_str(r->body, "text=/s/K1&mentions=");
	assert_int_equal(sp_test_calls(t), 1);
	r = SP_TEST(t, .body = SP_S("text=@grace+@ken"));
	assert_str(r->body, "text=%40grace+%40ken&mentions=5,6");
	assert_int_equal(sp_test_calls(t), 1);
	r = SP_TEST(t, .body = SP_S("text=nothing"));
	assert_str(r->body, "text=nothing&mentions=");
	assert_int_equal(sp_test_calls(t), 0);
	sp_test_free(t);
}

static void test_too_little(void **state)
{
	sp_test *t = begin("K1\n", "");

	(void)state;
	assert_int_equal(SP_TEST(t, .body = SP_S("text=http://a+http://b"))->error, SP_EUPSTREAM);
	assert_int_equal(SP_TEST(t, .body = SP_S("text=@grace"))->error, SP_EUPSTREAM);
	sp_test_free(t);
}

static void test_callee_fails(void **state)
{
	sp_test *t = start("prefix", "/s/");
	const sp_test_result *r;

	(void)state;
	sp_test_answer(t, "url-shorten", SP_S("K1\n"));
	r = SP_TEST(t, .body = SP_S("text=http://a+@grace"));
	assert_int_equal(r->error, SP_EUPSTREAM);
	assert_true(r->error_text.len > strlen("user-mention"));
	assert_memory_equal(r->error_text.data, "user-mention", strlen("user-mention"));
	sp_test_free(t);
}

static void test_refused(void **state)
{
	sp_test *t = start("prefix", "/s/");

	(void)state;
	assert_int_equal(SP_TEST(t, .body = SP_S("user=ada"))->error, SP_EINPUT);
	assert_int_equal(SP_TEST(t, .body = SP_S("text=@a+@b+@c+@d+@e+@f+@g+@h+@i"))->error,
			 SP_EINPUT);
	assert_int_equal(sp_test_calls(t), 0);
	sp_test_free(t);
	assert_null(start("prefix", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both),       cmocka_unit_test(test_one),
		cmocka_unit_test(test_too_little), cmocka_unit_test(test_callee_fails),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
