// SPDX-License-Identifier: Apache-2.0
/* The chain's gateway process, seen from the controller. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/programs.h"
#include "controller/runtime.h"
#include "controller/tables.h"
#include "shm/dpdk_folder.h"

int gateway_send(struct runtime *runtime, uint32_t type, uint32_t slot, uint32_t fn, uint32_t count)
{
	struct wiring_msg msg = { .type = type, .slot = slot, .fn = fn, .count = count };

	if (!runtime->gateway.ready)
		return 0; /* it is told everything when it is */
	return wiring_send(runtime->gateway.process.wiring, &msg, sizeof(msg), NULL, 0);
}

static void on_ready(struct runtime *runtime)
{
	runtime->gateway.ready = true;
	loop_disarm(runtime->loop, &runtime->gateway.limit);
	runtime_tell(runtime, "phase gateway %.1f ms", runtime_ms_since(runtime->began_ns));
	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++)
		if (runtime->functions[fn].ready > 0)
			gateway_send(runtime, WIRING_UP, 0, fn, runtime->functions[fn].ready);
	runtime_check_ready(runtime);
}

static void on_drained(struct runtime *runtime)
{
	bool any = false;

	if (runtime->state != RUNTIME_DRAINING)
		return;
	runtime_set_state(runtime, RUNTIME_STOPPING);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		struct instance *instance = &runtime->instances[slot];

		if (instance->process.pid > 0) {
			instance_stop(instance);
			any = true;
		}
	}
	if (!any)
		gateway_stop(runtime);
}

