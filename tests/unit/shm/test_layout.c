// SPDX-License-Identifier: Apache-2.0
/*
 * test_layout.c - buffers lie apart and inside the memory, whatever the sizes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shm/buffer.h"
#include "shm/layout.h"
#include "shm/memory.h"

#define MIB (1ULL << 20)

static const uint32_t defaults[] = { 2048, 16384, 65536, 1048576 };
#define DEFAULTS 4

static struct shm_layout layout_of(uint64_t memory)
{
	struct shm_layout layout;

	assert_int_equal(shm_layout_compute(defaults, DEFAULTS, memory, 8, &layout, NULL), 0);
	return layout;
}

/* Of a class of huge buffers. */
static uint32_t least(uint32_t count_min)
{
	return count_min < SHM_HUGE_MIN ? count_min : SHM_HUGE_MIN;
}

/* What every layout promises, checked from the outside. */
static void check_promises(const struct shm_layout *l, uint64_t memory, uint32_t count_min)
{
	uint64_t end = 0;
	uint32_t index = 0;

	for (uint32_t i = 0; i < l->class_count; i++) {
		const struct shm_class *c = &l->classes[i];

		assert_true(c->count >= (c->size > SHM_SIZE_HUGE ? least(count_min) : count_min));
		assert_int_equal(c->first, index);
		assert_true(c->offset >= end);
		assert_int_equal(c->offset % 64, 0);
		assert_int_equal(c->stride % 64, 0);
		assert_int_equal(c->stride / 64 % 2, 1);
		assert_true(c->stride >= (uint64_t)SHM_HEADER_SIZE + c->size + SHM_META_ROOM);
		end = c->offset + (uint64_t)c->count * c->stride;
		index += c->count;
	}
	assert_int_equal(index, l->buffer_count);
	assert_true(index <= SHM_BUFFER_COUNT_MAX);
	assert_true(end <= memory);
	assert_true(l->size >= end && l->size - end < SHM_HUGEPAGE_SIZE);
	assert_int_equal(l->size % SHM_HUGEPAGE_SIZE, 0);
	assert_int_equal(shm_layout_check(l), 0);
}

static void test_default_classes(void **state)
{
	struct shm_layout layout = layout_of(64 * MIB);

	(void)state;
	assert_int_equal(layout.class_count, DEFAULTS);
	check_promises(&layout, 64 * MIB, 8);
	assert_true(layout.size <= 64 * MIB);
	/* An equal share each: the smallest class has far more buffers than the largest. */
	assert_true(layout.classes[0].count > 100 * layout.classes[3].count);
}

static void test_slots_do_not_overlap(void **state)
{
	struct shm_layout layout = layout_of(32 * MIB);
	uint64_t end = 0;

	(void)state;
	for (uint32_t i = 0; i < layout.buffer_count; i++) {
		uint64_t offset = shm_layout_offset(&layout, i);

		assert_true(offset >= end);
		end = offset + shm_layout_class(&layout, i)->stride;
		assert_true(end <= layout.size);
	}
}

static void test_class_of_index_and_length(void **state)
{
	struct shm_layout layout = layout_of(64 * MIB);

	(void)state;
	for (int i = 0; i < DEFAULTS; i++) {
		const struct shm_class *c = &layout.classes[i];

		assert_ptr_equal(shm_layout_class(&layout, c->first), c);
		assert_ptr_equal(shm_layout_class(&layout, c->first + c->count - 1), c);
		assert_int_equal(shm_layout_class_for(&layout, c->size - 1), i);
		assert_int_equal(shm_layout_class_for(&layout, c->size), i);
		assert_int_equal(shm_layout_class_for(&layout, c->size + 1),
				 i + 1 < DEFAULTS ? i + 1 : -1);
	}
	assert_int_equal(shm_layout_class_for(&layout, 0), 0);
	assert_int_equal(shm_layout_class_for(&layout, UINT32_MAX), -1);
}

/* Memory that small buffers have no use for goes to the huge ones; and they need few. */
static void test_huge_class(void **state)
{
	static const uint32_t sizes[] = { 2048, 16U << 20 };
	struct shm_layout layout;
	uint64_t memory_min;

	(void)state;
	assert_int_equal(shm_layout_compute(sizes, 2, 512 * MIB, 32, &layout, &memory_min), 0);
	check_promises(&layout, 512 * MIB, 32);
	assert_in_range(layout.classes[0].count, 16384, 20000);
	assert_in_range(layout.classes[1].count, 26, 28);
	assert_in_range(memory_min, 32 * MIB, 36 * MIB);
	assert_int_equal(shm_layout_compute(sizes, 2, memory_min, 32, &layout, NULL), 0);
	assert_int_equal(layout.classes[1].count, SHM_HUGE_MIN);
}

static void test_bad_sizes(void **state)
{
	static const struct {
		uint32_t sizes[SHM_CLASS_MAX + 1], count, count_min;
	} cases[] = {
		{ { 64 }, 0, 1 },
		{ { 64, 65, 66, 67, 68, 69, 70, 71, 72 }, SHM_CLASS_MAX + 1, 1 },
		{ { SHM_SIZE_MIN - 1 }, 1, 1 },
		{ { 64, SHM_SIZE_MAX + 1 }, 2, 1 },
		{ { 128, 128 }, 2, 1 },
		{ { 128, 64 }, 2, 1 },
		{ { 64 }, 1, 0 },
		/* More than the limit of buffers: at least count_min cannot be kept. */
		{ { 64, 128 }, 2, SHM_BUFFER_COUNT_MAX / 2 + 1 },
		{ { 64 }, 1, UINT32_MAX },
	};
	struct shm_layout layout, before;
	uint64_t memory_min = 77;

	(void)state;
	memset(&layout, 0x5a, sizeof(layout));
	before = layout;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(shm_layout_compute(cases[i].sizes, cases[i].count, UINT64_MAX / 2,
						    cases[i].count_min, &layout, &memory_min),
				 -EINVAL);
		assert_memory_equal(&layout, &before, sizeof(layout));
		assert_int_equal(memory_min, 77);
	}
}

