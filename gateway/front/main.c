// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - starts a front: takes the listeners, starts the workers.
 *
 * Exit codes: 0 drained, 1 could not start or the controller is gone, 2 wrong use.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/front/control.h"
#include "gateway/front/front.h"
#include "gateway/front/relay.h"
#include "gateway/front/worker.h"
#include "gateway/intake.h"
#include "gateway/rights.h"

#define HEAP_KEPT (64 << 20) /* bytes of free heap that are not given back to the system */

static int fail(int control, const char *text)
{
	fprintf(stderr, "sprocket-front: %s\n", text);
	front_control_tell(control, FRONT_FAILED, 0, text);
	return 1;
}

static const char *start_fault(const struct front_msg *msg, ssize_t len, size_t fd_count)
{
	uint32_t kinds = (msg->flags & FRONT_PLAIN ? 1 : 0) + (msg->flags & FRONT_TLS ? 1 : 0);

	if (len != (ssize_t)sizeof(*msg) || msg->abi != FRONT_ABI || msg->type != FRONT_START)
		return "controller and front are of different versions; install both again";
	if (msg->count == 0 || msg->count > WIRING_WORKER_MAX)
		return "the wiring names no usable number of workers (1 to 32)";
	if (kinds == 0 || fd_count != kinds * msg->count)
		return "the wiring has not one listener for each worker";
	return NULL;
}

/* One fd for a client, and as many for its requests' connections to gateways. */
static void limits_set(struct front *front)
{
	uint32_t usable = gw_intake_fds() / (2 * front->worker_count);

	front->upstream_limit = usable > 0 ? usable : 1;
	front->gateway.connection_limit = front->upstream_limit;
}

static int workers_init(struct front *front, uint32_t flags, const int *fds)
{
	const int *secure = flags & FRONT_PLAIN ? fds + front->worker_count : fds;
	size_t size = sizeof(*front->workers) * front->worker_count;

	front->workers = aligned_alloc(64, (size + 63) / 64 * 64);
	if (!front->workers)
		return -ENOMEM;
	for (uint32_t i = 0; i < front->worker_count; i++) {
		int r = front_worker_init(&front->workers[i], front, i,
					  flags & FRONT_PLAIN ? fds[i] : -1,
					  flags & FRONT_TLS ? secure[i] : -1);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Runs all workers, the first in this thread, until they have drained. */
static int workers_run(struct front *front)
{
	for (uint32_t i = 1; i < front->worker_count; i++) {
		struct front_worker *w = &front->workers[i];

		if (pthread_create(&w->gw.thread, NULL, front_worker_run, w) > 0)
			return fail(front->gateway.control, "cannot start all workers");
	}
	front_worker_run(&front->workers[0]);
	for (uint32_t i = 1; i < front->worker_count; i++)
		pthread_join(front->workers[i].gw.thread, NULL);
	return 0;
}

static int front_run(struct front *front)
{
	int control = front->gateway.control, fds[FRONT_FD_MAX];
	struct front_msg msg = { 0 };
	size_t fd_count = 0;
	const char *fault;
	ssize_t len = wiring_receive(control, &msg, sizeof(msg), fds, FRONT_FD_MAX, &fd_count);

	if (len <= 0)
		return fail(control, "the controller went away before it sent the wiring");
	fault = start_fault(&msg, len, fd_count);
	if (fault)
		return fail(control, fault);
	front->worker_count = msg.count;
	memcpy(front->cpus, msg.cpus, sizeof(front->cpus));
	front->gateway.chain = "";
	pthread_mutex_init(&front->lock, NULL);
	limits_set(front);
	gw_intake_http(&front->gateway.http, front_relay_handler);
	if (workers_init(front, msg.flags, fds) < 0)
		return fail(control, "no memory or fds for the workers");
	if (gw_rights_drop_front() < 0)
		return fail(control, "cannot give up its rights");
	return workers_run(front);
}

int main(void)
{
	static struct front front;

	front.gateway.control = wiring_inherited();
	if (front.gateway.control < 0) {
		fprintf(stderr, "sprocket-front is started by sprocketd, not by hand; "
				"run `sprocketd --front ADDR:PORT`\n");
		return 2;
	}
	/* As in the gateway: each wave of requests would take the heap's top again. */
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	/* libh2o would read what is longer than 32 MiB into a file in /tmp. */
	h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* of a terminal: the controller ends us */
	/* The process ends here with all it has; connections that a drain left open, too. */
	_exit(front_run(&front));
}
