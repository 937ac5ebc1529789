// SPDX-License-Identifier: Apache-2.0
#include "controller/runtime.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controller/tables.h"

double runtime_ms_since(uint64_t ns)
{
	return (double)(loop_now_ns() - ns) / 1e6;
}

static void say(const struct runtime *runtime, const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, args);
	fprintf(stderr, "%s: %s\n", runtime->chain->name, line);
}

void runtime_say(const struct runtime *runtime, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(runtime, format, args);
	va_end(args);
}

void runtime_tell(const struct runtime *runtime, const char *format, ...)
{
	va_list args;

	if (!runtime->options.verbose)
		return;
	va_start(args, format);
	say(runtime, format, args);
	va_end(args);
}

const char *runtime_fn_name(const struct runtime *runtime, uint32_t fn)
{
	return fn == SP_GATEWAY_FN ? "gateway" : runtime->chain->functions[fn - 1].name;
}

void runtime_set_state(struct runtime *runtime, enum runtime_state state)
{
	runtime->state = state;
	runtime->options.on_state(runtime, runtime->options.on_state_arg);
}

static void children_kill(struct runtime *runtime)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		process_kill(&runtime->instances[slot].process);
	process_kill(&runtime->gateway.process);
}

void runtime_fail(struct runtime *runtime)
{
	runtime->result = 1;
	runtime_set_state(runtime, RUNTIME_STOPPING);
	children_kill(runtime);
	if (runtime->children == 0)
		runtime_set_state(runtime, RUNTIME_STOPPED);
}

void runtime_child_gone(struct runtime *runtime)
{
	runtime->children--;
	if (runtime->state != RUNTIME_STOPPING)
		return;
	if (runtime->children == 1 && runtime->gateway.process.pid > 0)
		gateway_stop(runtime);
	if (runtime->children == 0)
		runtime_set_state(runtime, RUNTIME_STOPPED);
}

void runtime_check_ready(struct runtime *runtime)
{
	if (runtime->state != RUNTIME_STARTING || !runtime->gateway.ready)
		return;
	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++)
		if (runtime->functions[fn].ready == 0)
			return;
	runtime_set_state(runtime, RUNTIME_SERVING);
}

void runtime_stop(struct runtime *runtime)
{
	switch (runtime->state) {
	case RUNTIME_SERVING:
		runtime_set_state(runtime, RUNTIME_DRAINING);
		loop_arm(runtime->loop, &runtime->gateway.limit,
			 runtime->chain->timeout_ns + RUNTIME_DRAIN_GRACE_NS);
		if (gateway_send(runtime, WIRING_DRAIN, 0, 0, 0) < 0)
			runtime_fail(runtime);
		break;
	case RUNTIME_STOPPED:
		break;
	default:
		runtime_say(runtime, "killed before it was drained");
		runtime_fail(runtime);
	}
}

static void on_event(const struct sp_event *event, void *arg)
{
	struct runtime *runtime = arg;

	if (event->slot > runtime->options.workers && event->slot < SP_INST_MAX) {
		instance_violated(&runtime->instances[event->slot], event);
		return;
	}
	/* A reply that arrives when the gateway is gone already is no news. */
	if (runtime->state >= RUNTIME_STOPPING)
		return;
	runtime_say(runtime, "the kernel refused a send of the gateway: %s",
		    sproxy_violation_text(event->reason));
	runtime_fail(runtime);
}

static void on_events(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;

	(void)events;
	sproxy_events_read(runtime->proxy, on_event, runtime);
}

static int memory_start(struct runtime *runtime)
{
	struct chain *chain = runtime->chain;
	char why[256] = "";
	int r = shm_memory_create(chain->name, chain->layout.size, chain->hugepages,
				  &runtime->memory, why);

	if (why[0])
		runtime_say(runtime, "%s", why);
	if (r < 0 && !why[0])
		runtime_say(runtime, "cannot create the pool: %s", strerror(-r));
	if (r == 0 && runtime->runstate && runtime->memory.overcommit > 0)
		runstate_set_overcommit(runtime->runstate, runtime->memory.overcommit);
	return r;
}

