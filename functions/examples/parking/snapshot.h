/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - makes the camera's JPEG, of an exact size where one is asked for.
 *
 * For: the command `snapshot`, the demo and the tests. How: a scene is drawn and encoded.
 * For an exact size the best quality that fits is sought, and comment segments, which
 * every decoder skips, fill what is left.
 * Thread-safety: no state.
 */
#ifndef PARKING_SNAPSHOT_H
#define PARKING_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "scene.h"

#define SNAPSHOT_BYTES_MAX (16U << 20)

struct snapshot {
	struct scene scene;
	int quality;  /* 1 to 100; the upper bound when `bytes` is set */
	size_t bytes; /* exact size; 0 = as it comes */
};

/* 640 x 480, quality 85, a little noise. */
extern const struct snapshot snapshot_default;

/* Encodes pixels. Returns 0 and *ret (free it), *ret_len; -ENOMEM; -EINVAL. */
int snapshot_encode(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, uint8_t **ret,
		    size_t *ret_len);

/* Makes a snapshot. Returns as snapshot_encode() and scene_draw(); -EMSGSIZE when `bytes`
 * is too few for such a picture, or over SNAPSHOT_BYTES_MAX. */
int snapshot_make(const struct snapshot *snapshot, uint8_t **ret, size_t *ret_len);

#endif
