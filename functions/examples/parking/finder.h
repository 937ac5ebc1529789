/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finder.h - where in a picture a plate may be: its yellow rectangles.
 *
 * For: detect. How: the picture is divided into blocks of 4 x 4 pixels; blocks that are
 * mostly yellow and touch form a region; regions of a plate's proportions are trimmed to
 * the pixel and offered, largest first. Which of them is a plate is the reader's to say:
 * a bollard is yellow too.
 * Thread-safety: one thread per struct finder.
 */
#ifndef PARKING_FINDER_H
#define PARKING_FINDER_H

#include <stddef.h>
#include <stdint.h>

#include "picture.h"

#define FINDER_BLOCK 4U /* pixels a side */
#define FINDER_BOX_MAX 8U

struct box {
	uint32_t x, y, width, height;
};

struct finder {
	uint8_t *mark;   /* per block: 1 while it is yellow and in no region yet */
	uint32_t *stack; /* blocks of the region being walked */
	uint32_t columns;
	uint32_t rows;
};

/* Takes memory for the largest picture. Returns 0 or -ENOMEM. */
int finder_init(struct finder *finder);
void finder_done(struct finder *finder);

/* Finds at most FINDER_BOX_MAX rectangles, in pixels of the decoded picture. Returns how
 * many. */
size_t finder_find(struct finder *finder, const struct picture *picture,
		   struct box ret[FINDER_BOX_MAX]);

#endif
