/* SPDX-License-Identifier: Apache-2.0 */
/* test_sum.c - the sum is right for any length, and the body is what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sprocket_test.h>

static void expect(const char *answer, sp_str body, const char *sum)
{
	const char *config[] = { "answer", answer, NULL };
	sp_test *t = sp_test_new(&sp_function_registered, config);
	const sp_test_result *r;

	assert_non_null(t);
	r = SP_TEST(t, .body = body);
	assert_int_equal(r->verdict, SP_NEXT);
	assert_true(sp_test_equals(sp_test_header(t, "x-sum-sum"), sum));
	if (answer[0] == 'y')
		assert_true(sp_test_equals(r->body, sum));
	else
		assert_int_equal(r->body.len, body.len);
	sp_test_free(t);
}

static void test_sums(void **state)
{
	(void)state;
	expect("no", SP_S(""), "0000000000000000");
	expect("no", SP_S("\x01"), "0000000000000001");
	expect("no", SP_S("\x01\0\0\0\0\0\0\x02\x03"), "0200000000000004");
	expect("yes", SP_S("\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "0000000000000001");
}

static void test_config(void **state)
{
	const char *times[] = { "times", "many", NULL }, *answer[] = { "answer", "maybe", NULL };

	(void)state;
	assert_null(sp_test_new(&sp_function_registered, times));
	assert_null(sp_test_new(&sp_function_registered, answer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests_name("sum", tests, NULL, NULL);
}
