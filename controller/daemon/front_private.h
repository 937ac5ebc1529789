/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front_private.h - what the files of the daemon's front share.
 *
 * For: front.c (routes, certificates), front_process.c (the program and its listeners).
 * Thread-safety: one thread, the loop's.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_FRONT_PRIVATE_H
#define SPROCKET_CONTROLLER_DAEMON_FRONT_PRIVATE_H

#include "controller/daemon/front.h"
#include "controller/daemon/front_files.h"
#include "controller/daemon/front_routes.h"
#include "controller/listen.h"
#include "controller/logs.h"
#include "controller/process.h"
#include "gateway/front/front_wiring.h"

#define FRONT_BACKOFF_MIN_NS 50000000ULL
#define FRONT_BACKOFF_MAX_NS 10000000000ULL
#define FRONT_YOUNG_NS 10000000000ULL /* one that dies before it waits longer for the next */
#define FRONT_AGAIN_NS 100000000ULL   /* its socket was full */

/* The files of one certificate, as they were sent. */
struct front_certificate {
	int fds[FRONT_FILES];
	int count; /* 0: none */
};

struct front {
	struct loop *loop;
	struct fdstore *fdstore;
	struct events *events;
	struct front_options options; /* with strings of its own */
	uint32_t flags;               /* enum front_flags */
	int listeners[FRONT_FD_MAX];
	uint32_t listener_count;
	char addresses[2][LISTEN_ADDRESS_MAX]; /* plain, TLS */

	struct process process; /* pid 0: none */
	uint64_t started_ns;
	uint64_t backoff_ns;
	struct loop_source exit;
	struct loop_source wiring;
	struct loop_source log;
	struct logs logs;
	struct loop_timer restart;

	struct front_files files;
	struct front_routes routes;
	struct front_certificate good; /* in use */
	struct front_certificate sent; /* not answered yet */
	bool serving;
	bool routes_changed; /* and not sent yet */
	bool certificate_changed;
	uint32_t number; /* of the last message */
	uint32_t routes_number;
	uint32_t sent_number; /* of `sent` */
	uint32_t done;        /* what the front uses */
	struct loop_timer again;
};

/* front.c: sends everything, to a front that has nothing. */
void front_resend(struct front *front);
/* front.c: a message of the front. */
void front_heard(struct front *front, const struct front_msg *msg);

/* front_process.c: takes over listeners and program from the fdstore, or makes them. 0 or
 * -errno after an event. */
int front_process_open(struct front *front);
/* Ends our side; the program goes on. */
void front_process_close(struct front *front);
/* Ends the program: it drains. */
void front_process_stop(struct front *front);

#endif
