// SPDX-License-Identifier: Apache-2.0
/* The chain's gateway process, seen from the controller. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/programs.h"
#include "controller/runtime_private.h"
#include "shm/dpdk_folder.h"

/* A gateway serves everybody: so often in a row it is started again without a delay. */
#define DEATHS_FREE 5

int gateway_send(struct runtime *runtime, const struct wiring_msg *msg)
{
	int r;

	if (runtime->gateway.state != GATEWAY_READY)
		return 0;
	r = wiring_send(runtime->gateway.process.wiring, msg, sizeof(*msg), NULL, 0);
	if (r == -EAGAIN) {
		runtime_warn(runtime, "GatewayHangs",
			     "the gateway does not read its orders; killed");
		process_kill(&runtime->gateway.process);
	}
	return r;
}

/* What a gateway has to know that is not in its wiring. */
static void on_ready(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;
	struct wiring_msg freeze = { .type = WIRING_FREEZE, .count = 1 };

	g->state = GATEWAY_READY;
	g->served = true;
	loop_disarm(runtime->loop, &g->limit);
	runtime_tell(runtime, "GatewayReady", "the gateway serves, after %.1f ms",
		     runtime_ms_since(g->started_ns));
	if (runtime->options.fdstore)
		keep_gateway(runtime);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].state == INSTANCE_RECLAIMING)
			instance_lost_tell(&runtime->instances[slot]);
	if (debug_goes_on(runtime))
		gateway_send(runtime, &freeze);
	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++) {
		struct wiring_msg up = { .type = WIRING_UP, .fn = fn };

		up.fn = traffic_first(runtime, fn);
		if (runtime->functions[fn].ready > 0)
			gateway_send(runtime, &up);
	}
	if (g->outdated)
		gateway_tables_tell(runtime);
	else
		update_tables_done(runtime);
	if (runtime->state == RUNTIME_DRAINING)
		gateway_drain(runtime);
	runtime_check_ready(runtime);
	runtime_changed(runtime);
}

static void on_drained(struct runtime *runtime)
{
	if (runtime->state != RUNTIME_DRAINING)
		return;
	runtime_set_state(runtime, RUNTIME_STOPPING);
	runtime_functions_stop(runtime);
}

void gateway_drain(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;
	struct wiring_msg drain = { .type = WIRING_DRAIN, .count = runtime->handover };

	if (g->state == GATEWAY_NONE) {
		on_drained(runtime);
		return;
	}
	loop_arm(runtime->loop, &g->limit, runtime->chain->timeout_ns + RUNTIME_DRAIN_GRACE_NS);
	/* One that starts is told when it is ready. One that cannot be told is dead, and its
	 * exit follows. */
	gateway_send(runtime, &drain);
}

static void tables_taken(struct runtime *runtime)
{
	if (runtime->tables_sent && runtime->state < RUNTIME_DRAINING)
		loop_disarm(runtime->loop, &runtime->gateway.limit);
	update_tables_done(runtime);
}

static void on_message(struct runtime *runtime, struct wiring_msg *msg)
{
	switch (msg->type) {
	case WIRING_READY:
		on_ready(runtime);
		break;
	case WIRING_FAILED:
		msg->text[sizeof(msg->text) - 1] = '\0';
		runtime_warn(runtime, "GatewayFailed", "the gateway cannot start: %s", msg->text);
		snprintf(runtime->why, sizeof(runtime->why), "the gateway cannot start: %.200s",
			 msg->text);
		break; /* its exit follows */
	case WIRING_RECLAIMED:
		instance_reclaimed(runtime, msg->slot, msg->token, msg->count);
		break;
	case WIRING_UPDATED:
		tables_taken(runtime);
		break;
	case WIRING_BUSY:
		watch_go_on(runtime);
		break;
	case WIRING_DRAINED:
		on_drained(runtime);
		break;
	case WIRING_LATE:
		traffic_late(runtime, msg->fn, msg->count);
		break;
	default:
		break;
	}
}