static void on_message(struct runtime *runtime, struct wiring_msg *msg)
{
	switch (msg->type) {
	case WIRING_READY:
		on_ready(runtime);
		break;
	case WIRING_FAILED:
		msg->text[sizeof(msg->text) - 1] = '\0';
		runtime_say(runtime, "the gateway cannot start: %s", msg->text);
		runtime_fail(runtime);
		break;
	case WIRING_RECLAIMED:
		if (msg->slot < SP_INST_MAX)
			instance_reclaimed(&runtime->instances[msg->slot], msg->count);
		break;
	case WIRING_DRAINED:
		on_drained(runtime);
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
	else if (n <= 0)
		loop_remove(runtime->loop, &runtime->gateway.on_wiring); /* its exit follows */
}

static void on_log(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;

	(void)events;
	if (logs_read(&runtime->gateway.logs, runtime->gateway.process.log, stderr))
		loop_remove(runtime->loop, &runtime->gateway.on_log);
}

static void on_end(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;
	struct gateway_state *gateway = &runtime->gateway;
	char how[96];
	int status = process_reap(&gateway->process, how, sizeof(how));

	(void)events;
	logs_read(&gateway->logs, gateway->process.log, stderr);
	if (runtime->runstate)
		runstate_remove_child(runtime->runstate, gateway->process.pid);
	shm_dpdk_folder_remove(gateway->process.pid); /* when it died while it started */
	loop_remove(runtime->loop, &gateway->on_exit);
	loop_remove(runtime->loop, &gateway->on_wiring);
	loop_remove(runtime->loop, &gateway->on_log);
	loop_disarm(runtime->loop, &gateway->limit);
	process_done(&gateway->process);
	gateway->ready = false;
	if (runtime->state != RUNTIME_STOPPING) {
		runtime_say(runtime, "the gateway died: %s", how);
		runtime->children--;
		runtime_fail(runtime);
		return;
	}
	if (status != 0 && runtime->result == 0) {
		runtime_say(runtime, "the gateway ended with %s", how);
		runtime->result = 1;
	}
	runtime_child_gone(runtime);
}

static void on_limit(void *arg)
{
	struct runtime *runtime = arg;

	runtime_say(runtime, "the gateway did not %s in time; killed",
		    runtime->gateway.ready ? "end" : "become ready");
	runtime_fail(runtime);
}

void gateway_stop(struct runtime *runtime)
{
	/* EOF on its control socket is its order to end. */
	shutdown(runtime->gateway.process.wiring, SHUT_WR);
	loop_arm(runtime->loop, &runtime->gateway.limit, RUNTIME_STOP_LIMIT_NS);
}

/* Hands over tables and fds; our copies of the gateway's own ends are closed with it: a
 * copy kept open would keep a dead gateway's sockets alive. */
static int wire(struct runtime *runtime, struct wiring_gateway *message)
{
	uint32_t workers = runtime->options.workers;
	int fds[WIRING_FD_MAX], r;

	r = tables_gateway(runtime->chain, message);
	if (r < 0)
		return r;
	message->worker_count = workers;
	message->trace = runtime->options.trace;
	fds[WIRING_GW_OWNERS] = sproxy_owners_fd(runtime->proxy);
	fds[WIRING_GW_INSTANCES] = sproxy_instances_fd(runtime->proxy);
	fds[WIRING_GW_MEMORY] = runtime->memory.fd;
	fds[WIRING_GW_STATS] = runtime->gateway.stats_fd;
	for (uint32_t i = 0; i < workers; i++) {
		message->slots[i] = i + 1;
		message->cpus[i] = runtime->options.cpus[i % runtime->options.cpu_count];
		fds[WIRING_GW_WORKERS + 3 * i] = runtime->listeners[i];
		fds[WIRING_GW_WORKERS + 3 * i + 1] = runtime->worker_ends[i].send;
		fds[WIRING_GW_WORKERS + 3 * i + 2] = runtime->worker_ends[i].receive;
	}
	r = wiring_send(runtime->gateway.process.wiring, message, message->size, fds,
			WIRING_GW_WORKERS + 3 * workers);
	for (uint32_t i = 0; i < workers; i++) {
		close(runtime->listeners[i]);
		close(runtime->worker_ends[i].send);
		close(runtime->worker_ends[i].receive);
		runtime->listeners[i] = -1;
		runtime->worker_ends[i] = (struct sproxy_ends){ -1, -1 };
	}
	return r;
}

static int sources_add(struct runtime *runtime)
{
	struct gateway_state *g = &runtime->gateway;
	int r;

	g->on_exit = (struct loop_source){ g->process.pidfd, on_end, runtime };
	g->on_wiring = (struct loop_source){ g->process.wiring, on_wiring, runtime };
	g->on_log = (struct loop_source){ g->process.log, on_log, runtime };
	g->limit = (struct loop_timer){ .on_time = on_limit, .arg = runtime };
	r = loop_add(runtime->loop, &g->on_exit, EPOLLIN);
	if (r == 0)
		r = loop_add(runtime->loop, &g->on_wiring, EPOLLIN);
	if (r == 0)
		r = loop_add(runtime->loop, &g->on_log, EPOLLIN);
	loop_arm(runtime->loop, &g->limit, RUNTIME_START_LIMIT_NS);
	return r;
}

static int sockets_open(struct runtime *runtime)
{
	uint32_t workers = runtime->options.workers;
	int r = listen_open(runtime->options.listen, workers, runtime->listeners, runtime->address);

	if (r < 0) {
		runtime_say(runtime, "cannot listen on %s: %s%s", runtime->options.listen,
			    r == -EINVAL ? "not ADDRESS:PORT" : strerror(-r),
			    r == -EADDRINUSE ? " (choose another with --listen)" : "");
		return r;
	}
	for (uint32_t i = 0; r == 0 && i < workers; i++)
		r = sproxy_attach(runtime->proxy, i + 1, SP_GATEWAY_FN,
				  runtime->options.cpus[i % runtime->options.cpu_count],
				  &runtime->worker_ends[i]);
	if (r < 0)
		runtime_say(runtime, "cannot wire the gateway: %s", strerror(-r));
	return r;
}

/* The memfd in which the gateway counts. */
static int stats_open(struct gateway_state *gateway)
{
	const struct wiring_gateway_stats *stats;
	int fd = memfd_create("sprocket-gateway-stats", MFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	stats = ftruncate(fd, sizeof(*stats)) < 0 ?
			MAP_FAILED :
			mmap(NULL, sizeof(*stats), PROT_READ, MAP_SHARED, fd, 0);
	if (stats == MAP_FAILED) {
		r = -errno;
		close(fd);
		return r;
	}
	gateway->stats = stats;
	gateway->stats_fd = fd;
	return 0;
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

int gateway_start(struct runtime *runtime)
{
	struct process_spec spec = { .name = "sprocket-gateway",
				     .cpus = runtime->options.cpus,
				     .cpu_count = runtime->options.cpu_count };
	struct wiring_gateway *message;
	char path[CHAIN_PATH_MAX];
	int r = sockets_open(runtime);

	if (r == 0)
		r = stats_open(&runtime->gateway);
	if (r < 0)
		return r;
	r = programs_gateway(path);
	if (r < 0) {
		runtime_say(runtime, "cannot find sprocket-gateway beside this program");
		return r;
	}
	spec.path = path;
	logs_init(&runtime->gateway.logs, "gateway");
	r = process_start(&spec, &runtime->gateway.process);
	if (r < 0) {
		runtime_say(runtime, "cannot start the gateway: %s", strerror(-r));
		return r;
	}
	runtime->children++;
	if (runtime->runstate)
		gateway_record(runtime);
	r = sources_add(runtime);
	message = calloc(1, sizeof(*message));
	if (!message)
		return -ENOMEM;
	if (r == 0)
		r = wire(runtime, message);
	if (r < 0)
		runtime_say(runtime, "cannot wire the gateway: %s", strerror(-r));
	free(message);
	return r;
}
