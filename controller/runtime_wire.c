// SPDX-License-Identifier: Apache-2.0
/* What the gateway is sent: tables and fds at its start, tables when the chain changes. */
#include <errno.h>
#include <stdlib.h>

#include "controller/runtime_private.h"
#include "controller/sandbox_user.h"
#include "controller/tables.h"

static void message_fill(const struct runtime *runtime, struct wiring_gateway *message)
{
	message->worker_count = runtime->options.workers;
	message->trace = runtime->options.trace;
	message->takeover = runtime->gateway.served;
	message->front = runtime->front_listener >= 0;
	if (runtime->user_fd >= 0)
		message->user = runtime->user + SANDBOX_UID_GATEWAY;
	for (uint32_t i = 0; i < runtime->options.workers; i++) {
		message->slots[i] = i + 1;
		message->cpus[i] = runtime->options.cpus[i % runtime->options.cpu_count];
	}
}

static int tables_send(struct runtime *runtime)
{
	struct wiring_gateway *message = calloc(1, sizeof(*message));
	int r = message ? tables_gateway(runtime->chain, message) : -ENOMEM;

	if (r == 0) {
		message_fill(runtime, message);
		message->takeover = 0;
		r = wiring_send(runtime->gateway.process.wiring, message, message->size, NULL, 0);
	}
	free(message);
	return r;
}

void gateway_tables_tell(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;

	g->outdated = g->state == GATEWAY_STARTING;
	if (g->state == GATEWAY_NONE) /* the next one begins with them */
		update_tables_done(runtime);
	if (g->state != GATEWAY_READY)
		return;
	if (runtime->state < RUNTIME_DRAINING)
		loop_arm(runtime->loop, &g->limit, RUNTIME_START_LIMIT_NS);
	if (tables_send(runtime) < 0)
		process_kill(&g->process);
}

/* Hands over tables and fds. The fds stay with us as well: the next gateway gets the same. */
int gateway_wire(struct runtime *runtime)
{
	struct wiring_gateway *message = calloc(1, sizeof(*message));
	uint32_t workers = runtime->options.workers, count = WIRING_GW_WORKERS;
	int fds[WIRING_FD_MAX], r;

	r = message ? tables_gateway(runtime->chain, message) : -ENOMEM;
	if (r == 0) {
		message_fill(runtime, message);
		fds[WIRING_GW_OWNERS] = sproxy_owners_fd(runtime->proxy);
		fds[WIRING_GW_INSTANCES] = sproxy_instances_fd(runtime->proxy);
		fds[WIRING_GW_MEMORY] = runtime->memory.fd;
		fds[WIRING_GW_STATS] = runtime->stats_fd;
		for (uint32_t i = 0; i < workers; i++) {
			fds[count++] = runtime->workers[i].listener;
			fds[count++] = runtime->workers[i].ends.send;
			fds[count++] = runtime->workers[i].ends.receive;
		}
		if (runtime->front_listener >= 0)
			fds[count++] = runtime->front_listener;
		r = wiring_send(runtime->gateway.process.wiring, message, message->size, fds,
				count);
	}
	free(message);
	return r;
}
