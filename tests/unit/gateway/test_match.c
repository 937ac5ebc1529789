// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/match.h"

static int by_match(const void *a, const void *b)
{
	return gw_match_compare(a, b);
}

/* In the order in which they are asked. */
static void test_the_host_goes_before_the_path(void **state)
{
	static const char *const order[][2] = {
		{ "a.example", "/x/y" }, { "a.example", "/x/*" },
		{ "a.example", "/*" },   { "*.b.example", "/long" },
		{ "*.example", "/x/y" }, { "", "/x/y/z" },
		{ "", "/x/" },           { "", "/x/*" },
	};
	struct gw_match entries[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		gw_match_init(&entries[i], order[7 - i][0], order[7 - i][1]);
	qsort(entries, 8, sizeof(*entries), by_match);
	for (size_t i = 0; i < 8; i++) {
		assert_string_equal(entries[i].host, order[i][0]);
		assert_string_equal(entries[i].path, order[i][1]);
	}
}

static bool holds(const char *host, const char *asked)
{
	struct gw_match match;

	gw_match_init(&match, host, "/*");
	return gw_match_holds(&match, asked, gw_match_host_len(asked, strlen(asked)), "/", 1);
}

static void test_hosts(void **state)
{
	(void)state;
	assert_true(holds("", ""));
	assert_true(holds("", "any:80"));
	assert_true(holds("a.example", "A.Example"));
	assert_true(holds("a.example", "a.example:8080"));
	assert_false(holds("a.example", "b.a.example"));
	assert_true(holds("a.example", "a.example.:80"));
	assert_false(holds("a.example", ""));
	assert_true(holds("*.example", "a.example:1"));
	assert_true(holds("*.example", "b.a.EXAMPLE"));
	assert_false(holds("*.example", "example"));
	assert_false(holds("*.example", ".example"));
	assert_false(holds("*.example", "aexample"));
}

static void test_a_host_ends_at_its_port(void **state)
{
	(void)state;
	assert_int_equal(gw_match_host_len("a:80", 4), 1);
	assert_int_equal(gw_match_host_len("a", 1), 1);
	assert_int_equal(gw_match_host_len("[::1]:80", 8), 5);
	assert_int_equal(gw_match_host_len("[::1]", 5), 5);
	assert_int_equal(gw_match_host_len("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_host_goes_before_the_path),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_a_host_ends_at_its_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
