// SPDX-License-Identifier: Apache-2.0
#include "controller/runtime_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

double runtime_ms_since(uint64_t ns)
{
	return (double)(loop_now_ns() - ns) / 1e6;
}

static void event_va(struct runtime *runtime, const char *type, const char *reason,
		     const char *format, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	if (runtime->options.on_event)
		runtime->options.on_event(runtime, type, reason, text, runtime->options.arg);
	else
		fprintf(stderr, "%s: %s\n", runtime->chain->name, text);
}

void runtime_event(struct runtime *runtime, const char *type, const char *reason,
		   const char *format, ...)
{
	va_list args;

	va_start(args, format);
	event_va(runtime, type, reason, format, args);
	va_end(args);
}

void runtime_tell(struct runtime *runtime, const char *reason, const char *format, ...)
{
	va_list args;

	if (!runtime->options.verbose && !runtime->options.on_event)
		return;
	va_start(args, format);
	event_va(runtime, "Normal", reason, format, args);
	va_end(args);
}

const char *runtime_fn_name(const struct runtime *runtime, uint32_t fn)
{
	return fn == SP_GATEWAY_FN ? "gateway" : runtime->chain->functions[fn - 1].label;
}

void runtime_changed(struct runtime *runtime)
{
	if (runtime->options.on_change)
		runtime->options.on_change(runtime, runtime->options.arg);
}

void runtime_set_state(struct runtime *runtime, enum runtime_state state)
{
	runtime->state = state;
	if (runtime->options.fdstore && state != RUNTIME_STOPPED)
		keep_chain(runtime);
	runtime->options.on_state(runtime, runtime->options.arg);
}

static void children_kill(struct runtime *runtime)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		process_kill(&runtime->instances[slot].process);
	process_kill(&runtime->host.process);
	process_kill(&runtime->gateway.process);
}

void runtime_fail(struct runtime *runtime, const char *why)
{
	if (runtime->state == RUNTIME_STOPPED)
		return;
	runtime->result = 1;
	if (!runtime->why[0])
		snprintf(runtime->why, sizeof(runtime->why), "%s", why);
	update_failed(runtime, -ECANCELED, "%s", why);
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
	if (runtime->children == 1 && runtime->gateway.state != GATEWAY_NONE)
		gateway_stop(runtime);
	if (runtime->children == 0)
		runtime_set_state(runtime, RUNTIME_STOPPED);
}

void runtime_check_ready(struct runtime *runtime)
{
	if (runtime->state != RUNTIME_STARTING)
		return;
	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++)
		if (runtime->functions[fn].ready == 0 &&
		    !runtime->functions[fn].traffic.rolled_back)
			return;
	/* Last: what it still has to do takes longer than the start of a function, which would
	 * wait for it where they share a CPU. */
	if (!runtime->gateway.wired && gateway_start(runtime) < 0)
		runtime_fail(runtime, "the gateway did not start");
	else if (runtime->gateway.state == GATEWAY_READY)
		runtime_set_state(runtime, RUNTIME_SERVING);
}

void runtime_stop(struct runtime *runtime, bool handover)
{
	switch (runtime->state) {
	case RUNTIME_SERVING:
		update_failed(runtime, -ECANCELED, "the chain is stopped");
		runtime->handover = handover;
		runtime_set_state(runtime, RUNTIME_DRAINING);
		gateway_drain(runtime);
		break;
	case RUNTIME_STOPPED:
		break;
	default:
		runtime_warn(runtime, "Killed", "killed before it was drained");
		runtime_fail(runtime, "killed before it was drained");
	}
}

void runtime_functions_stop(struct runtime *runtime)
{
	bool any = false;

	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		struct instance *instance = &runtime->instances[slot];

		if (instance->process.pid > 0) {
			instance_stop(instance);
			any = true;
		}
	}
	if (any)
		return;
	if (runtime->gateway.state != GATEWAY_NONE)
		gateway_stop(runtime);
	else
		runtime_set_state(runtime, RUNTIME_STOPPED);
}

static void on_event(const struct sp_event *event, void *arg)
{
	struct runtime *runtime = arg;
	struct instance *instance = slots_instance(runtime, event->slot);

	if (event->reason == SP_EVENT_WATCHED) {
		if (instance)
			traffic_alarm(runtime, instance->fn);
		return;
	}
	if (event->slot > runtime->options.workers) {
		if (instance)
			instance_violated(instance, event);
		return;
	}
	/* A reply that arrives when the gateway is gone already is no news. */
	if (runtime->state >= RUNTIME_STOPPING)
		return;
	runtime_warn(runtime, "GatewayViolation", "the kernel refused a send of the gateway: %s",
		     sproxy_violation_text(event->reason));
	runtime_fail(runtime, "the kernel refused a send of the gateway");
}

