/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene.h - draws what a parking lot's camera sees.
 *
 * For: snapshot. How: asphalt, white lines, a car of a colour that the seed chooses, its
 * plate in front, a yellow bollard to mislead, and noise. The same scene gives the same
 * pixels on every machine.
 * Thread-safety: no state.
 */
#ifndef PARKING_SCENE_H
#define PARKING_SCENE_H

#include <stdint.h>

#include "finder.h"

#define SCENE_SIDE_MIN 160U
#define SCENE_SIDE_MAX 4096U

struct scene {
	const char *plate; /* NULL: a car without */
	uint32_t width;
	uint32_t height;
	uint32_t seed;
	uint32_t noise; /* 0 to 100: how far a pixel's brightness strays at most */
};

/* Draws into rgb (width x height x 3 bytes). Returns 0 and *ret_box (if wanted) = where
 * the plate is; -EINVAL for a text that no plate has or dimensions out of range; -ERANGE
 * when the plate does not fit into the picture. */
int scene_draw(const struct scene *scene, uint8_t *rgb, struct box *ret_box);

#endif
