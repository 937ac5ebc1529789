/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h - a function's process with a test in the place of controller, gateway and kernel.
 *
 * How: forks a child that runs sp_main(); the test holds the other ends of its sockets,
 * maps the same memory and speaks the wire protocol. The function sends on a SEQPACKET
 * socket, so that the test sees which descriptors left in one send.
 * Failure modes: everything asserts. What waits for the child waits RIG_WAIT_MS at most.
 */
#ifndef SPROCKET_TESTS_SDK_RIG_H
#define SPROCKET_TESTS_SDK_RIG_H

#include <sys/types.h>

#include "bpf/wire.h"
#include "functions/sdk/sprocket.h"
#include "shm/buffer.h"
#include "shm/counters.h"
#include "shm/layout.h"
#include "sproxy/wiring.h"

#define RIG_WAIT_MS 20000
#define RIG_HOME 7 /* gateway slot that grants leases */

struct rig {
	pid_t pid;
	int wiring;
	int in;  /* the function's sends are read here */
	int out; /* what it receives is written here */
	int log; /* memfd: the child's stderr */
	int memory_fd;
	char *memory;
	struct wiring_page *page;
	struct shm_counters *counters; /* of the child; after rig_wait() what they were at last */
	struct shm_counters last;
	struct rule_table rules; /* that rig_launch() begins with */
	struct wiring_function table;
	size_t cut;      /* bytes at the table's end that are not sent */
	char text[4096]; /* of rig_log() */
};

/* Makes sockets, memory and a table that rig_launch() sends; change it in between. */
void rig_init(struct rig *rig);
/* Adds to the table: edge `from` (0: SP_NEXT) leads to wire edge `wire`. */
void rig_rule(struct rig *rig, uint32_t from, uint32_t wire);
void rig_config(struct rig *rig, const char *key, const char *value);
/* Starts the child and hands it the wiring. Returns what it reports. */
struct wiring_msg rig_launch(struct rig *rig, const sp_function *function);

/* Puts a request into buffer `index` and returns its descriptor (generation 1000 + index,
 * home 1). */
struct sp_desc rig_request(struct rig *rig, uint32_t index, const char *body);
struct shm_header *rig_slot(const struct rig *rig, uint32_t index);
char *rig_body(const struct rig *rig, uint32_t index);
void rig_write(struct rig *rig, const void *bytes, size_t len);
/* One send of the function. Returns the number of descriptors. */
size_t rig_read(struct rig *rig, struct sp_desc ret[SP_BATCH_MAX]);
/* Answers a refill with `count` buffers from `first` on. */
void rig_grant(struct rig *rig, uint32_t first, uint32_t count);
void rig_deny(struct rig *rig);

/* Orders the stop. */
void rig_eof(struct rig *rig);
/* Waits for the end and frees all. Returns the exit code, 128 + signal. */
int rig_wait(struct rig *rig);
/* What the child wrote to stderr; valid after rig_wait(). */
const char *rig_log(struct rig *rig);

#endif
