/* SPDX-License-Identifier: Apache-2.0 */
/* fiber_private.h - a fiber, for fiber.c and for those who describe it to a debugger. */
#ifndef SPROCKET_SDK_FIBER_PRIVATE_H
#define SPROCKET_SDK_FIBER_PRIVATE_H

#include "functions/sdk/fiber.h"

struct sdk_fiber {
	void *sp; /* while it is parked */
	struct sdk_fiber *next, *prev;
	struct sdk_fibers *fibers;
	sdk_fiber_fn *fn;
	void *arg;
	struct sdk_fiber **ret; /* of sdk_fiber_run, while it has not returned */
	int error;              /* its errno, while it is parked */
	bool listed;            /* it has parked before, and is in the list of those */
	bool returned;
	unsigned valgrind_id;
	struct sdk_fiber_side side;
} __attribute__((aligned(16))); /* its address is the top of the stack */

#endif
