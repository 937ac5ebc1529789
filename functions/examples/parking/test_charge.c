/* SPDX-License-Identifier: Apache-2.0 */
/* test_charge.c - the function `charge`: each hour begun, to the cent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sprocket_test.h>

#define PICTURE "\"box\":[118,127,90,22],\"image\":[320,240]"

extern const sp_function sp_function_registered;

static void test_answer(void **state)
{
	sp_test *t = sp_test_new(&sp_function_registered, NULL);
	const sp_test_result *r;

	(void)state;
	assert_non_null(t);
	r = SP_TEST(t, .body = SP_S("{\"plate\":\"AB-1234\"," PICTURE
				    ",\"holder\":\"Ada Lovelace\",\"minutes\":95}"));
	assert_int_equal(r->verdict, SP_REPLY);
	assert_int_equal(r->status, 200);
	assert_true(sp_test_equals(r->body,
				   "{\"plate\":\"AB-1234\",\"holder\":\"Ada Lovelace\","
				   "\"minutes\":95,\"charge\":5.00,\"currency\":\"EUR\"," PICTURE
				   "}\n"));
	assert_true(sp_test_equals(sp_test_header(t, "Content-Type"), "application/json"));
	assert_true(sp_test_equals(sp_test_header(t, "Cache-Control"), "no-store"));
	r = SP_TEST(t, .body = SP_S("{\"plate\":\"ZZ-0001\"," PICTURE
				    ",\"holder\":\"visitor\",\"minutes\":0,\"ticket\":7}"));
	assert_true(sp_test_equals(r->body,
				   "{\"plate\":\"ZZ-0001\",\"holder\":\"visitor\",\"ticket\":7,"
				   "\"minutes\":0,\"charge\":2.50,\"currency\":\"EUR\"," PICTURE
				   "}\n"));
	assert_int_equal(sp_test_counter(t, "cents_charged"), 750);
	sp_test_free(t);
}

static void check_charge(sp_test *t, unsigned minutes, const char *charge)
{
	char body[256], expected[64], answer[512];
	const sp_test_result *r;

	snprintf(body, sizeof(body),
		 "{\"plate\":\"AB-1234\"," PICTURE ",\"holder\":\"x\",\"minutes\":%u}", minutes);
	r = SP_TEST(t, .body = { body, strlen(body) });
	snprintf(answer, sizeof(answer), "%.*s", SP_ARG(r->body));
	snprintf(expected, sizeof(expected), "\"charge\":%s,\"currency\":\"CHF\"", charge);
	if (!strstr(answer, expected))
		fail_msg("%u minutes: expected %s in %s", minutes, expected, answer);
}

static void test_hours(void **state)
{
	static const char *const config[] = { "rate", "3.05", "currency", "CHF", NULL };
	sp_test *t = sp_test_new(&sp_function_registered, config);

	(void)state;
	assert_non_null(t);
	check_charge(t, 0, "3.05");
	check_charge(t, 60, "3.05");
	check_charge(t, 61, "6.10");
	check_charge(t, 120, "6.10");
	check_charge(t, 121, "9.15");
	check_charge(t, 99999, "5084.35");
	sp_test_free(t);
}

static void test_no_record(void **state)
{
	sp_test *t = sp_test_new(&sp_function_registered, NULL);

	(void)state;
	assert_non_null(t);
	assert_int_equal(SP_TEST(t, .body = SP_S("?"))->error, SP_EINPUT);
	/* One that search has not seen. */
	assert_int_equal(SP_TEST(t, .body = SP_S("{\"plate\":\"AB-1234\"," PICTURE "}"))->error,
			 SP_EINPUT);
	sp_test_free(t);
}

static void test_bad_config(void **state)
{
	static const char *const bad[][2] = {
		{ "2.5", "EUR" },   { "2", "EUR" },      { "-2.50", "EUR" },
		{ "2.505", "EUR" }, { "", "EUR" },       { "12345.00", "EUR" },
		{ "2.-5", "EUR" },  { "x", "EUR" },      { "2.50", "" },
		{ "2.50", "eur" },  { "2.50", "EUR\"" }, { "2.50", "ABCDEFGHI" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *config[] = { "rate", bad[i][0], "currency", bad[i][1], NULL };

		if (sp_test_new(&sp_function_registered, config))
			fail_msg("taken: rate \"%s\", currency \"%s\"", bad[i][0], bad[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_hours),
		cmocka_unit_test(test_no_record),
		cmocka_unit_test(test_bad_config),
	};

	return cmocka_run_group_tests_name("charge", tests, NULL, NULL);
}
