/* SPDX-License-Identifier: Apache-2.0 */
/* test_index.c - the function `index`: a ticket per visitor, as many as there is room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sprocket_test.h>

#define RECORD(plate) "{\"plate\":\"" plate "\",\"box\":[118,127,90,22],\"image\":[320,240]"
#define TICKET(plate, number) \
	RECORD(plate) ",\"holder\":\"visitor\",\"minutes\":0,\"ticket\":" number "}"

extern const sp_function sp_function_registered;

static void test_tickets(void **state)
{
	static const char *const config[] = { "capacity", "2", NULL };
	sp_test *t = sp_test_new(&sp_function_registered, config);
	const sp_test_result *r;

	(void)state;
	assert_non_null(t);
	r = SP_TEST(t, .body = SP_S(RECORD("ZZ-0001") "}"));
	assert_string_equal(r->edge, "next");
	assert_true(sp_test_equals(r->body, TICKET("ZZ-0001", "1")));
	r = SP_TEST(t, .body = SP_S(RECORD("ZZ-0002") "}"));
	assert_true(sp_test_equals(r->body, TICKET("ZZ-0002", "2")));
	r = SP_TEST(t, .body = SP_S(RECORD("ZZ-0001") "}"));
	assert_true(sp_test_equals(r->body, TICKET("ZZ-0001", "1")));
	r = SP_TEST(t, .body = SP_S(RECORD("ZZ-0003") "}"));
	assert_int_equal(r->error, SP_EUNAVAILABLE);
	assert_true(sp_test_equals(r->error_text, "the lot is full"));
	assert_int_equal(SP_TEST(t, .body = SP_S("?"))->error, SP_EINPUT);
	assert_int_equal(sp_test_counter(t, "tickets_opened"), 2);
	assert_int_equal(sp_test_counter(t, "visitors_refused"), 1);
	sp_test_free(t);
}

static void test_bad_capacity(void **state)
{
	static const char *const bad[] = { "0", "10001", "-1", "ten", "", "5x" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *config[] = { "capacity", bad[i], NULL };

		assert_null(sp_test_new(&sp_function_registered, config));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_bad_capacity),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
