/* SPDX-License-Identifier: Apache-2.0 */
/* test_graph.c - who follows whom. */
#include "test_social.h"

static const sp_test_result *follow(sp_test *t, const char *form)
{
	return SP_TEST(t, .path = "/follow", .body = STR(form));
}

static const sp_test_result *followers(sp_test *t, const char *number)
{
	return SP_TEST(t, .path = "/compose", .topic = "followers", .body = STR(number));
}

static void test_follow(void **state)
{
	sp_test *t = start("users", "ada,grace,ken");

	(void)state;
	assert_str(followers(t, "1")->body, "");
	assert_str(follow(t, "user=ken&follow=ada")->body,
		   "{\"user\":\"ken\",\"follows\":\"ada\",\"followers\":1}\n");
	assert_str(follow(t, "user=grace&follow=ada")->body,
		   "{\"user\":\"grace\",\"follows\":\"ada\",\"followers\":2}\n");
	assert_str(follow(t, "user=grace&follow=ada")->body,
		   "{\"user\":\"grace\",\"follows\":\"ada\",\"followers\":2}\n");
	assert_str(followers(t, "1")->body, "2\n3\n");
	assert_str(followers(t, "2")->body, "");
	assert_str(SP_TEST(t, .path = "/unfollow", .body = SP_S("user=ken&follow=ada"))->body,
		   "{\"user\":\"ken\",\"unfollows\":\"ada\",\"followers\":1}\n");
	assert_str(followers(t, "1")->body, "2\n");
	sp_test_free(t);
}

static void test_refused(void **state)
{
	sp_test *t = start("users", "ada,grace,ken");

	(void)state;
	assert_int_equal(follow(t, "user=ada&follow=nobody")->error, SP_ENOTFOUND);
	assert_int_equal(follow(t, "user=nobody&follow=ada")->error, SP_ENOTFOUND);
	assert_int_equal(follow(t, "")->error, SP_ENOTFOUND);
	assert_int_equal(follow(t, "user=ada&follow=ada")->error, SP_EINPUT);
	assert_int_equal(followers(t, "4")->error, SP_ENOTFOUND);
	assert_int_equal(followers(t, "")->error, SP_ENOTFOUND);
	assert_int_equal(SP_TEST(t, .body = SP_S("1"))->error, SP_EINPUT);
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
