/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plate.h - what a number plate looks like: its text, its letters, its measures.
 *
 * For: the generator, which draws plates, and the reader, which must agree with it.
 * How: a plate is a yellow rectangle with one line of dark letters from a bitmap font of
 * 5 x 7 cells. Every glyph but the hyphen touches all four edges of its 5 x 7 box, so the
 * ink of a text is exactly PLATE_INK_WIDTH(length) x 7 cells: measuring the ink gives the
 * size of a cell without knowing the text.
 * Thread-safety: constant data.
 */
#ifndef PARKING_PLATE_H
#define PARKING_PLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLATE_LENGTH_MIN 4U
#define PLATE_LENGTH_MAX 10U

/* Measures in cells. */
#define PLATE_GLYPH_WIDTH 5U
#define PLATE_GLYPH_HEIGHT 7U
#define PLATE_PITCH 6U  /* from one glyph to the next */
#define PLATE_MARGIN 2U /* yellow around the ink */
#define PLATE_INK_WIDTH(length) ((length)*PLATE_PITCH - 1)
#define PLATE_WIDTH(length) (PLATE_INK_WIDTH(length) + 2 * PLATE_MARGIN)
#define PLATE_HEIGHT (PLATE_GLYPH_HEIGHT + 2 * PLATE_MARGIN)

struct plate_glyph {
	char character;
	uint8_t rows[PLATE_GLYPH_HEIGHT]; /* bit 4 is the leftmost cell */
};

#define PLATE_GLYPH_COUNT 37U
extern const struct plate_glyph plate_font[PLATE_GLYPH_COUNT];

/* The glyph of a character, NULL when the font has none. */
const struct plate_glyph *plate_glyph_of(char character);

/* True when the cell is ink. */
static inline bool plate_glyph_ink(const struct plate_glyph *glyph, uint32_t column, uint32_t row)
{
	return glyph->rows[row] >> (PLATE_GLYPH_WIDTH - 1 - column) & 1;
}

/* True for 4 to 10 capitals, digits and hyphens, no hyphen at either end. */
bool plate_text_valid(const char *text, size_t len);

#endif
