// SPDX-License-Identifier: Apache-2.0
/*
 * test_chain_traffic.c - revisions of a chain file become functions of their own.
 *
 * Arguments: the folder of chain files, the path of describe_fixture.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/controller/chain_files.h"

static char data_folder[PATH_MAX];

static void test_second_revision_is_a_function_behind_the_others(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "traffic.yaml");
	const struct chain_function *a, *canary;

	(void)state;
	assert_non_null(outcome.chain);
	assert_int_equal(outcome.chain->declared_count, 3);
	assert_int_equal(outcome.chain->function_count, 4);
	a = &outcome.chain->functions[0];
	canary = &outcome.chain->functions[3];
	assert_int_equal(a->traffic.second, 4);
	assert_int_equal(canary->traffic.first, 1);
	assert_string_equal(a->traffic.revision, "stable");
	assert_int_equal(a->traffic.percent, 90);
	assert_int_equal(canary->traffic.percent, 10);
	assert_string_equal(canary->name, "a");
	assert_string_equal(canary->label, "a@canary");
	assert_string_equal(a->label, "a");
	assert_non_null(strstr(canary->exec, "/charge"));
	assert_int_equal(canary->instances, 2);
	assert_memory_equal(&canary->rules, &a->rules, sizeof(a->rules));
	assert_memory_equal(canary->targets, a->targets, sizeof(a->targets));
	chain_outcome_done(&outcome);
}

static void test_limits_and_their_defaults(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "traffic.yaml");
	const struct chain_traffic *a, *b, *c;

	(void)state;
	assert_non_null(outcome.chain);
	a = &outcome.chain->functions[0].traffic;
	b = &outcome.chain->functions[1].traffic;
	c = &outcome.chain->functions[2].traffic;
	assert_true(a->rollback.on && !a->breaker.on);
	assert_int_equal(a->rollback.error_rate, 25);
	assert_int_equal(a->rollback.min_requests, 50);
	assert_int_equal(a->rollback_crashes, 1);
	assert_int_equal(a->rollback.window_ns, 60000000000ULL);
	assert_true(b->breaker.on && !b->rollback.on);
	assert_int_equal(b->breaker.error_rate, 5000);
	assert_int_equal(b->breaker.min_requests, 20);
	assert_int_equal(b->breaker.window_ns, 10000000000ULL);
	assert_int_equal(b->breaker_open_ns, 5000000000ULL);
	assert_string_equal(c->revision, "only");
	assert_int_equal(c->second, 0);
	chain_outcome_done(&outcome);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_revision_is_a_function_behind_the_others),
		cmocka_unit_test(test_limits_and_their_defaults),
	};
	int failed;

	if (argc != 3 || !realpath(argv[1], data_folder))
		return 2;
	chain_files_enter(argv[2]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	chain_files_leave();
	return failed;
}
