/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - where each buffer of a pool lies.
 *
 * For: turning a buffer index into an offset in the pool's memory. Every process maps the
 * memory where it likes, so nothing in it is a pointer.
 * How: a pool is a row of size classes; a class is a row of equal slots. A slot holds one
 * buffer: a header, `size` payload bytes, and room for meta data (buffer.h). Its stride is
 * an odd number of cache lines, so that the headers of neighbours do not share cache sets.
 * Thread-safety: a layout is computed once and never changes.
 */
#ifndef SPROCKET_SHM_LAYOUT_H
#define SPROCKET_SHM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define SHM_CLASS_MAX 8
#define SHM_BUFFER_COUNT_MAX (1U << 20)
#define SHM_META_ROOM 1920U      /* meta bytes a slot has beside its payload */
#define SHM_SIZE_MIN 64U         /* payload bytes of the smallest allowed class */
#define SHM_SIZE_MAX (64U << 20) /* and of the largest */
#define SHM_SIZE_HUGE (1U << 20) /* larger ones are few: */
#define SHM_HUGE_MIN 2U          /* so many are enough to work with */

struct shm_class {
	uint64_t offset; /* of the first slot, bytes from the start of the memory */
	uint32_t size;   /* payload bytes of a buffer */
	uint32_t stride; /* bytes from slot to slot */
	uint32_t first;  /* index of the first buffer */
	uint32_t count;
};

struct shm_layout {
	uint64_t size; /* bytes of memory used, a multiple of 2 MiB */
	uint32_t buffer_count;
	uint32_t class_count;
	struct shm_class classes[SHM_CLASS_MAX]; /* ascending by size */
};

/*
 * Divides `memory` bytes among the classes, each the same share, but small classes no more than
 * is plenty while larger ones can use it; each at least `count_min` buffers, or SHM_HUGE_MIN
 * above SHM_SIZE_HUGE when that is less. `sizes` ascend strictly.
 * Returns 0; -EINVAL for sizes out of range or order, or a count_min with which they exceed
 * SHM_BUFFER_COUNT_MAX; -ENOSPC when `memory` cannot hold
 * count_min buffers of each class: then *ret_memory_min (if wanted) says what can.
 */
int shm_layout_compute(const uint32_t *sizes, uint32_t class_count, uint64_t memory,
		       uint32_t count_min, struct shm_layout *ret, uint64_t *ret_memory_min);

/* Checks a layout that came from another process. Returns 0 or -EBADMSG. */
int shm_layout_check(const struct shm_layout *layout);

/* Class of a buffer. `index` must be below buffer_count. */
static inline const struct shm_class *shm_layout_class(const struct shm_layout *layout,
						       uint32_t index)
{
	const struct shm_class *c = layout->classes;

	while (index - c->first >= c->count)
		c++;
	return c;
}

/* Offset of a buffer's slot. `index` must be below buffer_count. */
static inline uint64_t shm_layout_offset(const struct shm_layout *layout, uint32_t index)
{
	const struct shm_class *c = shm_layout_class(layout, index);

	return c->offset + (uint64_t)(index - c->first) * c->stride;
}

/* Number of the smallest class whose buffers hold `len` payload bytes, or -1. */
int shm_layout_class_for(const struct shm_layout *layout, uint32_t len);

#endif
