/* SPDX-License-Identifier: Apache-2.0 */
/* test_actuator.c - what a motion and a question are answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sprocket_test.h>

extern const sp_function sp_function_registered;

static sp_test *start(const char *key, const char *value)
{
	const char *config[] = { key, value, NULL };

	return sp_test_new(&sp_function_registered, config);
}

static void assert_body(const sp_test_result *r, const char *text)
{
	if (!sp_test_equals(r->body, text))
		fail_msg("body is \"%.*s\", not \"%s\"", SP_ARG(r->body), text);
}

static void test_motion(void **state)
{
	sp_test *t = start("holdMs", "100");
	const sp_test_result *r = SP_TEST(t, .body = SP_S("4 1000"));

	(void)state;
	assert_int_equal(r->verdict, SP_REPLY);
	assert_body(r, "lamp 4 on from 1000 to 1100\n");
	assert_body(SP_TEST(t, .body = SP_S("4 1050")), "lamp 4 stays on from 1000 to 1150\n");
	assert_body(SP_TEST(t, .body = SP_S("4 1049")), "lamp 4 as it was\n");
	assert_body(SP_TEST(t, .body = SP_S("4 1150")), "lamp 4 on from 1150 to 1250\n");
	assert_body(SP_TEST(t, .body = SP_S("1023 9999999999999")),
		    "lamp 1023 on from 9999999999999 to 10000000000099\n");
	assert_int_equal(sp_test_counter(t, "lamps_switched_on"), 3);
	assert_int_equal(sp_test_counter(t, "lamps_extended"), 1);
	assert_int_equal(sp_test_counter(t, "events_old"), 1);
	sp_test_free(t);
}

static const sp_test_result *ask(sp_test *t, const char *path)
{
	return SP_TEST(t, .method = "GET", .path = path);
}

static void test_lights(void **state)
{
	sp_test *t = start("holdMs", "100");

	(void)state;
	assert_body(ask(t, "/lights"), "");
	SP_TEST(t, .body = SP_S("4 1000"));
	SP_TEST(t, .body = SP_S("2 1050"));
	assert_body(ask(t, "/lights?at=999"), "");
	assert_body(ask(t, "/lights?at=1099"),
		    "lamp 2 on from 1050 to 1150\nlamp 4 on from 1000 to 1100\n");
	assert_body(ask(t, "/lights?at=1100"), "lamp 2 on from 1050 to 1150\n");
	assert_body(ask(t, "/lights"), "lamp 2 switched on 1 times, lit for 100 ms\n"
				       "lamp 4 switched on 1 times, lit for 100 ms\n");
	sp_test_free(t);
}

/* A list of all lamps needs a larger buffer than a motion does. */
static void test_all_lamps(void **state)
{
	sp_test *t = start("holdMs", "1");
	const sp_test_result *r;
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 1024; i++) {
		char body[32];
		int len = snprintf(body, sizeof(body), "%d 1", i);

		SP_TEST(t, .body = { body, (size_t)len });
	}
	r = ask(t, "/lights");
	assert_int_equal(r->verdict, SP_REPLY);
	for (size_t i = 0; i < r->body.len; i++)
		lines += r->body.data[i] == '\n';
	assert_int_equal(lines, 1024);
	sp_test_free(t);
}

static void test_refused(void **state)
{
	static const char *const paths[] = { "/lights?at=", "/lights?at=1x", "/lights?a",
					     "/lights?when=1" };
	sp_test *t = start("holdMs", "100");

	(void)state;
	assert_int_equal(SP_TEST(t, .body = SP_S("17"))->error, SP_EINPUT);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(ask(t, paths[i])->error, SP_EINPUT);
	sp_test_free(t);
	assert_null(start("holdMs", "0"));
	assert_null(start("holdMs", "-5"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_motion),
		cmocka_unit_test(test_lights),
		cmocka_unit_test(test_all_lamps),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("actuator", tests, NULL, NULL);
}
