/* SPDX-License-Identifier: Apache-2.0 */
/*
 * picture.h - a camera's JPEG, decoded into what plate reading needs.
 *
 * For: detect. How: libjpeg decodes row by row, at full or reduced size; of each pixel
 * only its brightness and whether it has the colour of a plate are kept.
 * Trust: the JPEG is a stranger's. Declared dimensions are judged before anything is
 * decoded, scans and time while it is, and a damaged or truncated picture is refused
 * rather than guessed at: half a plate could be somebody else's. Each decode starts from a fresh
 * libjpeg object, because tables of one picture would otherwise serve the next.
 * Thread-safety: one thread per struct picture.
 */
#ifndef PARKING_PICTURE_H
#define PARKING_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#define PICTURE_SIDE_MAX 8192U
#define PICTURE_PIXELS_MAX (8U << 20) /* libjpeg then takes 48 MiB at most (progressive) */
#define PICTURE_SCANS_MAX 20          /* of a progressive JPEG */
#define PICTURE_REASON_MAX 200

struct picture {
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; decoding ends then; 0 = none */
	uint32_t full_width;  /* as declared */
	uint32_t full_height;
	uint32_t reduction; /* decoded at 1/reduction: 1, 2, 4 or 8 */
	uint32_t width;     /* as decoded */
	uint32_t height;
	uint8_t *luma;   /* width x height */
	uint8_t *yellow; /* width x height: 1 where the pixel has a plate's colour */
	uint8_t *row;    /* one row of RGB */
	char reason[PICTURE_REASON_MAX]; /* why the last call failed, a sentence */
};

/* Takes the memory for the largest picture (touched as far as pictures need it).
 * Returns 0 or -ENOMEM. */
int picture_init(struct picture *picture);
void picture_done(struct picture *picture);

/*
 * Reads the declared size (full_width, full_height). Returns 0; -EPROTONOSUPPORT when the
 * bytes are no JPEG or one with a colour space that has no yellow (CMYK); -EFBIG over the
 * limits; -EBADMSG for a damaged header.
 */
int picture_measure(struct picture *picture, const void *jpeg, size_t len);

/* Decodes at 1/reduction. Returns as picture_measure(); -EBADMSG also for damaged picture
 * data; -ETIME when the deadline passed. */
int picture_decode(struct picture *picture, const void *jpeg, size_t len, uint32_t reduction);

#endif
