/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - see reader.h. */
#include "reader.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/param.h>

#define READER_WIDTH_MIN 480U /* the coarsest reduction tried leaves this much */
#define READER_INK_MIN 11U    /* pixels of height: 1.5 per cell */
#define READER_FULL 256U      /* darkness of ink */

/* Likelihoods are sums of 0..READER_FULL over a glyph's cells. */
#define READER_CELLS (PLATE_GLYPH_WIDTH * PLATE_GLYPH_HEIGHT)
#define READER_LIKELY (READER_CELLS * READER_FULL * 74 / 100)
#define READER_AHEAD (READER_CELLS * READER_FULL * 3 / 100)

/* A rectangle of ink and what counts as light and dark there. */
struct ink {
	const struct picture *picture;
	struct box box;
	uint32_t light;
	uint32_t dark;
};

static const uint8_t *luma_at(const struct picture *picture, uint32_t x, uint32_t y)
{
	return picture->luma + (size_t)y * picture->width + x;
}

/* Light is the mean of the yellow pixels, dark that of the pixels under half of it. */
static bool ink_levels(struct ink *ink)
{
	const struct picture *picture = ink->picture;
	const struct box *box = &ink->box;
	uint64_t light = 0, dark = 0;
	uint32_t lights = 0, darks = 0;

	for (uint32_t y = box->y; y < box->y + box->height; y++)
		for (uint32_t x = box->x; x < box->x + box->width; x++)
			if (picture->yellow[(size_t)y * picture->width + x]) {
				light += *luma_at(picture, x, y);
				lights++;
			}
	if (lights == 0)
		return false;
	ink->light = (uint32_t)(light / lights);
	for (uint32_t y = box->y; y < box->y + box->height; y++)
		for (uint32_t x = box->x; x < box->x + box->width; x++)
			if (*luma_at(picture, x, y) * 2U < ink->light) {
				dark += *luma_at(picture, x, y);
				darks++;
			}
	if (darks == 0)
		return false;
	ink->dark = (uint32_t)(dark / darks);
	return true;
}

/* Dark pixels among `count`, from (x, y) on, `step` apart. */
static uint32_t ink_count(const struct ink *ink, uint32_t x, uint32_t y, uint32_t count,
			  size_t step)
{
	const uint8_t *pixel = luma_at(ink->picture, x, y);
	uint32_t limit = (ink->light + ink->dark) / 2, n = 0;

	for (uint32_t i = 0; i < count; i++)
		n += pixel[i * step] < limit;
	return n;
}

/* Shrinks the box to the ink. What is less than half a cell long is a speck. */
static bool ink_trim(struct ink *ink)
{
	struct box *box = &ink->box;
	uint32_t speck = box->height / (2 * PLATE_HEIGHT);
	size_t stride = ink->picture->width;

	while (box->height > 0 && ink_count(ink, box->x, box->y, box->width, 1) <= speck) {
		box->y++;
		box->height--;
	}
	while (box->height > 0 &&
	       ink_count(ink, box->x, box->y + box->height - 1, box->width, 1) <= speck)
		box->height--;
	while (box->width > 0 && ink_count(ink, box->x, box->y, box->height, stride) <= speck) {
		box->x++;
		box->width--;
	}
	while (box->width > 0 &&
	       ink_count(ink, box->x + box->width - 1, box->y, box->height, stride) <= speck)
		box->width--;
	return box->height >= READER_INK_MIN && box->width >= READER_INK_MIN;
}

/* Darkness of a cell, 0 to READER_FULL, when the ink is `columns` cells wide. */
static uint32_t ink_cell(const struct ink *ink, uint32_t columns, uint32_t column, uint32_t row)
{
	const struct box *box = &ink->box;
	uint32_t left = box->x + (box->width * column + columns / 2) / columns;
	uint32_t right = box->x + (box->width * (column + 1) + columns / 2) / columns;
	uint32_t top = box->y + (box->height * row + 3) / PLATE_GLYPH_HEIGHT;
	uint32_t bottom = box->y + (box->height * (row + 1) + 3) / PLATE_GLYPH_HEIGHT;
	uint64_t sum = 0;
	uint32_t mean;

	if (left >= right || top >= bottom)
		return 0;
	for (uint32_t y = top; y < bottom; y++)
		for (uint32_t x = left; x < right; x++)
			sum += *luma_at(ink->picture, x, y);
	mean = (uint32_t)(sum / ((uint64_t)(right - left) * (bottom - top)));
	if (mean >= ink->light)
		return 0;
	if (mean <= ink->dark)
		return READER_FULL;
	return (ink->light - mean) * READER_FULL / (ink->light - ink->dark);
}

static uint32_t glyph_likelihood(const struct plate_glyph *glyph, const uint32_t *cells)
{
	uint32_t sum = 0;

	for (uint32_t row = 0; row < PLATE_GLYPH_HEIGHT; row++)
		for (uint32_t column = 0; column < PLATE_GLYPH_WIDTH; column++, cells++)
			sum += plate_glyph_ink(glyph, column, row) ? *cells : READER_FULL - *cells;
	return sum;
}

