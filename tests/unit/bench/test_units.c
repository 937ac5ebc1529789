// SPDX-License-Identifier: Apache-2.0
/* Rates, durations and sizes as people write them, and what is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bench/load/units.h"

static void test_rate(void **state)
{
	static const struct {
		const char *text;
		double value;
		int code;
	} cases[] = {
		{ "250", 250, 0 },       { "0.5", 0.5, 0 },     { "5k", 5000, 0 },
		{ "1.2M", 1.2e6, 0 },    { "1000M", 1e9, 0 },   { "0", 0, -ERANGE },
		{ "2000M", 0, -ERANGE }, { "", 0, -EINVAL },    { "k", 0, -EINVAL },
		{ "-5", 0, -EINVAL },    { " 5", 0, -EINVAL },  { "5K", 0, -EINVAL },
		{ "5k ", 0, -EINVAL },   { "1e3", 0, -EINVAL }, { "0x10", 0, -EINVAL },
		{ "1.2.3", 0, -EINVAL }, { "inf", 0, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double value = -1;

		if (bench_parse_rate(cases[i].text, &value) != cases[i].code ||
		    value != (cases[i].code ? -1 : cases[i].value))
			fail_msg("'%s' became %f", cases[i].text, value);
	}
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		int code;
	} cases[] = {
		{ "7ns", 7, 0 },
		{ "200us", 200000, 0 },
		{ "10ms", 10000000, 0 },
		{ "1.5s", 1500000000, 0 },
		{ "2m", 120000000000, 0 },
		{ "1h", 3600000000000, 0 },
		{ "0", 0, 0 },
		{ "720h", BENCH_DURATION_MAX_NS, 0 },
		{ "721h", 0, -ERANGE },
		{ "5", 0, -EINVAL },
		{ "s", 0, -EINVAL },
		{ "-1s", 0, -EINVAL },
		{ "5 s", 0, -EINVAL },
		{ "5sec", 0, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 77;

		if (bench_parse_duration(cases[i].text, &value) != cases[i].code ||
		    value != (cases[i].code ? 77 : cases[i].value))
			fail_msg("'%s' became %llu", cases[i].text, (unsigned long long)value);
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		int code;
	} cases[] = {
		{ "0", 0, 0 },           { "128", 128, 0 },        { "64Ki", 65536, 0 },
		{ "1.5Mi", 1572864, 0 }, { "1Gi", 1073741824, 0 }, { "1025Gi", 0, -ERANGE },
		{ "1.5", 0, -EINVAL },   { "64K", 0, -EINVAL },    { "64k", 0, -EINVAL },
		{ "-1", 0, -EINVAL },    { "", 0, -EINVAL },       { "Ki", 0, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 77;

		if (bench_parse_size(cases[i].text, &value) != cases[i].code ||
		    value != (cases[i].code ? 77 : cases[i].value))
			fail_msg("'%s' became %llu", cases[i].text, (unsigned long long)value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
