/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit.c - who posted, and how much. */
#include "test_social.h"

static void test_audit(void **state)
{
	sp_test *t = start(NULL, NULL);
	const sp_test_result *r;

	(void)state;
	assert_str(SP_TEST(t, .method = "GET", .path = "/audit")->body, "");
	r = SP_TEST(t, .path = "/compose", .shared = 1, .body = SP_S("user=ada&text=a+b&media="));
	assert_int_equal(r->verdict, SP_DROP);
	assert_non_null(strstr(sp_test_log(t), "ada posts 3 bytes"));
	SP_TEST(t, .path = "/compose", .body = SP_S("user=ken&text=a"));
	assert_str(SP_TEST(t, .method = "GET", .path = "/audit")->body, "1 ada 3\n2 ken 1\n");
	assert_int_equal(SP_TEST(t, .path = "/compose", .body = SP_S("text=a"))->error, SP_EINPUT);
	assert_int_equal(sp_test_counter(t, "posts_audited"), 2);
	sp_test_free(t);
}

static void test_bounded(void **state)
{
	sp_test *t = start(NULL, NULL);
	const sp_test_result *r;
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		SP_TEST(t, .path = "/compose", .body = SP_S("user=abcdefghijklmnop&text=a"));
	r = SP_TEST(t, .method = "GET", .path = "/audit");
	for (size_t i = 0; i < r->body.len; i++)
		lines += r->body.data[i] == '\n';
	assert_int_equal(lines, 64);
	assert_memory_equal(r->body.data, "37 abcdefghijklmnop 1\n", 22);
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_audit),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
