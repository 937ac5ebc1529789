/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h - reads a plate: from a yellow rectangle, or from a whole JPEG.
 *
 * For: detect. How: inside the rectangle the bounds of the dark ink are measured; they
 * give the size of a cell and how many letters there are. Each cell's mean brightness is
 * then compared with the font's, and the likeliest glyph wins if it is likely enough and
 * clearly ahead of the next.
 * A JPEG is read coarse to fine: at the reduced size where libjpeg is quickest first, and
 * at twice that when no plate could be read there. A wrong plate is worse than none.
 * Thread-safety: one thread per struct reader.
 */
#ifndef PARKING_READER_H
#define PARKING_READER_H

#include <stddef.h>

#include "finder.h"
#include "picture.h"
#include "plate.h"

struct reader {
	struct picture picture;
	struct finder finder;
};

/* Returns 0 or -ENOMEM. */
int reader_init(struct reader *reader);
void reader_done(struct reader *reader);

/* Reads the text in `box`. Returns 0 and ret, NUL-terminated, or -ENOENT when it is no
 * plate or not readable. */
int reader_read_box(const struct picture *picture, const struct box *box,
		    char ret[PLATE_LENGTH_MAX + 1]);

/*
 * Reads the plate in a JPEG; *ret_box is in pixels of the full picture. Returns 0; -ENOENT
 * when it shows no readable plate; or as picture_decode(). reader->picture has the size,
 * and the reason of a failed decode.
 */
int reader_read_jpeg(struct reader *reader, const void *jpeg, size_t len,
		     char ret[PLATE_LENGTH_MAX + 1], struct box *ret_box);

#endif