static void test_too_little_memory_says_what_is_needed(void **state)
{
	struct shm_layout layout = { .size = 77 };
	uint64_t memory_min = 0;

	(void)state;
	assert_int_equal(shm_layout_compute(defaults, DEFAULTS, 0, 8, &layout, NULL), -ENOSPC);
	assert_int_equal(shm_layout_compute(defaults, DEFAULTS, MIB, 8, &layout, &memory_min),
			 -ENOSPC);
	assert_int_equal(layout.size, 77);
	assert_int_equal(memory_min % SHM_HUGEPAGE_SIZE, 0);
	assert_int_equal(shm_layout_compute(defaults, DEFAULTS, memory_min - SHM_HUGEPAGE_SIZE, 8,
					    &layout, NULL),
			 -ENOSPC);
	assert_int_equal(shm_layout_compute(defaults, DEFAULTS, memory_min, 8, &layout, NULL), 0);
	check_promises(&layout, memory_min, 8);
}

static void test_limits(void **state)
{
	static const uint32_t smallest[] = { SHM_SIZE_MIN }, largest[] = { 64, SHM_SIZE_MAX };
	static const uint32_t eight[] = { 64, 65, 66, 67, 68, 69, 70, SHM_SIZE_MAX };
	struct shm_layout layout;
	uint64_t huge = 1ULL << 47;

	(void)state;
	assert_int_equal(shm_layout_compute(smallest, 1, huge, SHM_BUFFER_COUNT_MAX, &layout, NULL),
			 0);
	assert_int_equal(layout.buffer_count, SHM_BUFFER_COUNT_MAX);
	check_promises(&layout, huge, SHM_BUFFER_COUNT_MAX);
	assert_int_equal(shm_layout_compute(largest, 2, huge, 1, &layout, NULL), 0);
	check_promises(&layout, huge, 1);
	assert_int_equal(shm_layout_compute(eight, 8, huge, 1, &layout, NULL), 0);
	assert_int_equal(layout.buffer_count, SHM_BUFFER_COUNT_MAX);
	check_promises(&layout, huge, 1);
}

static void test_random_sizes(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		uint32_t sizes[SHM_CLASS_MAX], count = 1 + (uint32_t)rand() % SHM_CLASS_MAX;
		uint32_t count_min = 1 + (uint32_t)rand() % 64, size = 63;
		uint64_t memory = (uint64_t)rand() * (uint64_t)(1 + rand() % 64), memory_min = 0;
		struct shm_layout layout;
		int r;

		for (uint32_t i = 0; i < count; i++)
			sizes[i] = size += 1 + (uint32_t)rand() % (1U << rand() % 22);
		r = shm_layout_compute(sizes, count, memory, count_min, &layout, &memory_min);
		if (r == 0)
			check_promises(&layout, memory, count_min);
		else
			assert_int_equal(r, -ENOSPC);
		if (r < 0)
			assert_true(memory < memory_min);
	}
}

/* One changed bit is noticed, or harmless: a slot has a few bytes more than it promises. */
static void test_check_notices_changes(void **state)
{
	struct shm_layout good = layout_of(64 * MIB), bad;
	uint32_t noticed = 0;
	size_t used = offsetof(struct shm_layout, classes) + DEFAULTS * sizeof(struct shm_class);

	(void)state;
	for (size_t bit = 8 * sizeof(good.size); bit < used * 8; bit++) {
		bad = good;
		((unsigned char *)&bad)[bit / 8] ^= (unsigned char)(1U << bit % 8);
		if (shm_layout_check(&bad) == 0)
			check_promises(&bad, 64 * MIB, 1);
		else
			noticed++;
	}
	assert_true(noticed > (used - sizeof(good.size)) * 8 * 9 / 10);
	bad = good;
	bad.size = shm_layout_offset(&good, good.buffer_count - 1);
	assert_int_equal(shm_layout_check(&bad), -EBADMSG);
}

static void test_check_refuses_garbage(void **state)
{
	struct shm_layout garbage;

	(void)state;
	srand(2);
	memset(&garbage, 0, sizeof(garbage));
	assert_int_equal(shm_layout_check(&garbage), -EBADMSG);
	memset(&garbage, 0xff, sizeof(garbage));
	assert_int_equal(shm_layout_check(&garbage), -EBADMSG);
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof(garbage); i++)
			((unsigned char *)&garbage)[i] = (unsigned char)(rand() >> 7);
		garbage.class_count = (uint32_t)rand() % 10;
		assert_int_equal(shm_layout_check(&garbage), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_classes),
		cmocka_unit_test(test_slots_do_not_overlap),
		cmocka_unit_test(test_class_of_index_and_length),
		cmocka_unit_test(test_huge_class),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_too_little_memory_says_what_is_needed),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_random_sizes),
		cmocka_unit_test(test_check_notices_changes),
		cmocka_unit_test(test_check_refuses_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
