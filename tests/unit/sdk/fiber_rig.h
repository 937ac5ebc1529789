/* SPDX-License-Identifier: Apache-2.0 */
/* fiber_rig.h - a pool of stacks for each test of fibers; none may be left behind. */
#ifndef SPROCKET_TESTS_UNIT_SDK_FIBER_RIG_H
#define SPROCKET_TESTS_UNIT_SDK_FIBER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "functions/sdk/fiber.h"

static struct sdk_fibers pool;

#define FIBER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int setup(void **state)
{
	(void)state;
	return sdk_fibers_init(&pool, 0);
}

static int teardown(void **state)
{
	(void)state;
	sdk_fibers_done(&pool);
	return sdk_fibers_all ? -1 : 0;
}

static inline struct sdk_fiber *run(sdk_fiber_fn *fn, void *arg)
{
	struct sdk_fiber *fiber = (struct sdk_fiber *)&pool; /* neither NULL nor a fiber */

	assert_int_equal(sdk_fiber_run(&pool, fn, arg, &fiber), 0);
	assert_ptr_not_equal(fiber, &pool);
	assert_null(sdk_fiber_current(&pool));
	return fiber;
}

#endif
