// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/text.h"

static void expect_escape(const char *text, size_t len, const char *expected)
{
	char out[256];
	char *end = gw_text_escape(out, text, len);

	assert_int_equal(end - out, strlen(expected));
	assert_memory_equal(out, expected, strlen(expected));
}

static void test_json_escapes(void **state)
{
	(void)state;
	expect_escape("plain", 5, "plain");
	expect_escape("\"\\\n\t", 4, "\\\"\\\\\\n\\t");
	expect_escape("\0\x1f\x7f", 3, "\\u0000\\u001f\\u007f");
	expect_escape("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x9b", 9,
		      "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x9b");
	expect_escape("\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_utf8_is_judged_strictly(void **state)
{
	static const struct {
		const char *text;
		size_t len, expected;
	} cases[] = {
		{ "a", 1, 1 },
		{ "\x80", 1, 0 },     /* continuation alone */
		{ "\xc0\xaf", 2, 0 }, /* overlong */
		{ "\xc1\xbf", 2, 0 },
		{ "\xe0\x80\xaf", 3, 0 }, /* overlong */
		{ "\xe0\xa0\x80", 3, 3 },
		{ "\xed\x9f\xbf", 3, 3 },
		{ "\xed\xa0\x80", 3, 0 },     /* surrogate */
		{ "\xf0\x8f\xbf\xbf", 4, 0 }, /* overlong */
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "\xf4\x90\x80\x80", 4, 0 }, /* above 10FFFF */
		{ "\xf5\x80\x80\x80", 4, 0 },
		{ "\xe2\x82\x41", 3, 0 },
		{ "\xe2\x82", 2, 0 }, /* cut */
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(gw_text_utf8(cases[i].text, cases[i].len), cases[i].expected);
}

static void test_reason_phrases(void **state)
{
	(void)state;
	assert_string_equal(gw_text_status(200), "OK");
	assert_string_equal(gw_text_status(504), "Gateway Timeout");
	assert_string_equal(gw_text_status(299), "Unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_escapes),
		cmocka_unit_test(test_utf8_is_judged_strictly),
		cmocka_unit_test(test_reason_phrases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
