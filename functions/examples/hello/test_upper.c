/* SPDX-License-Identifier: Apache-2.0 */
/* test_upper.c - how a function is tested: no runtime, no root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sprocket_test.h>

extern const sp_function sp_function_registered;

static void test_upper(void **state)
{
	sp_test *t = sp_test_new(&sp_function_registered, NULL);
	const sp_test_result *r;

	(void)state;
	assert_non_null(t);
	r = SP_TEST(t, .body = SP_S("hello, \xc3\xa9 1!"));
	assert_int_equal(r->verdict, SP_NEXT);
	assert_true(sp_test_equals(r->body, "HELLO, \xc3\xa9 1!"));
	r = SP_TEST(t, .body = SP_S(""));
	assert_int_equal(r->status, 400);
	assert_true(sp_test_equals(r->error_text, "empty body"));
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_upper) };

	return cmocka_run_group_tests_name("upper", tests, NULL, NULL);
}
