/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_layout.h - a pool of a few buffers: one that the controller makes has some MiB at least.
 *
 * For: fuzz targets, which fill it anew for each input. Thread-safety: pure.
 */
#ifndef SPROCKET_TESTS_FUZZ_SMALL_LAYOUT_H
#define SPROCKET_TESTS_FUZZ_SMALL_LAYOUT_H

#include <stdlib.h>

#include "shm/layout.h"

/* `each` buffers of each size. */
static inline struct shm_layout small_layout(const uint32_t *sizes, uint32_t class_count,
					     uint32_t each)
{
	struct shm_layout layout;
	uint64_t memory = 0;

	shm_layout_compute(sizes, class_count, 0, each, &layout, &memory); /* says what is enough */
	if (shm_layout_compute(sizes, class_count, memory, each, &layout, NULL) < 0)
		abort();
	layout.size = layout.buffer_count = 0;
	for (uint32_t i = 0; i < class_count; i++) {
		layout.classes[i].count = each;
		layout.classes[i].first = layout.buffer_count;
		layout.classes[i].offset = layout.size;
		layout.buffer_count += each;
		layout.size += (uint64_t)each * layout.classes[i].stride;
	}
	if (shm_layout_check(&layout) < 0)
		abort();
	return layout;
}

#endif
