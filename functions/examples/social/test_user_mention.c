/* SPDX-License-Identifier: Apache-2.0 */
/* test_user_mention.c - names become numbers. */
#include <stdio.h>

#include "test_social.h"

static void test_names(void **state)
{
	sp_test *t = start("users", "ada,grace,ken");
	const sp_test_result *r =
		SP_TEST(t, .topic = "resolve", .body = SP_S("ken\nnobody\nada\n"));

	(void)state;
	assert_int_equal(r->verdict, SP_REPLY);
	assert_str(r->body, "3\n0\n1\n");
	assert_int_equal(sp_test_counter(t, "mentions_unknown"), 1);
	assert_str(SP_TEST(t, .topic = "resolve")->body, "");
	assert_int_equal(SP_TEST(t, .body = SP_S("ken"))->error, SP_EINPUT);
	sp_test_free(t);
}

static void test_config(void **state)
{
	static const char *const bad[] = {
		"", "Ada", "a b", "ada,ada", ",ada", "aaaaaaaaaaaaaaaaa"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(start("users", bad[i]));
}

static void test_most_users(void **state)
{
	char users[2048] = "u0", name[16];
	sp_test *t;

	(void)state;
	for (int i = 1; i < 256; i++) {
		snprintf(name, sizeof(name), ",u%d", i);
		strcat(users, name);
	}
	t = start("users", users);
	assert_non_null(t);
	assert_str(SP_TEST(t, .topic = "resolve", .body = SP_S("u255"))->body, "256\n");
	sp_test_free(t);
	strcat(users, ",u256");
	assert_null(start("users", users));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_most_users),
	};

	return cmocka_run_group_tests_name("user_mention", tests, NULL, NULL);
}
