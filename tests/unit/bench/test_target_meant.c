// SPDX-License-Identifier: Apache-2.0
/* A name that nobody has: the nearest is told, when one is near. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench/target/target_names.h"

static void test_nearest_name(void **state)
{
	static const char *const meant[][2] = {
		{ "chian-6", "chain-6" },        { "chain", "chain-N" },
		{ "Boutique", "boutique" },      { "botique", "boutique" },
		{ "ring6", "ring-6" },           { "side-car-3", "sidecar-3" },
		{ "fan-call-4", "fan-calls-4" }, { "bigg", "big" },
	};
	static const char *const far[] = { "xylophone", "/tmp/chains.yaml", "",
					   "\xff\xff\xff\xff\xff" };
	struct bench_target_options plain = { 0 };
	struct bench_command c;
	char error[BENCH_ERROR_TEXT], wanted[64];

	(void)state;
	for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++) {
		snprintf(wanted, sizeof(wanted), "Did you mean %s?", meant[i][1]);
		assert_int_equal(bench_target_command(meant[i][0], &plain, &c, error), -EINVAL);
		if (!strstr(error, wanted))
			fail_msg("%s: no \"%s\" in: %s", meant[i][0], wanted, error);
	}
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		assert_int_equal(bench_target_command(far[i], &plain, &c, error), -EINVAL);
		assert_null(strstr(error, "Did you mean"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nearest_name) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
