/* SPDX-License-Identifier: Apache-2.0 */
/* test_caller.c - it makes as many calls as it is told, and checks each answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sprocket_test.h>

static int references;

static void echo(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	(void)arg;
	references += call->by_reference;
	reply->body = call->body;
}

static sp_test *start(const char *branches, const char *body)
{
	const char *config[] = { "branches", branches, "body", body, NULL };

	return sp_test_new(&sp_function_registered, config);
}

/* With the first `count` calls answered. */
static sp_test *begin(unsigned count, const char *body)
{
	char text[16];
	sp_test *t;

	snprintf(text, sizeof(text), "%u", count);
	t = start(text, body);
	assert_non_null(t);
	references = 0;
	for (unsigned i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "b%u", i);
		sp_test_on_call(t, text, echo, NULL);
	}
	return t;
}

static void test_counts(void **state)
{
	static const unsigned counts[] = { 1, 2, 9, 32 };
	const sp_test_result *r;
	sp_test *t;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (int copy = 0; copy < 2; copy++) {
			t = begin(counts[i], copy ? "copy" : "reference");
			r = SP_TEST(t, .body = SP_S("abc"));
			assert_int_equal(r->verdict, SP_REPLY);
			assert_true(sp_test_equals(r->body, "abc"));
			assert_int_equal(sp_test_calls(t), counts[i]);
			assert_int_equal(references, copy ? 0 : counts[i]);
			r = SP_TEST(t, .body = SP_S(""));
			assert_int_equal(r->verdict, SP_REPLY);
			assert_int_equal(r->body.len, 0);
			sp_test_free(t);
		}
	}
}

static void test_wrong_answers(void **state)
{
	sp_test *t = begin(3, "reference");
	const sp_test_result *r;

	(void)state;
	sp_test_answer(t, "b2", SP_S("abd"));
	r = SP_TEST(t, .body = SP_S("abc"));
	assert_int_equal(r->error, SP_EUPSTREAM);
	assert_true(sp_test_equals(r->error_text, "b2 did not answer with the body"));
	sp_test_on_call(t, "b2", NULL, NULL);
	assert_int_equal(SP_TEST(t, .body = SP_S("abc"))->error, SP_EUNAVAILABLE);
	sp_test_free(t);
}

static void test_config(void **state)
{
	(void)state;
	assert_null(start("0", "copy"));
	assert_null(start("33", "copy"));
	assert_null(start("1", "both"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_wrong_answers),
		cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
