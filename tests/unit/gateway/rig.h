/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h - a real gateway process, with the test in the place of controller and functions.
 *
 * For: what the gateway does with every answer, also those that a well-behaved function
 * never gives, and without BPF or root: its sockets are socketpairs, the ownership table is
 * a memfd, and the test changes owners as the kernel program would. Or with the real program,
 * when the test brings it.
 * The gateway's binary is named by the environment variable SPROCKET_GATEWAY.
 */
#ifndef SPROCKET_TESTS_UNIT_GATEWAY_RIG_H
#define SPROCKET_TESTS_UNIT_GATEWAY_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "bpf/wire.h"
#include "shm/buffer.h"
#include "shm/layout.h"
#include "sproxy/wiring.h"

#define RIG_FN_SLOT 40U /* instance slot of the function that the test plays */
#define RIG_WAIT_MS 10000

/* The kernel program's tables and sockets, for a test that has them; else the rig plays it. */
struct rig_kernel {
	int owners_fd;
	int instances_fd;
	struct sp_owner *owners;
	struct sp_instance *instances;
	int send[WIRING_WORKER_MAX]; /* of the workers in slots 1, 2, ... */
	int receive[WIRING_WORKER_MAX];
};

struct rig_config {
	uint32_t workers;
	uint32_t timeout_ms;
	uint32_t buffers; /* of each class */
	bool trace;
	uint32_t fd_limit;               /* RLIMIT_NOFILE of the gateway; 0: as it is */
	bool front;                      /* with the listener of a shared front */
	bool calls;                      /* functions make messages of their own */
	const struct rig_kernel *kernel; /* NULL: none; its fds stay the caller's */
};

struct rig {
	pid_t pid;
	int control;
	int port;
	uint32_t workers;
	uint32_t slots[WIRING_WORKER_MAX];
	int from_gateway[WIRING_WORKER_MAX]; /* other end of a worker's send socket */
	int to_gateway[WIRING_WORKER_MAX];   /* other end of its receive socket */
	struct shm_layout layout;
	char *base;
	struct sp_owner *owners;
	struct sp_instance *instances;
	struct wiring_gateway_stats *stats;
	struct rig_config config;
	int fds[WIRING_FD_MAX]; /* what a gateway gets */
	uint32_t fd_count;
	uint32_t cancels;      /* that the gateway has sent; taken as they come */
	struct sp_desc cancel; /* the last one */
	char front[64];        /* path of the front's listener */
	int exit_code;         /* after rig_exit() */
};

/* Starts a gateway with ingress POST,GET /work (8 KiB), any /any/..., and functions "first"
 * (1) and "second" (2); waits until it is ready. */
void rig_start(struct rig *rig, const struct rig_config *config);

/* Kills the gateway; rig_again() starts another on the same sockets, tables and memory. */
void rig_kill(struct rig *rig);
void rig_again(struct rig *rig);
/* The same, without waiting until it is ready. */
void rig_launch(struct rig *rig);

/* The wiring of the next rig_again() or rig_update(). */
extern struct wiring_gateway rig_wiring;
/* Sends the wiring to the running gateway as new tables. */
void rig_update(struct rig *rig);
/* Adds an ingress at any method. */
void rig_ingress_add(struct wiring_gateway *w, const char *host, const char *path,
		     uint32_t max_body);

/* Waits for the gateway's end. Returns its exit code, -1 for a signal. */
int rig_exit(struct rig *rig);

/* Closes the control socket, waits for the end, and frees all. */
void rig_stop(struct rig *rig);

/* Sends an order to the gateway. */
void rig_tell(struct rig *rig, enum wiring_type type, uint32_t slot, uint32_t fn, uint32_t count);
/* Waits for a message of the type. */
struct wiring_msg rig_hear(struct rig *rig, enum wiring_type type);
/* The counts of all workers, after each has done what it was told or sent before. */
struct wiring_stats rig_stats(struct rig *rig);

/* Waits for the next descriptor that a worker sends, and checks that it holds the buffer. */
struct sp_desc rig_take_raw(struct rig *rig);
/* Takes one without looking at it. */
void rig_discard(struct rig *rig);
/* The same as rig_take_raw(), and the kernel's part: the function of that edge, in RIG_FN_SLOT, owns it. */
struct sp_desc rig_take(struct rig *rig);
/* True when a descriptor is waiting to be taken, within `ms`. */
bool rig_waiting(struct rig *rig, int ms);

/* The kernel's part of a send: `to` owns the buffer of `d` from now on, stamped. */
void rig_hand_over(struct rig *rig, const struct sp_desc *d, uint32_t to, uint32_t fn);
/* Waits until the gateway has sent `count` cancels in all. */
void rig_await_cancels(struct rig *rig, uint32_t count);
/* Sends a descriptor to its home worker, which owns the buffer then. */
void rig_send(struct rig *rig, struct sp_desc d, uint8_t edge, uint8_t flags);
/* Writes bytes to a worker's receive socket as they are. */
void rig_write(struct rig *rig, uint32_t slot, const void *bytes, size_t len);

/* Times that the gateway's threads have gone to sleep. */
uint64_t rig_sleeps(struct rig *rig);

struct shm_header *rig_slot(struct rig *rig, uint32_t index);
/* A buffer's holder, slot number. */
uint32_t rig_holder(struct rig *rig, uint32_t index);
/* Waits until a buffer is in the pool again; until every buffer is. */
void rig_assert_free(struct rig *rig, uint32_t index);
void rig_assert_all_free(struct rig *rig);

#endif
