/* SPDX-License-Identifier: Apache-2.0 */
/* test_plate.c - the font keeps the promises that reading relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plate.h"

/* All four edges, so that the bounds of a text's ink are those of its cells. */
static void test_glyphs_touch_edges(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLATE_GLYPH_COUNT; i++) {
		const struct plate_glyph *glyph = &plate_font[i];
		bool left = false, right = false;

		for (uint32_t row = 0; row < PLATE_GLYPH_HEIGHT; row++) {
			left |= plate_glyph_ink(glyph, 0, row);
			right |= plate_glyph_ink(glyph, PLATE_GLYPH_WIDTH - 1, row);
			assert_int_equal(glyph->rows[row] >> PLATE_GLYPH_WIDTH, 0);
		}
		assert_true(left && right);
		if (glyph->character != '-')
			assert_true(glyph->rows[0] && glyph->rows[PLATE_GLYPH_HEIGHT - 1]);
	}
}

static void test_glyphs_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLATE_GLYPH_COUNT; i++)
		for (size_t k = 0; k < i; k++) {
			int cells = 0;

			for (uint32_t row = 0; row < PLATE_GLYPH_HEIGHT; row++)
				cells += __builtin_popcount(plate_font[i].rows[row] ^
							    plate_font[k].rows[row]);
			if (cells < 3)
				fail_msg("%c and %c differ in %d cells", plate_font[i].character,
					 plate_font[k].character, cells);
		}
}

static void test_glyph_of(void **state)
{
	(void)state;
	assert_int_equal(plate_glyph_of('A')->character, 'A');
	assert_int_equal(plate_glyph_of('-')->character, '-');
	assert_null(plate_glyph_of('a'));
	assert_null(plate_glyph_of('\0'));
}

static void test_text(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{ "AB-1234", true }, { "A123", true },         { "ABCDE12345", true },
		{ "A12", false },    { "ABCDE123456", false }, { "-B1234", false },
		{ "AB123-", false }, { "ab-1234", false },     { "AB 1234", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(plate_text_valid(cases[i].text, strlen(cases[i].text)),
				 cases[i].valid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glyphs_touch_edges),
		cmocka_unit_test(test_glyphs_differ),
		cmocka_unit_test(test_glyph_of),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("plate", tests, NULL, NULL);
}
