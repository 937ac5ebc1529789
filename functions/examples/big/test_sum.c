/* SPDX-License-Identifier: Apache-2.0 */
/* test_sum.c - the checksum is right for any length, and the body is what it was. */
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
	expect("no", SP_S(""), "00000000");
	expect("no", SP_S("a"), "e8b7be43");
	expect("no", SP_S("123456789"), "cbf43926");
	expect("yes", SP_S("a longer text, of which two bytes remain beside the eights.."),
	       "f093b258");
	expect("yes", SP_S("\xff\0\xff\0\xff\0\xff\0"), "ea8c89c0");
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
