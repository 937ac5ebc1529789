/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout_gdb.h - where gdb/sprocket.py finds the requests of a process.
 *
 * For: a debugger on a function that was linked with an installed SDK, which has no debug
 * information of its own. One symbol, sp_gdb, says where everything else lies.
 * How: the script reads the fields in this order, as plain memory. Whoever changes them counts
 * SDK_GDB_VERSION up, and changes the script.
 * Thread-safety: it never changes.
 */
#ifndef SPROCKET_SDK_LAYOUT_GDB_H
#define SPROCKET_SDK_LAYOUT_GDB_H

#include <stdint.h>

#define SDK_GDB_VERSION 1

struct sdk_fibers;

/* Each uint32_t is the offset of a member. */
struct sdk_gdb {
	char magic[8]; /* "sprocket", without a NUL */
	uint32_t version;
	uint32_t size; /* of this, in bytes */
	struct sdk_fibers *const *all;
	const char *parked; /* code at which a parked fiber goes on: fiber_switch.h */
	/* struct sdk_fibers */
	uint32_t fibers_next, fibers_current, fibers_parked, fibers_tid;
	/* struct sdk_fiber; its saved stack pointer is its first member */
	uint32_t fiber_next, fiber_arg;
	/* struct sp_request, which is, or begins, the argument of its fiber */
	uint32_t request_worker, request_waits_for, request_slot_at;
	uint32_t request_number, request_deadline_ns, request_id_off, request_id_len;
	/* struct sp_worker */
	uint32_t worker_name;
};

extern const struct sdk_gdb sp_gdb __attribute__((visibility("default")));

#endif