static void on_events(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;

	(void)events;
	sproxy_events_read(runtime->proxy, on_event, runtime);
}

int runtime_watch_kernel(struct runtime *runtime)
{
	runtime->on_event = (struct loop_source){ .fd = sproxy_events_fd(runtime->proxy),
						  .on_ready = on_events,
						  .arg = runtime };
	return loop_add(runtime->loop, &runtime->on_event, EPOLLIN);
}

/* Untouched, its many slots take no memory. */
struct runtime *runtime_new(void)
{
	void *p = mmap(NULL, sizeof(struct runtime), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void runtime_init(struct runtime *runtime, struct chain *chain, int document, struct loop *loop,
		  struct runstate *runstate, const struct runtime_options *options)
{
	runtime->chain = chain;
	runtime->document = document;
	runtime->loop = loop;
	runtime->runstate = runstate;
	runtime->options = *options;
	runtime->began_ns = loop_now_ns();
	runtime->memory.fd = -1;
	runtime->on_event.fd = -1;
	runtime->front_listener = runtime->user_fd = -1;
	runtime->stats_fd = -1;
	if (options->incarnation)
		snprintf(runtime->name, sizeof(runtime->name), "%s_%u", chain->name,
			 options->incarnation);
	else
		snprintf(runtime->name, sizeof(runtime->name), "%s", chain->name);
	for (uint32_t i = 0; i < WIRING_WORKER_MAX; i++)
		runtime->workers[i] = (struct worker_fds){ -1, { -1, -1 } };
	for (uint32_t fn = 0; fn < SP_FN_MAX; fn++) {
		runtime->functions[fn].runtime = runtime;
		runtime->functions[fn].fn = fn;
	}
	traffic_rolled_back(runtime, options->rolled_back);
}

bool runtime_owns(const struct runtime *runtime, pid_t pid)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].process.pid == pid)
			return true;
	return runtime->gateway.process.pid == pid || runtime->host.process.pid == pid;
}

static void sources_remove(struct runtime *runtime)
{
	loop_remove(runtime->loop, &runtime->on_event);
	loop_disarm(runtime->loop, &runtime->gateway.limit);
	loop_disarm(runtime->loop, &runtime->gateway.backoff);
	loop_disarm(runtime->loop, &runtime->stale_timer);
	loop_disarm(runtime->loop, &runtime->watch);
	traffic_end(runtime);
	for (uint32_t fn = 0; fn < SP_FN_MAX; fn++)
		loop_disarm(runtime->loop, &runtime->functions[fn].backoff);
}

static void memory_free(struct runtime *runtime)
{
	routes_free(runtime);
	for (uint32_t fn = 0; fn < SP_FN_MAX; fn++)
		runtime->functions[fn].revision = revision_put(runtime->functions[fn].revision);
	/* Of those whose buffers the gateway had not taken back when it ended. */
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		revision_put(runtime->instances[slot].revision);
	if (runtime->document >= 0)
		close(runtime->document);
	chain_free(runtime->chain);
	munmap(runtime, sizeof(*runtime));
}

void runtime_done(struct runtime *runtime)
{
	sources_remove(runtime);
	cgroups_done(runtime);
	gateway_close(runtime);
	runtime->proxy = sproxy_close(runtime->proxy);
	if (runtime->options.fdstore)
		keep_remove_chain(runtime);
	shm_memory_done(&runtime->memory);
	runtime_sandbox_done(runtime, true);
	memory_free(runtime);
}

void runtime_leave(struct runtime *runtime)
{
	sources_remove(runtime);
	cgroups_done(runtime);
	update_drop(runtime);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].state != INSTANCE_NONE)
			instance_let_go(&runtime->instances[slot]);
	gateway_let_go(runtime);
	if (runtime->front_listener >= 0)
		close(runtime->front_listener); /* its path stays */
	runtime->front_listener = -1;
	gateway_close(runtime);
	runtime->proxy = sproxy_leave(runtime->proxy);
	if (runtime->memory.fd >= 0)
		close(runtime->memory.fd); /* the limit that was raised for it stays, too */
	runtime_sandbox_done(runtime, false);
	memory_free(runtime);
}
