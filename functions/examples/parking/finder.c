/* SPDX-License-Identifier: Apache-2.0 */
/* finder.c - see finder.h. */
#include "finder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plate.h"

/* A picture of PICTURE_PIXELS_MAX pixels, plus the blocks that its right and lower edges
 * fill only partly. */
#define FINDER_BLOCK_MAX                                      \
	(PICTURE_PIXELS_MAX / (FINDER_BLOCK * FINDER_BLOCK) + \
	 2 * (PICTURE_SIDE_MAX / FINDER_BLOCK + 1))
#define FINDER_YELLOW_MIN 6U           /* pixels of a block's 16 */
#define FINDER_HEIGHT_MIN PLATE_HEIGHT /* pixels: below one per cell nothing can be read */

int finder_init(struct finder *finder)
{
	memset(finder, 0, sizeof(*finder));
	finder->mark = malloc(FINDER_BLOCK_MAX);
	finder->stack = malloc(FINDER_BLOCK_MAX * sizeof(*finder->stack));
	if (finder->mark && finder->stack)
		return 0;
	finder_done(finder);
	return -ENOMEM;
}

void finder_done(struct finder *finder)
{
	free(finder->mark);
	free(finder->stack);
	memset(finder, 0, sizeof(*finder));
}

static void finder_mark(struct finder *finder, const struct picture *picture)
{
	const uint8_t *pixel = picture->yellow;

	finder->columns = (picture->width + FINDER_BLOCK - 1) / FINDER_BLOCK;
	finder->rows = (picture->height + FINDER_BLOCK - 1) / FINDER_BLOCK;
	memset(finder->mark, 0, (size_t)finder->columns * finder->rows);
	for (uint32_t y = 0; y < picture->height; y++) {
		uint8_t *mark = finder->mark + (size_t)(y / FINDER_BLOCK) * finder->columns;

		for (uint32_t x = 0; x < picture->width; x++)
			mark[x / FINDER_BLOCK] += *pixel++;
	}
	for (size_t i = 0; i < (size_t)finder->columns * finder->rows; i++)
		finder->mark[i] = finder->mark[i] >= FINDER_YELLOW_MIN;
}

/* Adds a block to the region if it belongs there; each is taken once. */
static void finder_push(struct finder *finder, uint32_t block, size_t *depth)
{
	if (!finder->mark[block])
		return;
	finder->mark[block] = 0;
	finder->stack[(*depth)++] = block;
}

/* Walks the region that `first` belongs to. Returns its bounds, in blocks. */
static struct box finder_region(struct finder *finder, uint32_t first)
{
	uint32_t left = UINT32_MAX, top = UINT32_MAX, right = 0, bottom = 0;
	size_t depth = 0;

	finder_push(finder, first, &depth);
	while (depth > 0) {
		uint32_t block = finder->stack[--depth];
		uint32_t x = block % finder->columns, y = block / finder->columns;

		left = x < left ? x : left;
		right = x > right ? x : right;
		top = y < top ? y : top;
		bottom = y > bottom ? y : bottom;
		if (x > 0)
			finder_push(finder, block - 1, &depth);
		if (x + 1 < finder->columns)
			finder_push(finder, block + 1, &depth);
		if (y > 0)
			finder_push(finder, block - finder->columns, &depth);
		if (y + 1 < finder->rows)
			finder_push(finder, block + finder->columns, &depth);
	}
	return (struct box){ left, top, right - left + 1, bottom - top + 1 };
}

static uint32_t yellow_in_row(const struct picture *picture, const struct box *box, uint32_t y)
{
	const uint8_t *row = picture->yellow + (size_t)y * picture->width + box->x;
	uint32_t n = 0;

	for (uint32_t x = 0; x < box->width; x++)
		n += row[x];
	return n;
}

static uint32_t yellow_in_column(const struct picture *picture, const struct box *box, uint32_t x)
{
	const uint8_t *pixel = picture->yellow + (size_t)box->y * picture->width + x;
	uint32_t n = 0;

	for (uint32_t y = 0; y < box->height; y++, pixel += picture->width)
		n += *pixel;
	return n;
}

/* Takes away rows, then columns, at the edges that are not yellow for the most part: a
 * plate's margin is yellow all along. */
static void box_trim(struct box *box, const struct picture *picture)
{
	while (box->height > 0 && yellow_in_row(picture, box, box->y) * 2 < box->width) {
		box->y++;
		box->height--;
	}
	while (box->height > 0 &&
	       yellow_in_row(picture, box, box->y + box->height - 1) * 2 < box->width)
		box->height--;
	while (box->width > 0 && yellow_in_column(picture, box, box->x) * 2 < box->height) {
		box->x++;
		box->width--;
	}
	while (box->width > 0 &&
	       yellow_in_column(picture, box, box->x + box->width - 1) * 2 < box->height)
		box->width--;
}

/* From blocks to pixels, one block more at each side: a block that the plate's edge cuts
 * may have been too little yellow. */
static struct box box_of_region(const struct box *region, const struct picture *picture)
{
	uint32_t left = region->x > 0 ? region->x - 1 : 0;
	uint32_t top = region->y > 0 ? region->y - 1 : 0;
	uint32_t right = (region->x + region->width + 1) * FINDER_BLOCK;
	uint32_t bottom = (region->y + region->height + 1) * FINDER_BLOCK;
	struct box box = { .x = left * FINDER_BLOCK, .y = top * FINDER_BLOCK };

	box.width = (right < picture->width ? right : picture->width) - box.x;
	box.height = (bottom < picture->height ? bottom : picture->height) - box.y;
	box_trim(&box, picture);
	return box;
}

/* Width to height as of plates with the fewest and the most letters, and half as much
 * again for blurred edges. */
static bool box_plausible(const struct box *box)
{
	return box->height >= FINDER_HEIGHT_MIN &&
	       box->width * PLATE_HEIGHT * 3 >= box->height * PLATE_WIDTH(PLATE_LENGTH_MIN) * 2 &&
	       box->width * PLATE_HEIGHT * 2 <= box->height * PLATE_WIDTH(PLATE_LENGTH_MAX) * 3;
}

/* Keeps the largest FINDER_BOX_MAX, in order. Returns the new count. */
static size_t boxes_insert(struct box *boxes, size_t count, const struct box *box)
{
	size_t at = count;

	while (at > 0 && boxes[at - 1].width * boxes[at - 1].height < box->width * box->height)
		at--;
	if (at == FINDER_BOX_MAX)
		return count;
	if (count == FINDER_BOX_MAX)
		count--;
	memmove(boxes + at + 1, boxes + at, (count - at) * sizeof(*boxes));
	boxes[at] = *box;
	return count + 1;
}

size_t finder_find(struct finder *finder, const struct picture *picture,
		   struct box ret[FINDER_BOX_MAX])
{
	size_t count = 0;

	finder_mark(finder, picture);
	for (uint32_t i = 0; i < finder->columns * finder->rows; i++) {
		struct box box;

		if (!finder->mark[i])
			continue;
		box = finder_region(finder, i);
		if (box.width < 2 || box.height < 2)
			continue;
		box = box_of_region(&box, picture);
		if (box_plausible(&box))
			count = boxes_insert(ret, count, &box);
	}
	return count;
}
