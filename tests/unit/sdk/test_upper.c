// SPDX-License-Identifier: Apache-2.0
/* test_upper.c - the object file of a function with a main() of its own: ours wins. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "functions/sdk/sprocket_test.h"

static const char *const config[] = { "key", "k", NULL };

static void body_is_upper(void **state)
{
	sp_test *t = sp_test_new(&sp_function_registered, config);
	const sp_test_result *r;

	(void)state;
	assert_non_null(t);
	r = SP_TEST(t, .body = SP_S("abc"));
	assert_int_equal(r->verdict, SP_NEXT);
	assert_string_equal(r->edge, "next");
	assert_true(sp_test_equals(r->body, "ABC"));
	assert_false(sp_test_equals(r->body, "ABc"));
	r = SP_TEST(t, .path = "/");
	assert_int_equal(r->verdict, 0);
	assert_string_equal(r->edge, "empty");
	assert_null(sp_test_free(t));
}

static void missing_value_refuses_the_start(void **state)
{
	(void)state;
	errno = 0;
	assert_null(sp_test_new(&sp_function_registered, NULL));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_is_upper),
		cmocka_unit_test(missing_value_refuses_the_start),
	};

	return cmocka_run_group_tests_name("upper", tests, NULL, NULL);
}
