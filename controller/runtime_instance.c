// SPDX-License-Identifier: Apache-2.0
/* One instance of a function: from fork to the last buffer taken back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/runtime.h"
#include "controller/tables.h"

void instance_set_state(struct instance *instance, enum instance_state state)
{
	struct function_state *f = &instance->runtime->functions[instance->fn];

	if (instance->state == INSTANCE_READY)
		f->ready--;
	if (state == INSTANCE_READY)
		f->ready++;
	instance->state = state;
}

static struct instance *slot_find(struct runtime *runtime)
{
	for (uint32_t slot = runtime->options.workers + 1; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].state == INSTANCE_NONE) {
			runtime->instances[slot].slot = slot;
			return &runtime->instances[slot];
		}
	return NULL;
}

static void on_ready(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	const struct chain_function *f = &runtime->chain->functions[instance->fn - 1];

	if (instance->state != INSTANCE_STARTING)
		return;
	loop_disarm(runtime->loop, &instance->limit);
	if (sproxy_enable(runtime->proxy, instance->slot, f->concurrency) < 0)
		return;
	instance_set_state(instance, INSTANCE_READY);
	runtime_tell(runtime, "started %s slot %u in %.1f ms", f->name, instance->slot,
		     runtime_ms_since(instance->started_ns));
	gateway_send(runtime, WIRING_UP, instance->slot, instance->fn,
		     runtime->functions[instance->fn].ready);
	runtime_check_ready(runtime);
}

static void on_wiring(void *arg, uint32_t events)
{
	struct instance *instance = arg;
	struct wiring_msg msg;
	ssize_t n = wiring_receive(instance->process.wiring, &msg, sizeof(msg), NULL, 0, NULL);

	(void)events;
	if (n <= 0) {
		loop_remove(instance->runtime->loop, &instance->on_wiring);
	} else if (n == sizeof(msg) && msg.type == WIRING_READY) {
		on_ready(instance);
	} else if (n == sizeof(msg) && msg.type == WIRING_FAILED) {
		msg.text[sizeof(msg.text) - 1] = '\0';
		runtime_say(instance->runtime, "%s cannot start: %s",
			    runtime_fn_name(instance->runtime, instance->fn), msg.text);
	}
}

static void on_log(void *arg, uint32_t events)
{
	struct instance *instance = arg;

	(void)events;
	if (logs_read(&instance->logs, instance->process.log))
		loop_remove(instance->runtime->loop, &instance->on_log);
}

static void replacements_start(void *arg)
{
	struct function_state *f = arg;
	struct runtime *runtime = f->runtime;

	/* Armed before the order to stop: whom it started nobody would stop any more. */
	if (runtime->state >= RUNTIME_STOPPING)
		return;
	for (uint32_t number = 0; number < SP_FN_INST_MAX; number++) {
		if (!f->missing[number])
			continue;
		if (instance_start(runtime, f->fn, number) < 0) {
			loop_arm(runtime->loop, &f->backoff, RUNTIME_BACKOFF_MAX_NS);
			return;
		}
		f->missing[number] = false;
	}
}

/* A replacement at once for the first death, later and later for those that follow. */
static void replace(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	struct function_state *f = &runtime->functions[instance->fn];
	uint64_t delay = 0;

	if (loop_now_ns() - instance->started_ns > RUNTIME_STEADY_NS)
		f->deaths = 0;
	if (f->deaths > 0) {
		uint32_t doublings = f->deaths - 1 > 10 ? 10 : f->deaths - 1;

		delay = RUNTIME_BACKOFF_FIRST_NS << doublings;
		if (delay > RUNTIME_BACKOFF_MAX_NS)
			delay = RUNTIME_BACKOFF_MAX_NS;
	}
	f->deaths++;
	f->restarts++;
	f->missing[instance->number] = true;
	f->backoff.on_time = replacements_start;
	f->backoff.arg = f;
	if (delay == 0)
		replacements_start(f);
	else if (!f->backoff.armed)
		loop_arm(runtime->loop, &f->backoff, delay);
}

static void page_drop(struct instance *instance)
{
	if (instance->page)
		munmap(instance->page, sizeof(*instance->page));
	instance->page = NULL;
}

static void process_forget(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;

	logs_drain(&instance->logs, instance->process.log);
	if (runtime->runstate)
		runstate_remove_child(runtime->runstate, instance->process.pid);
	loop_remove(runtime->loop, &instance->on_exit);
	loop_remove(runtime->loop, &instance->on_wiring);
	loop_remove(runtime->loop, &instance->on_log);
	loop_remove(runtime->loop, &instance->on_kept_send);
	loop_remove(runtime->loop, &instance->on_kept_receive);
	loop_disarm(runtime->loop, &instance->limit);
	page_drop(instance);
	process_done(&instance->process);
}