static void on_wiring(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;
	struct wiring_msg msg;
	ssize_t n =
		wiring_receive(runtime->gateway.process.wiring, &msg, sizeof(msg), NULL, 0, NULL);

	(void)events;
	if (n == sizeof(msg))
		on_message(runtime, &msg);
	else if (n <= 0 && n != -EAGAIN)
		loop_remove(runtime->loop, &runtime->gateway.on_wiring); /* its exit follows */
}

static void on_log(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;

	(void)events;
	if (logs_read(&runtime->gateway.logs, runtime->gateway.process.log))
		loop_remove(runtime->loop, &runtime->gateway.on_log);
}

void gateway_let_go(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;

	if (g->state == GATEWAY_NONE)
		return;
	loop_remove(runtime->loop, &g->on_exit);
	loop_remove(runtime->loop, &g->on_wiring);
	loop_remove(runtime->loop, &g->on_log);
	loop_disarm(runtime->loop, &g->limit);
	process_done(&g->process);
}

static void process_forget(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;

	logs_drain(&g->logs, g->process.log);
	if (runtime->runstate)
		runstate_remove_child(runtime->runstate, g->process.pid);
	shm_dpdk_folder_remove(g->process.pid); /* when it died while it started */
	gateway_let_go(runtime);
	g->state = GATEWAY_NONE;
	if (runtime->options.fdstore)
		keep_remove_gateway(runtime);
}

static void restart(void *arg)
{
	struct runtime *runtime = arg;

	if (runtime->state >= RUNTIME_DRAINING || runtime->gateway.state != GATEWAY_NONE)
		return;
	runtime->gateway.restarts++;
	/* The exit of one that could not be wired leads here again. */
	if (gateway_start(runtime) < 0 && runtime->gateway.state == GATEWAY_NONE)
		loop_arm(runtime->loop, &runtime->gateway.backoff, RUNTIME_BACKOFF_MAX_NS);
}

/* Another one at once for the first deaths, later and later for those that follow. */
static void replace(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;
	uint64_t delay;

	g->deaths = runtime_deaths_left(g->deaths, loop_now_ns() - g->started_ns);
	delay = g->deaths < DEATHS_FREE ? 0 : runtime_backoff(g->deaths - DEATHS_FREE + 1);
	g->deaths++;
	g->backoff.on_time = restart;
	g->backoff.arg = runtime;
	if (delay == 0)
		restart(runtime);
	else
		loop_arm(runtime->loop, &g->backoff, delay);
}

static void on_end(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;
	char how[96];
	int status = process_reap(&runtime->gateway.process, how, sizeof(how));

	(void)events;
	process_forget(runtime);
	if (runtime->state == RUNTIME_STOPPING) {
		/* How an adopted one ended may not be known: -1. */
		if (status != 0 && status != -1 && runtime->result == 0) {
			runtime_warn(runtime, "GatewayDied", "the gateway ended with %s", how);
			runtime->result = 1;
		}
		runtime_child_gone(runtime);
		return;
	}
	runtime->children--;
	runtime_warn(runtime, "GatewayDied", "the gateway died: %s", how);
	if (!runtime->gateway.served)
		runtime_fail(runtime, "the gateway did not start");
	else if (runtime->state == RUNTIME_DRAINING)
		on_drained(runtime); /* whoever waited for an answer went with it */
	else
		replace(runtime);
	update_tables_done(runtime); /* the next one begins with them */
	if (runtime->state != RUNTIME_STOPPED)
		runtime_changed(runtime);
}

static void on_limit(void *arg)
{
	struct runtime *runtime = arg;
	const char *what = runtime->gateway.state == GATEWAY_STARTING ? "become ready" :
			   runtime->state < RUNTIME_DRAINING          ? "take new tables" :
									"end";

	runtime_warn(runtime, "GatewayHangs", "the gateway did not %s in time; killed", what);
	if (runtime->gateway.served && runtime->state < RUNTIME_DRAINING)
		process_kill(&runtime->gateway.process); /* another one follows */
	else
		runtime_fail(runtime, "the gateway hangs");
}

void gateway_stop(struct runtime *runtime)
{
	/* EOF on its control socket is its order to end. */
	runtime->gateway.state = GATEWAY_ENDING;
	shutdown(runtime->gateway.process.wiring, SHUT_WR);
	loop_arm(runtime->loop, &runtime->gateway.limit, RUNTIME_STOP_LIMIT_NS);
}

