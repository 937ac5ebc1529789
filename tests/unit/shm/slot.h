/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.h - a buffer's slot between two pages that nobody may touch.
 *
 * For: tests of what reads and writes inside a slot.
 * How: the slot ends where an inaccessible page begins, so one byte too far is a SIGSEGV
 * without any sanitizer. The page before the slot's is inaccessible too: with a slot of
 * whole pages both ends are exact.
 */
#ifndef SPROCKET_TESTS_UNIT_SHM_SLOT_H
#define SPROCKET_TESTS_UNIT_SHM_SLOT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "shm/buffer.h"

#define SLOT_PAGE 4096U

struct guarded {
	char *map;
	size_t map_size;
	struct shm_header *slot;
	uint32_t size;
};

/* `size` is a multiple of 8. The memory is shared, so that a forked child may write to it. */
static inline struct guarded guarded_new(uint32_t size)
{
	uint32_t pages = (size + SLOT_PAGE - 1) / SLOT_PAGE;
	struct guarded g = { .map_size = (size_t)(pages + 2) * SLOT_PAGE, .size = size };

	g.map = mmap(NULL, g.map_size, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(g.map, MAP_FAILED);
	assert_int_equal(mprotect(g.map + SLOT_PAGE, (size_t)pages * SLOT_PAGE,
				  PROT_READ | PROT_WRITE),
			 0);
	g.slot = (struct shm_header *)(void *)(g.map + (size_t)(pages + 1) * SLOT_PAGE - size);
	return g;
}

static inline void guarded_free(struct guarded *g)
{
	munmap(g->map, g->map_size);
}

static inline void fill_random(void *to, size_t len)
{
	unsigned char *at = to;

	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(rand() >> 7);
}

static volatile unsigned char sink;

/* Reads every byte. */
static inline void touch(const void *data, size_t len)
{
	const volatile unsigned char *at = data;

	for (size_t i = 0; i < len; i++)
		sink ^= at[i];
}

/* Walks a block and reads all of it; returns what ended the walk. Every record must lie in
 * the block and the walk must come nearer to its end. */
static inline int walk(const struct shm_header *slot, struct shm_slice block)
{
	const char *start = shm_slice_data(slot, block), *end = start + block.len;
	struct shm_field field;
	uint32_t pos = 0, before;
	int r;

	for (;;) {
		before = pos;
		r = shm_record_next(slot, block, &pos, &field);
		if (r != 1)
			break;
		assert_true(pos > before && pos <= block.len);
		assert_in_range(field.name_len, 1, SHM_NAME_MAX);
		assert_in_range(field.value_len, 0, SHM_VALUE_MAX);
		assert_true(field.name >= start && field.name + field.name_len <= end);
		assert_true(field.value >= start && field.value + field.value_len <= end);
		touch(field.name, field.name_len);
		touch(field.value, field.value_len);
	}
	assert_int_equal(pos, before);
	return r;
}

#endif
