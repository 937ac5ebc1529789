// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/layout_gdb.h"

#include <stddef.h>

#include "functions/sdk/fiber_private.h"
#include "functions/sdk/fiber_switch.h"
#include "functions/sdk/request.h"

const struct sdk_gdb sp_gdb = {
	.magic = { 's', 'p', 'r', 'o', 'c', 'k', 'e', 't' },
	.version = SDK_GDB_VERSION,
	.size = sizeof(struct sdk_gdb),
	.all = &sdk_fibers_all,
	.parked = sdk_fiber_parked,
	.fibers_next = offsetof(struct sdk_fibers, next),
	.fibers_current = offsetof(struct sdk_fibers, current),
	.fibers_parked = offsetof(struct sdk_fibers, parked),
	.fibers_tid = offsetof(struct sdk_fibers, tid),
	.fiber_next = offsetof(struct sdk_fiber, next),
	.fiber_arg = offsetof(struct sdk_fiber, arg),
	.request_worker = offsetof(struct sp_request, worker),
	.request_waits_for = offsetof(struct sp_request, waits_for),
	.request_slot_at = offsetof(struct sp_request, slot.at),
	.request_number = offsetof(struct sp_request, header.number),
	.request_deadline_ns = offsetof(struct sp_request, header.deadline_ns),
	.request_id_off = offsetof(struct sp_request, header.id.off),
	.request_id_len = offsetof(struct sp_request, header.id.len),
	.worker_name = offsetof(struct sp_worker, name),
};
