// SPDX-License-Identifier: Apache-2.0
#include "shm/layout.h"

#include <errno.h>
#include <string.h>

#include "shm/buffer.h"
#include "shm/memory.h"

#define LINE 64U
#define PLENTY (1U << 14) /* of a class: more only when no other has use for the memory */

static uint32_t stride_of(uint32_t size)
{
	uint64_t bytes = (uint64_t)SHM_HEADER_SIZE + size + SHM_META_ROOM;
	uint64_t lines = (bytes + LINE - 1) / LINE;

	return (uint32_t)((lines | 1) * LINE);
}

static uint64_t round_up(uint64_t n)
{
	return (n + SHM_HUGEPAGE_SIZE - 1) / SHM_HUGEPAGE_SIZE * SHM_HUGEPAGE_SIZE;
}

static bool sizes_valid(const uint32_t *sizes, uint32_t count)
{
	if (count == 0 || count > SHM_CLASS_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (sizes[i] < SHM_SIZE_MIN || sizes[i] > SHM_SIZE_MAX)
			return false;
		if (i > 0 && sizes[i] <= sizes[i - 1])
			return false;
	}
	return true;
}

/* Beyond their least, all classes get the same share of `memory`, but none more than `most`
 * buffers; what it does not take the larger ones share. Returns what is left. */
static uint64_t share_out(struct shm_layout *layout, uint64_t memory, uint32_t most)
{
	for (uint32_t i = 0; i < layout->class_count; i++) {
		struct shm_class *c = &layout->classes[i];
		uint64_t more = memory / (layout->class_count - i) / c->stride;
		uint64_t room = c->count < most ? most - c->count : 0;

		more = more < room ? more : room;
		c->count += (uint32_t)more;
		memory -= more * c->stride;
	}
	return memory;
}

int shm_layout_compute(const uint32_t *sizes, uint32_t class_count, uint64_t memory,
		       uint32_t count_min, struct shm_layout *ret, uint64_t *ret_memory_min)
{
	struct shm_layout layout = { .class_count = class_count };
	uint64_t used = 0, needed = 0;

	if (!sizes_valid(sizes, class_count) || count_min == 0 ||
	    count_min > SHM_BUFFER_COUNT_MAX / class_count)
		return -EINVAL;
	for (uint32_t i = 0; i < class_count; i++) {
		struct shm_class *c = &layout.classes[i];

		c->size = sizes[i];
		c->stride = stride_of(sizes[i]);
		c->count = c->size > SHM_SIZE_HUGE && count_min > SHM_HUGE_MIN ? SHM_HUGE_MIN :
										 count_min;
		needed += (uint64_t)c->stride * c->count;
	}
	if (ret_memory_min)
		*ret_memory_min = round_up(needed);
	if (needed > memory)
		return -ENOSPC;

	memory = share_out(&layout, memory - needed, PLENTY);
	share_out(&layout, memory, SHM_BUFFER_COUNT_MAX / class_count);
	for (uint32_t i = 0; i < class_count; i++) {
		struct shm_class *c = &layout.classes[i];

		c->first = layout.buffer_count;
		c->offset = used;
		layout.buffer_count += c->count;
		used += (uint64_t)c->count * c->stride;
	}
	layout.size = round_up(used);
	*ret = layout;
	return 0;
}

int shm_layout_check(const struct shm_layout *layout)
{
	uint32_t index = 0;
	uint64_t used = 0;

	if (layout->class_count == 0 || layout->class_count > SHM_CLASS_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < layout->class_count; i++) {
		const struct shm_class *c = &layout->classes[i];

		if (c->size < SHM_SIZE_MIN || c->size > SHM_SIZE_MAX ||
		    c->stride != stride_of(c->size) || c->first != index || c->offset != used ||
		    c->count == 0 || c->count > SHM_BUFFER_COUNT_MAX)
			return -EBADMSG;
		if (i > 0 && c->size <= layout->classes[i - 1].size)
			return -EBADMSG;
		index += c->count;
		used += (uint64_t)c->count * c->stride;
	}
	if (index != layout->buffer_count || index > SHM_BUFFER_COUNT_MAX || used > layout->size)
		return -EBADMSG;
	return 0;
}

int shm_layout_class_for(const struct shm_layout *layout, uint32_t len)
{
	for (uint32_t i = 0; i < layout->class_count; i++)
		if (layout->classes[i].size >= len)
			return (int)i;
	return -1;
}
