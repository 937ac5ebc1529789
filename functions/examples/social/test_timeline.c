/* SPDX-License-Identifier: Apache-2.0 */
/* test_timeline.c - the newest first, and no more than there is room for. */
#include "test_social.h"
#include "timeline.h"

static void test_order(void **state)
{
	struct timeline timeline = { 0 };

	(void)state;
	assert_int_equal(timeline_add(&timeline, 5), 1);
	assert_int_equal(timeline_add(&timeline, 9), 1);
	assert_int_equal(timeline_add(&timeline, 7), 1);
	assert_int_equal(timeline_add(&timeline, 7), 0);
	assert_int_equal(timeline_add(&timeline, 1), 1);
	assert_int_equal(timeline.count, 4);
	assert_int_equal(timeline_at(&timeline, 0), 9);
	assert_int_equal(timeline_at(&timeline, 1), 7);
	assert_int_equal(timeline_at(&timeline, 2), 5);
	assert_int_equal(timeline_at(&timeline, 3), 1);
}

static void test_full(void **state)
{
	struct timeline timeline = { 0 };

	(void)state;
	for (uint64_t id = 10; id < 10 + TIMELINE_MAX; id++)
		assert_int_equal(timeline_add(&timeline, id), 1);
	assert_int_equal(timeline.count, TIMELINE_MAX);
	assert_int_equal(timeline_add(&timeline, 9), 0);
	assert_int_equal(timeline_add(&timeline, 100), 1);
	assert_int_equal(timeline.count, TIMELINE_MAX);
	assert_int_equal(timeline_at(&timeline, 0), 100);
	assert_int_equal(timeline_at(&timeline, TIMELINE_MAX - 1), 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
