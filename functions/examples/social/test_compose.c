/* SPDX-License-Identifier: Apache-2.0 */
/* test_compose.c - what is a post, and what is none. */
#include "post.h"
#include "test_social.h"

static void test_post(void **state)
{
	sp_test *t = start(NULL, NULL);
	const sp_test_result *r =
		SP_TEST(t, .path = "/compose", .topic = "read",
			.body = SP_S("media=1.png&text=a+b%0a%c3%a9&x=y&user=ada"));

	(void)state;
	assert_int_equal(r->verdict, SP_NEXT);
	assert_str(r->topic, "post");
	assert_str(r->body, "user=ada&text=a+b%0A%C3%A9&media=1.png");
	r = SP_TEST(t, .body = SP_S("user=ada&text=a"));
	assert_str(r->body, "user=ada&text=a&media=");
	assert_int_equal(sp_test_counter(t, "posts_composed"), 2);
	sp_test_free(t);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"user=ada",
		"text=a",
		"user=&text=a",
		"user=ada&text=",
		"user=aaaaaaaaaaaaaaaaa&text=a",
		"user=ada&text=%00",
		"user=ada&text=%07",
		"user=ada&text=%7f",
		"user=ada&text=%ff",
		"user=ada&text=%c3",
		"user=ada&text=%c3x",
		"user=ada&text=%c0%80",
		"user=ada&text=%e0%80%80",
		"user=ada&text=%ed%a0%80",
		"user=ada&text=%f4%90%80%80",
		"user=ada&text=a&media=%",
	};
	sp_test *t = start(NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (SP_TEST(t, .body = STR(bad[i]))->error != SP_EINPUT)
			fail_msg("not refused: %s", bad[i]);
	assert_int_equal(sp_test_counter(t, "posts_composed"), 0);
	sp_test_free(t);
}

static void test_longest(void **state)
{
	char body[4096] = "user=ada&text=";
	sp_test *t = start(NULL, NULL);

	(void)state;
	for (size_t i = 0; i < POST_TEXT_MAX / 2; i++)
		strcat(body, "%c3%a9");
	assert_int_equal(SP_TEST(t, .body = STR(body))->verdict, SP_NEXT);
	strcat(body, "x");
	assert_int_equal(SP_TEST(t, .body = STR(body))->error, SP_EINPUT);
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests_name("compose", tests, NULL, NULL);
}
