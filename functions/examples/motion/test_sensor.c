/* SPDX-License-Identifier: Apache-2.0 */
/* test_sensor.c - which lamp, and when a movement begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

static void test_lamp_of_sensor(void **state)
{
	sp_test *t = start("perLamp", "4");
	const sp_test_result *r;

	(void)state;
	assert_non_null(t);
	r = SP_TEST(t, .body = SP_S("17 1000\n"));
	assert_int_equal(r->verdict, SP_NEXT);
	assert_body(r, "4 1000");
	assert_body(SP_TEST(t, .body = SP_S("3 1000")), "0 1000");
	assert_body(SP_TEST(t, .body = SP_S("1023 9999999999999")), "255 9999999999999");
	sp_test_free(t);
	t = start("perLamp", "1");
	assert_body(SP_TEST(t, .body = SP_S("1023 7")), "1023 7");
	sp_test_free(t);
}

static void test_movements(void **state)
{
	sp_test *t = start("quietMs", "100");

	(void)state;
	SP_TEST(t, .body = SP_S("1 1000"));
	SP_TEST(t, .body = SP_S("1 1100"));
	SP_TEST(t, .body = SP_S("1 1050"));
	SP_TEST(t, .body = SP_S("1 1200"));
	assert_int_equal(sp_test_counter(t, "movements"), 1);
	SP_TEST(t, .body = SP_S("1 1301"));
	assert_int_equal(sp_test_counter(t, "movements"), 2);
	SP_TEST(t, .body = SP_S("2 1301"));
	assert_int_equal(sp_test_counter(t, "movements"), 3);
	sp_test_free(t);
}

static void test_refused(void **state)
{
	sp_test *t = start("perLamp", "4");

	(void)state;
	assert_int_equal(SP_TEST(t, .body = SP_S(""))->error, SP_EINPUT);
	assert_int_equal(SP_TEST(t, .body = SP_S("1024 1"))->error, SP_EINPUT);
	assert_int_equal(sp_test_counter(t, "movements"), 0);
	sp_test_free(t);
	assert_null(start("perLamp", "0"));
	assert_null(start("perLamp", "1025"));
	assert_null(start("quietMs", "soon"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lamp_of_sensor),
		cmocka_unit_test(test_movements),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("sensor", tests, NULL, NULL);
}
