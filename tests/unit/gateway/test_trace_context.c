// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/trace_context.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static void test_traceparents(void **state)
{
	static const struct {
		const char *text;
		int valid;
		uint8_t flags;
	} cases[] = {
		{ "00-" TRACE "-" PARENT "-01", 1, 1 },
		{ "00-" TRACE "-" PARENT "-00", 1, 0 },
		{ "00-" TRACE "-" PARENT "-ff", 1, 1 }, /* unknown flags are dropped */
		{ "cc-" TRACE "-" PARENT "-01", 1, 1 }, /* a later version */
		{ "cc-" TRACE "-" PARENT "-01-what", 1, 1 },
		{ "cc-" TRACE "-" PARENT "-01.what", 0, 0 },
		{ "00-" TRACE "-" PARENT "-01-what", 0, 0 },
		{ "ff-" TRACE "-" PARENT "-01", 0, 0 },
		{ "00-" TRACE "-" PARENT "-0", 0, 0 },
		{ "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01", 0, 0 },
		{ "00-00000000000000000000000000000000-" PARENT "-01", 0, 0 },
		{ "00-" TRACE "-0000000000000000-01", 0, 0 },
		{ "00_" TRACE "-" PARENT "-01", 0, 0 },
		{ "0x-" TRACE "-" PARENT "-01", 0, 0 },
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t id[16] = { 0 }, flags = 9;

		assert_int_equal(gw_traceparent_parse(cases[i].text, strlen(cases[i].text), id,
						      &flags),
				 cases[i].valid);
		assert_int_equal(flags, cases[i].valid ? cases[i].flags : 9);
		assert_int_equal(id[0], cases[i].valid ? 0x0a : 0);
	}
}

static void test_request_ids(void **state)
{
	char text[130];

	(void)state;
	memset(text, '~', sizeof(text));
	assert_true(gw_request_id_valid("!", 1));
	assert_true(gw_request_id_valid(text, 128));
	assert_false(gw_request_id_valid(text, 129));
	assert_false(gw_request_id_valid("", 0));
	assert_false(gw_request_id_valid("a b", 3));
	assert_false(gw_request_id_valid("a\x7f", 2));
	assert_false(gw_request_id_valid("\xc3\xa9", 2));
}

/* The first numbers of the reference code for state {1, 2, 3, 4}. */
static void test_the_generator_is_xoshiro256starstar(void **state)
{
	struct gw_random random = { { 1, 2, 3, 4 } };

	(void)state;
	assert_true(gw_random_next(&random) == 11520);
	assert_true(gw_random_next(&random) == 0);
	assert_true(gw_random_next(&random) == 1509978240);
	assert_true(gw_random_next(&random) == 1215971899390074240);
}

static void test_seeds_differ(void **state)
{
	struct gw_random a, b;

	(void)state;
	assert_int_equal(gw_random_init(&a), 0);
	assert_int_equal(gw_random_init(&b), 0);
	assert_true(gw_random_next(&a) != gw_random_next(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traceparents),
		cmocka_unit_test(test_request_ids),
		cmocka_unit_test(test_the_generator_is_xoshiro256starstar),
		cmocka_unit_test(test_seeds_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
