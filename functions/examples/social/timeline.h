/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline.h - the newest posts of somebody, by id.
 *
 * For: timelines. How: ids in falling order. They rise with time, but posts may overtake each
 * other on their way, so a new one is put where it belongs. All zero is an empty one.
 * Thread-safety: one thread per struct timeline.
 */
#ifndef SOCIAL_TIMELINE_H
#define SOCIAL_TIMELINE_H

#include <stdint.h>

#define TIMELINE_MAX 64U

struct timeline {
	uint32_t count;
	uint64_t ids[TIMELINE_MAX]; /* newest first */
};

/* Returns 1; or 0 when it is there already, or older than all of a full timeline. */
uint32_t timeline_add(struct timeline *timeline, uint64_t id);

/* The i-th newest; i is below `count`. */
uint64_t timeline_at(const struct timeline *timeline, uint32_t i);

#endif