static int kernel_start(struct runtime *runtime)
{
	int r = sproxy_open(runtime->chain->layout.buffer_count, &runtime->proxy);

	if (r < 0) {
		runtime_say(runtime,
			    "cannot load the kernel program: %s (`sprocket doctor` says why)",
			    strerror(-r));
		return r;
	}
	r = tables_routes(runtime->chain, runtime->proxy);
	if (r < 0)
		return r;
	runtime->on_event = (struct loop_source){ .fd = sproxy_events_fd(runtime->proxy),
						  .on_ready = on_events,
						  .arg = runtime };
	return loop_add(runtime->loop, &runtime->on_event, EPOLLIN);
}

static int instances_start(struct runtime *runtime)
{
	int r = 0;

	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++) {
		uint32_t count = runtime->chain->functions[fn - 1].instances;

		if (count == 0)
			count = runtime->options.workers;
		for (uint32_t i = 0; r == 0 && i < count; i++)
			r = instance_start(runtime, fn, i);
	}
	return r;
}

static void runtime_init(struct runtime *runtime, struct chain *chain, struct loop *loop,
			 struct runstate *runstate, const struct runtime_options *options)
{
	memset(runtime, 0, sizeof(*runtime));
	runtime->chain = chain;
	runtime->loop = loop;
	runtime->runstate = runstate;
	runtime->options = *options;
	runtime->began_ns = loop_now_ns();
	runtime->memory.fd = -1;
	runtime->on_event.fd = -1;
	runtime->gateway.stats_fd = -1;
	for (uint32_t i = 0; i < WIRING_WORKER_MAX; i++) {
		runtime->listeners[i] = -1;
		runtime->worker_ends[i] = (struct sproxy_ends){ -1, -1 };
	}
	for (uint32_t fn = 0; fn < SP_FN_MAX; fn++) {
		runtime->functions[fn].runtime = runtime;
		runtime->functions[fn].fn = fn;
	}
}

int runtime_start(struct runtime *runtime, struct chain *chain, struct loop *loop,
		  struct runstate *runstate, const struct runtime_options *options)
{
	int r;

	runtime_init(runtime, chain, loop, runstate, options);
	r = memory_start(runtime);
	runtime_tell(runtime, "phase memory %.1f ms", runtime_ms_since(runtime->began_ns));
	if (r == 0) {
		uint64_t began = loop_now_ns();

		r = kernel_start(runtime);
		runtime_tell(runtime, "phase kernel %.1f ms", runtime_ms_since(began));
	}
	if (r == 0)
		r = gateway_start(runtime);
	if (r == 0)
		r = instances_start(runtime);
	if (r < 0) {
		/* Children that were started already are reaped by the loop. */
		if (runtime->children > 0) {
			runtime_fail(runtime);
			loop_run(loop);
		}
		runtime->state = RUNTIME_STOPPED;
		runtime_done(runtime);
	}
	return r;
}

bool runtime_owns(const struct runtime *runtime, pid_t pid)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].process.pid == pid)
			return true;
	return runtime->gateway.process.pid == pid;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void runtime_done(struct runtime *runtime)
{
	loop_remove(runtime->loop, &runtime->on_event);
	for (uint32_t i = 0; i < WIRING_WORKER_MAX; i++) {
		close_fd(&runtime->listeners[i]);
		close_fd(&runtime->worker_ends[i].send);
		close_fd(&runtime->worker_ends[i].receive);
	}
	close_fd(&runtime->gateway.stats_fd);
	if (runtime->gateway.stats)
		munmap((void *)(uintptr_t)runtime->gateway.stats, sizeof(*runtime->gateway.stats));
	runtime->gateway.stats = NULL;
	runtime->proxy = sproxy_close(runtime->proxy);
	shm_memory_done(&runtime->memory);
	runtime->chain = chain_free(runtime->chain);
}
