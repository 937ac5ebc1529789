/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chain_text.c - the small texts of a chain file, and suggestions for wrong ones.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "controller/chain_value.h"
#include "controller/suggest.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct text_case {
	const char *text;
	int err;
	uint64_t value;
};

static void run_cases(const struct text_case *cases, size_t count,
		      int (*read)(const char *text, uint64_t *ret))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 12345;
		int err = read(cases[i].text, &value);

		if (err != cases[i].err)
			print_message("# \"%s\"\n", cases[i].text);
		assert_int_equal(err, cases[i].err);
		assert_int_equal(value, err ? 12345 : cases[i].value);
	}
}

static void test_numbers(void **state)
{
	static const struct text_case cases[] = {
		{ "0", 0, 0 },
		{ "32", 0, 32 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "032", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1.5", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1Ki", -EINVAL, 0 },
	};

	(void)state;
	run_cases(cases, COUNT(cases), chain_value_number);
}

static void test_sizes(void **state)
{
	static const struct text_case cases[] = {
		{ "16", 0, 16 },
		{ "64Ki", 0, 65536 },
		{ "1Mi", 0, 1 << 20 },
		{ "2Gi", 0, UINT64_C(2) << 30 },
		{ "17179869183Gi", 0, UINT64_C(17179869183) << 30 },
		{ "17179869184Gi", -ERANGE, 0 },
		{ "64K", -EINVAL, 0 },
		{ "64ki", -EINVAL, 0 },
		{ "64 Ki", -EINVAL, 0 },
		{ "64KiB", -EINVAL, 0 },
		{ "Ki", -EINVAL, 0 },
	};

	(void)state;
	run_cases(cases, COUNT(cases), chain_value_size);
}

static void test_durations(void **state)
{
	static const struct text_case cases[] = {
		{ "50ms", 0, 50000000 },
		{ "2s", 0, 2000000000 },
		{ "1m", 0, 60000000000 },
		{ "1h", 0, 3600000000000 },
		{ "0s", 0, 0 },
		{ "5124095h", 0, 5124095 * UINT64_C(3600000000000) },
		{ "5124096h", -ERANGE, 0 },
		{ "2", -EINVAL, 0 },
		{ "20us", 0, 20000 },
		{ "2ns", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1m30s", -EINVAL, 0 },
	};

	(void)state;
	run_cases(cases, COUNT(cases), chain_value_duration);
}

static void test_duration_text(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 1000, "1us" },      { 1500000, "1500us" },  { 50000000, "50ms" },
		{ 2000000000, "2s" }, { 90000000000, "90s" }, { UINT64_C(3600000000000), "1h" },
	};
	char buf[CHAIN_SIZE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(chain_value_duration_text(cases[i].ns, buf), cases[i].text);
}

static void test_size_text(void **state)
{
	static const struct {
		uint64_t size;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 1023, "1023" },
		{ 1024, "1Ki" },
		{ 65536, "64Ki" },
		{ 21 << 20, "21Mi" },
		{ (21 << 20) + 1024, "21505Ki" },
		{ (200 << 20) + 1, "201Mi" },
		{ UINT64_C(3) << 30, "3Gi" },
	};
	char buf[CHAIN_SIZE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(chain_value_size_text(cases[i].size, buf), cases[i].text);
	chain_value_size_text(UINT64_MAX, buf);
	assert_string_equal(buf, "17179869184Gi");
}

static void test_names(void **state)
{
	char long_name[65];

	(void)state;
	memset(long_name, 'a', sizeof(long_name));
	long_name[64] = '\0';
	assert_false(chain_value_is_label(long_name));
	assert_false(chain_value_is_edge(long_name));
	long_name[63] = '\0';
	assert_true(chain_value_is_label(long_name));
	assert_true(chain_value_is_edge(long_name));
	assert_true(chain_value_is_label("a-1"));
	assert_true(chain_value_is_label("1"));
	assert_false(chain_value_is_label(""));
	assert_false(chain_value_is_label("-a"));
	assert_false(chain_value_is_label("a-"));
	assert_false(chain_value_is_label("A"));
	assert_false(chain_value_is_label("a.b"));
	assert_true(chain_value_is_edge("unknown_Plate-2"));
	assert_false(chain_value_is_edge("a b"));
	assert_false(chain_value_is_edge("\xc3\xa4"));
	assert_true(chain_value_is_token("X-Kind"));
	assert_false(chain_value_is_token("X:"));
	assert_false(chain_value_is_token(""));
}

static void test_paths(void **state)
{
	static const char *const good[] = { "/", "/*", "/a/b", "/a/*", "/%20" };
	static const char *const bad[] = { "",     "a",    "*",  "/a*", "/*/a",     "/**",
					   "/a b", "/a?b", "/#", "/\n", "/\xc3\xa4" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(chain_value_is_path(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(chain_value_is_path(bad[i]));
}

static void test_suggestions(void **state)
{
	static const char *const words[] = { "detect", "search", NULL, "timeout", "maxBody", "to" };
	char huge[1000], text[SUGGEST_TEXT_MAX];

	(void)state;
	assert_int_equal(suggest_index("serch", words, COUNT(words)), 1);
	assert_int_equal(suggest_index("saerch", words, COUNT(words)), 1);
	assert_int_equal(suggest_index("searching", words, COUNT(words)), 1);
	assert_int_equal(suggest_index("TIMEOUT", words, COUNT(words)), 3);
	assert_int_equal(suggest_index("max_body", words, COUNT(words)), 4);
	assert_int_equal(suggest_index("ot", words, COUNT(words)), 5);
	assert_int_equal(suggest_index("x", words, COUNT(words)), -1);
	assert_int_equal(suggest_index("", words, COUNT(words)), -1);
	assert_int_equal(suggest_index("charge", words, COUNT(words)), -1);
	memset(huge, 'x', sizeof(huge));
	huge[999] = '\0';
	assert_int_equal(suggest_index(huge, words, COUNT(words)), -1);
	assert_string_equal(suggest_text(text, "serch", words, COUNT(words)),
			    ". Did you mean \"search\"?");
	assert_string_equal(suggest_text(text, "zzz", words, COUNT(words)), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),   cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations), cmocka_unit_test(test_duration_text),
		cmocka_unit_test(test_size_text), cmocka_unit_test(test_names),
		cmocka_unit_test(test_paths),     cmocka_unit_test(test_suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
