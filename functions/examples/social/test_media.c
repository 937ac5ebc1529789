/* SPDX-License-Identifier: Apache-2.0 */
/* test_media.c - at most four, of four types. */
#include "test_social.h"

static void test_good(void **state)
{
	sp_test *t = start(NULL, NULL);
	const sp_test_result *r;

	(void)state;
	r = SP_TEST(t, .shared = 1, .body = SP_S("user=ada&media=1.png,2.jpg,3.gif,4.mp4"));
	assert_int_equal(r->verdict, SP_REPLY);
	assert_str(r->body, "media=1.png,2.jpg,3.gif,4.mp4");
	assert_str(SP_TEST(t, .body = SP_S("media="))->body, "media=");
	sp_test_free(t);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"media=1.exe", "media=png",   "media=.png",
		"media=1.",    "media=x.png", "media=1.png.",
		"media=,",     "media=0.png", "media=1.png,2.png,3.png,4.png,5.png"
	};
	sp_test *t = start(NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (SP_TEST(t, .body = STR(bad[i]))->error != SP_EUNSUPPORTED)
			fail_msg("not refused: %s", bad[i]);
	assert_int_equal(SP_TEST(t, .body = SP_S("user=ada"))->error, SP_EINPUT);
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("media", tests, NULL, NULL);
}