int gateway_sources_add(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;
	int r;

	g->on_exit = (struct loop_source){ g->process.pidfd, on_end, runtime };
	g->on_wiring = (struct loop_source){ g->process.wiring, on_wiring, runtime };
	g->on_log = (struct loop_source){ g->process.log, on_log, runtime };
	g->limit.on_time = on_limit;
	g->limit.arg = runtime;
	logs_init(&g->logs, "gateway", runtime->options.logs);
	fcntl(g->process.wiring, F_SETFL, O_NONBLOCK); /* nobody who hangs holds us */
	r = loop_add(runtime->loop, &g->on_exit, EPOLLIN);
	if (r == 0)
		r = loop_add(runtime->loop, &g->on_wiring, EPOLLIN);
	if (r == 0)
		r = loop_add(runtime->loop, &g->on_log, EPOLLIN);
	if (g->state == GATEWAY_STARTING && g->wired)
		loop_arm(runtime->loop, &g->limit, RUNTIME_START_LIMIT_NS);
	return r;
}

/* What outlives the run when both are killed: the process, and its folders while it starts. */
static void gateway_record(struct runtime *runtime)
{
	pid_t pid = runtime->gateway.process.pid;
	char path[SHM_DPDK_FOLDER_MAX];

	runstate_add_child(runtime->runstate, pid);
	for (unsigned n = 0; n < SHM_DPDK_FOLDERS; n++) {
		shm_dpdk_folder(pid, n, path);
		runstate_add_path(runtime->runstate, path);
	}
}

/* A turn of the gateway's loop begins or ends up to hundreds of requests, each with some
 * allocations of the same sizes; of each size malloc keeps seven at hand unless told otherwise,
 * which can only be done before the program begins. */
static struct chain_pair allocator[] = { { (char[]){ "GLIBC_TUNABLES" },
					   (char[]){ "glibc.malloc.tcache_count=256" } } };
static const struct chain_pairs environment = { .items = allocator, .count = 1 };

static int gateway_failed(struct runtime *runtime, int r)
{
	runtime_warn(runtime, "GatewayFailed", "cannot start the gateway: %s", strerror(-r));
	if (runtime->gateway.state != GATEWAY_NONE)
		process_kill(&runtime->gateway.process); /* its exit cleans up */
	return r;
}

int gateway_begin(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;
	struct process_spec spec = { .name = "sprocket-gateway",
				     .cpus = runtime->options.cpus,
				     .cpu_count = runtime->options.cpu_count,
				     .exec_fd = -1,
				     .env = getenv(allocator[0].key) ? NULL : &environment,
				     .detached = runtime->options.fdstore != NULL };
	char path[CHAIN_PATH_MAX];
	int r = programs_gateway(path);

	if (r < 0) {
		runtime_warn(runtime, "GatewayFailed",
			     "cannot find sprocket-gateway beside this program");
		return r;
	}
	r = runtime_user_take(runtime);
	if (r < 0)
		return r;
	spec.path = path;
	spec.changes_user = runtime->user_fd >= 0;
	g->started_ns = loop_now_ns();
	r = process_start(&spec, &g->process);
	if (r == 0) {
		g->state = GATEWAY_STARTING;
		g->wired = g->outdated = false;
		runtime->children++;
		if (runtime->runstate)
			gateway_record(runtime);
		r = gateway_sources_add(runtime);
	}
	return r < 0 ? gateway_failed(runtime, r) : 0;
}

int gateway_start(struct runtime *runtime)
{
	int r = runtime->gateway.state == GATEWAY_NONE ? gateway_begin(runtime) : 0;

	if (r < 0)
		return r;
	/* Kept before it is wired: unwired it ends with us, wired it outlives us. */
	if (runtime->options.fdstore)
		r = keep_gateway(runtime);
	if (r == 0)
		r = gateway_wire(runtime);
	if (r < 0)
		return gateway_failed(runtime, r);
	runtime->gateway.wired = true;
	loop_arm(runtime->loop, &runtime->gateway.limit, RUNTIME_START_LIMIT_NS);
	return 0;
}