/* The glyph that begins at cell `first`, or 0. Adds its likelihood to *sum. */
static char ink_glyph(const struct ink *ink, uint32_t columns, uint32_t first, uint32_t *sum)
{
	uint32_t cells[READER_CELLS], best = 0, second = 0;
	char character = 0;

	for (uint32_t i = 0; i < READER_CELLS; i++)
		cells[i] = ink_cell(ink, columns, first + i % PLATE_GLYPH_WIDTH,
				    i / PLATE_GLYPH_WIDTH);
	for (size_t i = 0; i < PLATE_GLYPH_COUNT; i++) {
		uint32_t likelihood = glyph_likelihood(&plate_font[i], cells);

		if (likelihood > best) {
			second = best;
			best = likelihood;
			character = plate_font[i].character;
		} else if (likelihood > second) {
			second = likelihood;
		}
	}
	*sum += best;
	return best >= READER_LIKELY && best - second >= READER_AHEAD ? character : 0;
}

/* Reads the ink as `length` letters. Returns the mean likelihood, 0 when it is none. */
static uint32_t ink_text(const struct ink *ink, uint32_t length, char *ret)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < length; i++) {
		ret[i] = ink_glyph(ink, PLATE_INK_WIDTH(length), i * PLATE_PITCH, &sum);
		if (!ret[i])
			return 0;
	}
	ret[length] = '\0';
	return plate_text_valid(ret, length) ? sum / length : 0;
}

int reader_read_box(const struct picture *picture, const struct box *box,
		    char ret[PLATE_LENGTH_MAX + 1])
{
	struct ink ink = { .picture = picture, .box = *box };
	uint32_t edge = box->height / PLATE_HEIGHT; /* half the margin: what is beyond is not */
	uint32_t length, best = 0;

	if (box->width <= 2 * edge || box->height <= 2 * edge)
		return -ENOENT;
	ink.box = (struct box){ box->x + edge, box->y + edge, box->width - 2 * edge,
				box->height - 2 * edge };
	if (!ink_levels(&ink) || !ink_trim(&ink))
		return -ENOENT;
	length = (ink.box.width * PLATE_GLYPH_HEIGHT / ink.box.height + 1 + PLATE_PITCH / 2) /
		 PLATE_PITCH;
	/* A pixel of blur can hide or add a letter's share of a long plate: try the
	 * neighbouring lengths too. */
	for (uint32_t n = length > 0 ? length - 1 : 0; n <= length + 1; n++) {
		char text[PLATE_LENGTH_MAX + 1];
		uint32_t likelihood;

		if (n < PLATE_LENGTH_MIN || n > PLATE_LENGTH_MAX)
			continue;
		likelihood = ink_text(&ink, n, text);
		if (likelihood > best) {
			best = likelihood;
			memcpy(ret, text, n + 1);
		}
	}
	return best > 0 ? 0 : -ENOENT;
}

/* In pixels of the full picture; a reduced one may reach a little beyond its edge. */
static struct box box_enlarged(const struct box *box, const struct picture *picture)
{
	struct box full = { .x = box->x * picture->reduction, .y = box->y * picture->reduction };
	uint32_t width = box->width * picture->reduction;
	uint32_t height = box->height * picture->reduction;

	full.width = MIN(width, picture->full_width - full.x);
	full.height = MIN(height, picture->full_height - full.y);
	return full;
}

/* One pass at one size. */
static int reader_pass(struct reader *reader, const void *jpeg, size_t len, uint32_t reduction,
		       char ret[PLATE_LENGTH_MAX + 1], struct box *ret_box)
{
	struct box boxes[FINDER_BOX_MAX];
	size_t count;
	int r = picture_decode(&reader->picture, jpeg, len, reduction);

	if (r < 0)
		return r;
	count = finder_find(&reader->finder, &reader->picture, boxes);
	for (size_t i = 0; i < count; i++)
		if (reader_read_box(&reader->picture, &boxes[i], ret) == 0) {
			*ret_box = box_enlarged(&boxes[i], &reader->picture);
			return 0;
		}
	return -ENOENT;
}

int reader_read_jpeg(struct reader *reader, const void *jpeg, size_t len,
		     char ret[PLATE_LENGTH_MAX + 1], struct box *ret_box)
{
	uint32_t reduction = 8;
	int r = picture_measure(&reader->picture, jpeg, len);

	if (r < 0)
		return r;
	while (reduction > 1 && reader->picture.full_width / reduction < READER_WIDTH_MIN)
		reduction /= 2;
	for (r = -ENOENT; r == -ENOENT && reduction > 0; reduction /= 2)
		r = reader_pass(reader, jpeg, len, reduction, ret, ret_box);
	return r;
}

int reader_init(struct reader *reader)
{
	int r = picture_init(&reader->picture);

	if (r < 0)
		return r;
	r = finder_init(&reader->finder);
	if (r < 0)
		picture_done(&reader->picture);
	return r;
}

void reader_done(struct reader *reader)
{
	finder_done(&reader->finder);
	picture_done(&reader->picture);
}
