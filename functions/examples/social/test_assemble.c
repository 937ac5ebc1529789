/* SPDX-License-Identifier: Apache-2.0 */
/* test_assemble.c - four answers become one record, or the refusal of one of them. */
#include "test_social.h"

static const sp_test_part good[] = {
	{ .function = "text", .body = { "text=a%26b&mentions=2", 21 } },
	{ .function = "user", .body = { "author=1", 8 } },
	{ .function = "unique-id", .body = { "id=7", 4 } },
	{ .function = "media", .body = { "media=", 6 } },
};

static void test_join(void **state)
{
	sp_test *t = start(NULL, NULL);
	const sp_test_result *r;

	(void)state;
	r = SP_TEST(t, .shared = 1, .body = SP_S("user=ada&text=a%26b&media="), .parts = good,
		    .part_count = 4);
	assert_int_equal(r->verdict, SP_NEXT);
	assert_str(r->body, "id=7&author=1&text=a%26b&mentions=2&media=");
	sp_test_free(t);
}

static void test_missing(void **state)
{
	sp_test *t = start(NULL, NULL);
	const sp_test_result *r = SP_TEST(t, .parts = good, .part_count = 3);

	(void)state;
	assert_int_equal(r->error, SP_EUPSTREAM);
	assert_str(r->error_text, "no branch answered with media");
	assert_int_equal(SP_TEST(t, .body = SP_S("id=1"))->error, SP_EUPSTREAM);
	sp_test_free(t);
}

static void test_refusal(void **state)
{
	sp_test_part parts[4];
	sp_test *t = start(NULL, NULL);
	const sp_test_result *r;

	(void)state;
	memcpy(parts, good, sizeof(parts));
	parts[1].error = SP_ENOTFOUND;
	parts[1].body = SP_S("there is no user x");
	r = SP_TEST(t, .parts = parts, .part_count = 4);
	assert_int_equal(r->error, SP_ENOTFOUND);
	assert_int_equal(r->status, 404);
	assert_str(r->error_text, "user: there is no user x");
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_refusal),
	};

	return cmocka_run_group_tests_name("assemble", tests, NULL, NULL);
}