static void on_death(struct instance *instance, const char *how, bool in_order)
{
	struct runtime *runtime = instance->runtime;
	enum instance_state was = instance->state;

	if (!in_order)
		runtime_say(runtime, "%s (slot %u) died: %s",
			    runtime_fn_name(runtime, instance->fn), instance->slot, how);
	/* Out of the maps first: after that nothing more can come to it, so what it holds
	 * can be taken back. */
	sproxy_detach(runtime->proxy, instance->slot);
	instance_set_state(instance, INSTANCE_NONE);
	if (runtime->gateway.ready) {
		instance_set_state(instance, INSTANCE_RECLAIMING);
		gateway_send(runtime, WIRING_LOST, instance->slot, instance->fn,
			     runtime->functions[instance->fn].ready);
	}
	if (runtime->state == RUNTIME_STARTING) { /* a start with one missing would not end */
		runtime_say(runtime, "%s did not start", runtime_fn_name(runtime, instance->fn));
		runtime_fail(runtime);
	} else if (was != INSTANCE_STOPPING &&
		   (runtime->state == RUNTIME_SERVING || runtime->state == RUNTIME_DRAINING)) {
		replace(instance);
	}
}

static void on_end(void *arg, uint32_t events)
{
	struct instance *instance = arg;
	struct runtime *runtime = instance->runtime;
	char how[96];
	int status = process_reap(&instance->process, how, sizeof(how));
	bool in_order = instance->state == INSTANCE_STOPPING && status == 0;

	(void)events;
	process_forget(instance);
	on_death(instance, how, in_order || runtime->result != 0);
	runtime_child_gone(runtime);
}

/* A kept end: bytes have bypassed the program, or the instance closed its own end and can
 * send or receive no more. */
