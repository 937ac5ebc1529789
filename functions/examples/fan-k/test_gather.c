/* SPDX-License-Identifier: Apache-2.0 */
/* test_gather.c - it replies when all branches have answered with the body, and only then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sprocket_test.h>

static sp_test *t;

static int teardown(void **state)
{
	(void)state;
	t = sp_test_free(t);
	return 0;
}

static const sp_test_result *run(const char *branches, const sp_test_part *parts, size_t count)
{
	const char *config[] = { "branches", branches, NULL };

	sp_test_free(t);
	t = sp_test_new(&sp_function_registered, config);
	assert_non_null(t);
	return SP_TEST(t, .body = SP_S("abc"), .shared = 1, .parts = parts, .part_count = count);
}

static void test_right_answers(void **state)
{
	static const int counts[] = { 1, 2, 9, 32 };
	static const char *const texts[] = { "1", "2", "9", "32" };
	sp_test_part parts[32];
	const sp_test_result *r;

	(void)state;
	for (size_t i = 0; i < 32; i++)
		parts[i] = (sp_test_part){ .function = "b",
					   .unchanged = i % 2 == 0,
					   .body = SP_S("abc") };
	for (size_t i = 0; i < 4; i++) {
		r = run(texts[i], parts, (size_t)counts[i]);
		assert_int_equal(r->verdict, SP_REPLY);
		assert_true(sp_test_equals(r->body, "abc"));
		assert_int_equal(run(texts[i], parts, (size_t)counts[i] - 1)->error, SP_EUPSTREAM);
	}
	assert_int_equal(run("1", parts, 2)->error, SP_EUPSTREAM);
}

static void test_wrong_answers(void **state)
{
	sp_test_part parts[2] = { { .function = "b1", .unchanged = 1 },
				  { .function = "b2", .body = SP_S("abd") } };

	(void)state;
	assert_int_equal(run("2", parts, 2)->error, SP_EUPSTREAM);
	parts[1].body = SP_S("ab");
	assert_int_equal(run("2", parts, 2)->error, SP_EUPSTREAM);
	parts[1].body = SP_S("abc");
	parts[1].error = SP_EINTERNAL;
	assert_int_equal(run("2", parts, 2)->error, SP_EUPSTREAM);
	parts[1].error = SP_OK;
	assert_int_equal(run("2", parts, 2)->verdict, SP_REPLY);
}

static void test_config(void **state)
{
	static const char *const bad[] = { "", "0", "33", "-1", "two", "99999999999999999999" };

	(void)state;
	assert_null(sp_test_new(&sp_function_registered, NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *config[] = { "branches", bad[i], NULL };

		assert_null(sp_test_new(&sp_function_registered, config));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_right_answers, teardown),
		cmocka_unit_test_teardown(test_wrong_answers, teardown),
		cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
