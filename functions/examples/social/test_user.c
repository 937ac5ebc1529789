/* SPDX-License-Identifier: Apache-2.0 */
/* test_user.c - who posts. */
#include "test_social.h"

static void test_user(void **state)
{
	sp_test *t = start("users", "ada,grace");
	const sp_test_result *r = SP_TEST(t, .shared = 1, .body = SP_S("user=grace&text=a"));

	(void)state;
	assert_int_equal(r->verdict, SP_REPLY);
	assert_str(r->body, "author=2");
	r = SP_TEST(t, .body = SP_S("user=ken"));
	assert_int_equal(r->error, SP_ENOTFOUND);
	assert_str(r->error_text, "there is no user ken");
	assert_int_equal(SP_TEST(t, .body = SP_S("text=a"))->error, SP_EINPUT);
	sp_test_free(t);
	assert_null(start("users", "Ada"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user),
	};

	return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}
