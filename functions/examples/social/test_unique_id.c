/* SPDX-License-Identifier: Apache-2.0 */
/* test_unique_id.c - numbers that no other has, and that rise. */
#include <stdio.h>

#include "test_social.h"

static unsigned long long next(sp_test *t)
{
	const sp_test_result *r = SP_TEST(t, .body = SP_S("user=ada"));
	unsigned long long id = 0;
	char text[64];

	assert_int_equal(r->verdict, SP_REPLY);
	assert_true(r->body.len < sizeof(text));
	memcpy(text, r->body.data, r->body.len);
	text[r->body.len] = '\0';
	assert_int_equal(sscanf(text, "id=%llu", &id), 1);
	return id;
}

static void test_steps(void **state)
{
	sp_test *t = start("clock", "steps");

	(void)state;
	assert_int_equal(next(t), 1ULL << 22);
	assert_int_equal(next(t), 2ULL << 22);
	sp_test_free(t);
}

/* More than fit into the milliseconds that this takes. */
static void test_rising(void **state)
{
	sp_test *t = start("machine", "31");
	unsigned long long last = 0, id;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		id = next(t);
		if (id <= last)
			fail_msg("%llu after %llu", id, last);
		assert_int_equal(id >> 17 & 31, 31);
		last = id;
	}
	/* 41 bits of milliseconds since 2020: later than 2024, before 2050 */
	assert_in_range(last >> 22, 126230400000ULL, 946684800000ULL);
	sp_test_free(t);
}

static void test_config(void **state)
{
	(void)state;
	assert_null(start("clock", "sundial"));
	assert_null(start("machine", "32"));
	assert_null(start("machine", "-1"));
	assert_null(start("machine", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_rising),
		cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests_name("unique_id", tests, NULL, NULL);
}
