/* SPDX-License-Identifier: Apache-2.0 */
/* test_lamp.c - on, on for longer, off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sprocket_test.h>

#include "lamp.h"

#define HOLD 100U

static void test_on_and_off(void **state)
{
	struct lamp lamp = { 0 };

	(void)state;
	assert_false(lamp_lit(&lamp, 0));
	assert_int_equal(lamp_motion(&lamp, 1000, HOLD), LAMP_SWITCHED);
	assert_true(lamp_lit(&lamp, 1000));
	assert_true(lamp_lit(&lamp, 1099));
	assert_false(lamp_lit(&lamp, 1100));
	assert_int_equal(lamp.lit_ms, 100);
	assert_int_equal(lamp_motion(&lamp, 5000, HOLD), LAMP_SWITCHED);
	assert_int_equal(lamp.switched, 2);
	assert_int_equal(lamp.since_ms, 5000);
}

static void test_extended(void **state)
{
	struct lamp lamp = { 0 };

	(void)state;
	assert_int_equal(lamp_motion(&lamp, 1000, HOLD), LAMP_SWITCHED);
	assert_int_equal(lamp_motion(&lamp, 1099, HOLD), LAMP_EXTENDED);
	assert_int_equal(lamp.since_ms, 1000);
	assert_int_equal(lamp.until_ms, 1199);
	assert_int_equal(lamp_motion(&lamp, 1199, HOLD), LAMP_SWITCHED);
	assert_int_equal(lamp.lit_ms, 199);
	assert_int_equal(lamp.switched, 2);
}

static void test_old(void **state)
{
	struct lamp lamp = { 0 }, before;

	(void)state;
	assert_int_equal(lamp_motion(&lamp, 1000, HOLD), LAMP_SWITCHED);
	before = lamp;
	assert_int_equal(lamp_motion(&lamp, 1000, HOLD), LAMP_OLD);
	assert_int_equal(lamp_motion(&lamp, 0, HOLD), LAMP_OLD);
	assert_memory_equal(&lamp, &before, sizeof(lamp));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_and_off),
		cmocka_unit_test(test_extended),
		cmocka_unit_test(test_old),
	};

	return cmocka_run_group_tests_name("lamp", tests, NULL, NULL);
}