static void kept_ready(struct instance *instance, struct loop_source *source)
{
	struct sp_event event = { .slot = instance->slot, .reason = SP_VIOLATION_BYPASS };
	char byte;

	if (recv(source->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		instance_violated(instance, &event);
	else if (instance->state != INSTANCE_STOPPING)
		process_kill(&instance->process);
	loop_remove(instance->runtime->loop, source);
}

static void on_kept_send(void *arg, uint32_t events)
{
	struct instance *instance = arg;

	(void)events;
	kept_ready(instance, &instance->on_kept_send);
}

static void on_kept_receive(void *arg, uint32_t events)
{
	struct instance *instance = arg;

	(void)events;
	kept_ready(instance, &instance->on_kept_receive);
}

void instance_violated(struct instance *instance, const struct sp_event *event)
{
	if (instance->process.pid <= 0 || instance->violated)
		return;
	instance->violated = true;
	instance->runtime->bypasses += event->reason == SP_VIOLATION_BYPASS;
	runtime_say(instance->runtime, "violation: %s (slot %u): %s: %s",
		    runtime_fn_name(instance->runtime, instance->fn), instance->slot,
		    sproxy_violation_name(event->reason), sproxy_violation_text(event->reason));
	sproxy_disable(instance->runtime->proxy, instance->slot);
	process_kill(&instance->process);
}

void instance_reclaimed(struct instance *instance, uint32_t buffers)
{
	if (instance->state != INSTANCE_RECLAIMING)
		return;
	runtime_tell(instance->runtime, "slot %u: %u buffers taken back", instance->slot, buffers);
	instance_set_state(instance, INSTANCE_NONE);
}

static void on_limit(void *arg)
{
	struct instance *instance = arg;

	runtime_say(instance->runtime, "%s (slot %u) did not %s in time; killed",
		    runtime_fn_name(instance->runtime, instance->fn), instance->slot,
		    instance->state == INSTANCE_STARTING ? "become ready" : "stop");
	process_kill(&instance->process);
}

void instance_stop(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;

	sproxy_disable(runtime->proxy, instance->slot);
	instance_set_state(instance, INSTANCE_STOPPING);
	sproxy_stop(runtime->proxy, instance->slot);
	loop_arm(runtime->loop, &instance->limit, RUNTIME_STOP_LIMIT_NS);
}

/* The instance's page, with its routes: mapped here, its fd for the instance in *ret_fd. */
static int page_make(struct instance *instance, int *ret_fd)
{
	int fd = memfd_create("sprocket-page", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;
	void *page = MAP_FAILED;

	if (fd < 0)
		return -errno;
	/* Sealed: an instance that shrank it would give us SIGBUS. */
	if (ftruncate(fd, sizeof(struct wiring_page)) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		page = mmap(NULL, sizeof(struct wiring_page), PROT_READ | PROT_WRITE, MAP_SHARED,
			    fd, 0);
	if (page == MAP_FAILED) {
		r = -errno;
		close(fd);
		return r;
	}
	instance->page = page;
	wiring_page_rules(page, &instance->runtime->chain->functions[instance->fn - 1].rules);
	*ret_fd = fd;
	return 0;
}

static int wire(struct instance *instance, const struct sproxy_ends *ends, int page)
{
	struct runtime *runtime = instance->runtime;
	struct wiring_function *message = calloc(1, sizeof(*message));
	const int fds[WIRING_FN_FDS] = { [WIRING_FN_SEND] = ends->send,
					 [WIRING_FN_RECEIVE] = ends->receive,
					 [WIRING_FN_MEMORY] = runtime->memory.fd,
					 [WIRING_FN_PAGE] = page };
	int r;

	if (!message)
		return -ENOMEM;
	r = tables_function(runtime->chain, instance->fn - 1, instance->slot,
			    instance->number % runtime->options.workers + 1, message);
	if (r == 0)
		r = wiring_send(instance->process.wiring, message, message->size, fds,
				WIRING_FN_FDS);
	free(message);
	return r;
}

static int sources_add(struct instance *instance)
{
	struct sproxy_kept kept = sproxy_kept(instance->runtime->proxy, instance->slot);
	struct loop *loop = instance->runtime->loop;
	int r;

	instance->on_exit = (struct loop_source){ instance->process.pidfd, on_end, instance };
	instance->on_wiring = (struct loop_source){ instance->process.wiring, on_wiring, instance };
	instance->on_log = (struct loop_source){ instance->process.log, on_log, instance };
	instance->on_kept_send = (struct loop_source){ kept.send, on_kept_send, instance };
	instance->on_kept_receive = (struct loop_source){ kept.receive, on_kept_receive, instance };
	instance->limit = (struct loop_timer){ .on_time = on_limit, .arg = instance };
	r = loop_add(loop, &instance->on_exit, EPOLLIN);
	if (r == 0)
		r = loop_add(loop, &instance->on_wiring, EPOLLIN);
	if (r == 0)
		r = loop_add(loop, &instance->on_log, EPOLLIN);
	if (r == 0)
		r = loop_add(loop, &instance->on_kept_send, EPOLLIN | EPOLLRDHUP);
	if (r == 0)
		r = loop_add(loop, &instance->on_kept_receive, EPOLLIN | EPOLLRDHUP);
	loop_arm(loop, &instance->limit, RUNTIME_START_LIMIT_NS);
	return r;
}

static int process_begin(struct instance *instance, const uint32_t *cpu)
{
	struct runtime *runtime = instance->runtime;
	const struct chain_function *f = &runtime->chain->functions[instance->fn - 1];
	struct process_spec spec = { .path = f->exec,
				     .name = f->name,
				     .cpus = cpu,
				     .cpu_count = 1,
				     .env = &f->env,
				     .exec_fd = -1 };
	int r;

	instance->started_ns = loop_now_ns();
	instance->violated = false;
	logs_init(&instance->logs, f->name, NULL);
	r = process_start(&spec, &instance->process);
	if (r < 0)
		return r;
	instance_set_state(instance, INSTANCE_STARTING);
	runtime->children++;
	if (runtime->runstate)
		runstate_add_child(runtime->runstate, instance->process.pid);
	return sources_add(instance);
}

int instance_start(struct runtime *runtime, uint32_t fn, uint32_t number)
{
	struct instance *instance = slot_find(runtime);
	const uint32_t *cpu = &runtime->options.cpus[number % runtime->options.cpu_count];
	struct sproxy_ends ends;
	int page = -1, r;

	if (!instance) {
		runtime_say(runtime, "no free slot for %s: a chain has at most %u instances",
			    runtime_fn_name(runtime, fn), SP_INST_MAX - 1);
		return -ENOSPC;
	}
	instance->runtime = runtime;
	instance->fn = fn;
	instance->number = number;
	r = sproxy_attach(runtime->proxy, instance->slot, fn, *cpu, &ends);
	if (r < 0) {
		runtime_say(runtime, "cannot wire %s: %s", runtime_fn_name(runtime, fn),
			    strerror(-r));
		return r;
	}
	r = page_make(instance, &page);
	if (r == 0)
		r = process_begin(instance, cpu);
	if (r == 0)
		r = wire(instance, &ends, page);
	/* No copy of its own ends may stay with us: it would keep a dead instance routed to. */
	close(ends.send);
	close(ends.receive);
	if (page >= 0)
		close(page);
	if (r < 0) {
		runtime_say(runtime, "cannot start %s: %s", runtime_fn_name(runtime, fn),
			    strerror(-r));
		if (instance->process.pid > 0) {
			process_kill(&instance->process); /* its exit cleans up */
		} else {
			page_drop(instance);
			sproxy_detach(runtime->proxy, instance->slot);
		}
	}
	return r;
}
