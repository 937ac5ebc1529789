// SPDX-License-Identifier: Apache-2.0
/* One instance of a function: ready, serving, draining, dead, and the last buffer taken back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "controller/logstore_text.h"
#include "controller/runtime_private.h"

void instance_set_state(struct instance *instance, enum instance_state state)
{
	struct runtime *runtime = instance->runtime;
	struct function_state *f = &runtime->functions[instance->fn];

	if (instance->state == INSTANCE_READY)
		f->ready--;
	if (state == INSTANCE_READY)
		f->ready++;
	instance->state = state;
	if (runtime->options.fdstore && state != INSTANCE_NONE && state != INSTANCE_STARTING)
		keep_instance(instance, false);
	runtime_changed(runtime);
}

void instance_limit_arm(struct instance *instance, uint64_t ns)
{
	loop_arm(instance->runtime->loop, &instance->limit, ns);
}

int instance_enable(struct instance *instance, uint32_t concurrency)
{
	struct runtime *runtime = instance->runtime;
	struct wiring_msg up = { .type = WIRING_UP,
				 .slot = instance->slot,
				 .fn = traffic_first(runtime, instance->fn) };
	bool held = debug_holds(runtime, instance->fn);
	int r = held ? 0 : slots_enable(instance, concurrency);

	if (r < 0)
		return r;
	instance->next = false;
	instance_set_state(instance, INSTANCE_READY);
	runtime->functions[instance->fn].why[0] = '\0';
	traffic_instance_ready(instance);
	gateway_send(runtime, &up);
	runtime_check_ready(runtime);
	return 0;
}

static void on_ready(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	struct function_state *f = &runtime->functions[instance->fn];

	if (instance->state != INSTANCE_STARTING)
		return;
	loop_disarm(runtime->loop, &instance->limit);
	instance->ready_ns = loop_now_ns() - instance->started_ns;
	f->starts++;
	f->starts_ns += instance->ready_ns;
	runtime_tell(runtime, "Started", "started %s slot %u in %.1f ms",
		     runtime_fn_name(runtime, instance->fn), instance->slot,
		     (double)instance->ready_ns / 1e6);
	if (instance->next) {
		instance_set_state(instance, INSTANCE_PREPARED);
		update_prepared(runtime);
	} else {
		instance_enable(instance, runtime->chain->functions[instance->fn - 1].concurrency);
		if (instance->debugged)
			debug_begin(instance);
	}
}

/* What helps a function that its isolation refuses something: it has told an error alone. */
static const char *refusal_help(const struct runtime *runtime, const char *text)
{
	static const int refusals[] = { ENOENT, EACCES, EPERM, EROFS };
	size_t len = strlen(text);

	for (size_t i = 0; runtime->sandbox && i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const char *error = strerror(refusals[i]);
		size_t tail = strlen(error);

		if (len >= tail && !strcmp(text + len - tail, error))
			return "; it sees what security.files declares, and its own folder";
	}
	return "";
}

static void on_failed(struct instance *instance, struct wiring_msg *msg)
{
	struct runtime *runtime = instance->runtime;
	struct function_state *f = &runtime->functions[instance->fn];
	const char *help;

	msg->text[sizeof(msg->text) - 1] = '\0';
	logstore_text_line(msg->text); /* a stranger's, and goes to terminals */
	help = refusal_help(runtime, msg->text);
	runtime_warn(runtime, "FailedStart", "%s cannot start: %s%s",
		     runtime_fn_name(runtime, instance->fn), msg->text, help);
	snprintf(f->why, sizeof(f->why), "%.*s%s", (int)(sizeof(f->why) - 1 - strlen(help)),
		 msg->text, help);
}

static void on_wiring(void *arg, uint32_t events)
{
	struct instance *instance = arg;
	struct runtime *runtime = instance->runtime;
	struct wiring_msg msg;
	ssize_t n = wiring_receive(instance->process.wiring, &msg, sizeof(msg), NULL, 0, NULL);

	(void)events;
	/* One message is all that it has to say: more of them would be lines and events without end. */
	loop_remove(runtime->loop, &instance->on_wiring);
	if (n == sizeof(msg) && msg.type == WIRING_READY) {
		on_ready(instance);
	} else if (n == sizeof(msg) && msg.type == WIRING_FAILED) {
		on_failed(instance, &msg);
	}
}

void instance_wiring_drain(struct instance *instance)
{
	while (instance->on_wiring.fd >= 0)
		on_wiring(instance, EPOLLIN);
}

static void on_log(void *arg, uint32_t events)
{
	struct instance *instance = arg;

	(void)events;
	if (logs_read(&instance->logs, instance->process.log))
		loop_remove(instance->runtime->loop, &instance->on_log);
}

void instance_let_go(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;

	loop_remove(runtime->loop, &instance->on_exit);
	loop_remove(runtime->loop, &instance->on_wiring);
	loop_remove(runtime->loop, &instance->on_log);
	slots_unwatch(instance);
	loop_disarm(runtime->loop, &instance->limit);
	instance_cgroup_let_go(instance);
	instance_page_close(instance);
	process_done(&instance->process);
}

static void process_forget(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;

	if (instance->process.log >= 0 && instance->process.pid > 0)
		logs_drain(&instance->logs, instance->process.log);
	if (runtime->runstate)
		runstate_remove_child(runtime->runstate, instance->process.pid);
	instance_cgroup_end(instance);
	instance_let_go(instance);
}

static void slot_free(struct instance *instance)
{
	if (instance->runtime->options.fdstore)
		keep_remove_instance(instance);
	instance->revision = revision_put(instance->revision);
	slots_give_back(instance);
	instance_set_state(instance, INSTANCE_NONE);
}

void instance_lost_tell(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	struct wiring_msg lost = { .type = WIRING_LOST,
				   .fn = traffic_first(runtime, instance->fn),
				   .count = traffic_ready(runtime, instance->fn) };
	struct wiring_msg up = { .type = WIRING_UP, .fn = lost.fn };

	for (uint32_t i = 0; i < instance->worker_count; i++) {
		struct instance_worker *worker = &instance->workers[i];

		/* A report of a controller that was before us may still be under way to the
		 * gateway: only the answer to this one counts. */
		worker->loss = lost.token = loop_now_ns() + ++runtime->losses;
		lost.slot = worker->slot;
		gateway_send(runtime, &lost);
	}
	/* What came back from it goes to the other revision: nobody may follow at this one. */
	if (lost.count > 0 && runtime->chain->functions[lost.fn - 1].traffic.second)
		gateway_send(runtime, &up);
}

/* What follows for the chain. */
static void bereave(struct instance *instance, enum instance_state was, bool next, const char *how)
{
	struct runtime *runtime = instance->runtime;
	const char *name = runtime_fn_name(runtime, instance->fn);

	if (next) {
		update_failed(runtime, -ECANCELED,
			      "the new instance of %s did not become ready: %s", name,
			      how ? how : "it ended");
	} else if (runtime->state == RUNTIME_STARTING) { /* with one missing it would not end */
		char why[sizeof(runtime->why)];

		runtime_warn(runtime, "FailedStart", "%s did not start", name);
		snprintf(why, sizeof(why), "%s did not start: %s", name,
			 runtime->functions[instance->fn].why);
		runtime_fail(runtime, why);
	} else if ((was == INSTANCE_READY || was == INSTANCE_STARTING ||
		    was == INSTANCE_PREPARED) &&
		   !instance->debugged && !runtime->options.inlined &&
		   (runtime->state == RUNTIME_SERVING || runtime->state == RUNTIME_DRAINING)) {
		instance_replace(instance);
	}
	if (instance->debugged)
		debug_end(instance);
}

void instance_gone(struct instance *instance, const char *how)
{
	struct runtime *runtime = instance->runtime;
	struct function_state *f = &runtime->functions[instance->fn];
	enum instance_state was = instance->state;
	bool next = instance->next;
	char late[64];

	if (how && instance->late) {
		snprintf(late, sizeof(late), "it did not become ready within %.0f s",
			 (double)RUNTIME_START_LIMIT_NS / 1e9);
		how = late;
	}
	if (how) {
		runtime_warn(runtime, "Died", "%s (slot %u) died: %s",
			     runtime_fn_name(runtime, instance->fn), instance->slot, how);
		if (!f->why[0] || was != INSTANCE_STARTING)
			snprintf(f->why, sizeof(f->why), "%.150s", how);
	}
	if (how && !next && was != INSTANCE_STOPPING)
		traffic_death(instance);
	instance->next = false;
	/* Out of the maps first: after that nothing more can come to it, so what it holds
	 * can be taken back. */
	slots_detach(instance);
	if (runtime->gateway.served) {
		instance_set_state(instance, INSTANCE_RECLAIMING);
		instance_lost_tell(instance);
	} else {
		slot_free(instance);
	}
	bereave(instance, was, next, how);
}

void instance_ended(struct instance *instance, int status, const char *how)
{
	struct runtime *runtime = instance->runtime;
	bool stopping = instance->state == INSTANCE_STOPPING, in_order;

	/* How an adopted one ended may not be known. */
	in_order = instance->dismissed || (stopping && (status == 0 || status == -1));
	instance_core_take(instance, status);
	process_forget(instance);
	instance_gone(instance, in_order || runtime->result != 0 ? NULL : how);
	runtime_child_gone(runtime);
}

static void on_end(void *arg, uint32_t events)
{
	struct instance *instance = arg;
	char how[96];
	int status = process_reap(&instance->process, how, sizeof(how));

	(void)events;
	if (instance_cgroup_why(instance, how, sizeof(how)))
		runtime_warn(instance->runtime, "OutOfMemory", "%s (slot %u): %s",
			     runtime_fn_name(instance->runtime, instance->fn), instance->slot, how);
	instance_ended(instance, status, how);
}

void instance_violated(struct instance *instance, const struct sp_event *event)
{
	if (instance->process.pid <= 0 || instance->violated)
		return;
	instance->violated = true;
	instance->runtime->bypasses += event->reason == SP_VIOLATION_BYPASS;
	runtime_warn(instance->runtime, "Violation", "violation: %s (slot %u): %s: %s",
		     runtime_fn_name(instance->runtime, instance->fn), event->slot,
		     sproxy_violation_name(event->reason), sproxy_violation_text(event->reason));
	slots_disable(instance);
	process_kill(&instance->process);
}

void instance_reclaimed(struct runtime *runtime, uint32_t slot, uint64_t loss, uint32_t buffers)
{
	struct instance *instance = slots_instance(runtime, slot);
	bool waiting = false;

	if (!instance || instance->state != INSTANCE_RECLAIMING)
		return;
	for (uint32_t i = 0; i < instance->worker_count; i++) {
		struct instance_worker *worker = &instance->workers[i];

		if (worker->slot == slot && worker->loss == loss) {
			worker->loss = 0;
			runtime_tell(runtime, "Reclaimed", "slot %u: %u buffers taken back", slot,
				     buffers);
		}
		waiting |= worker->loss != 0;
	}
	if (!waiting)
		slot_free(instance);
}

void instance_stop(struct instance *instance)
{
	slots_disable(instance);
	instance_set_state(instance, INSTANCE_STOPPING);
	slots_stop(instance);
	instance_limit_arm(instance, RUNTIME_STOP_LIMIT_NS);
}

void instance_drain(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;

	slots_disable(instance);
	instance->drain_at_ns = loop_now_ns() + runtime->chain->timeout_ns + RUNTIME_DRAIN_GRACE_NS;
	instance_set_state(instance, INSTANCE_DRAINING);
	instance_limit_arm(instance, RUNTIME_DRAIN_POLL_NS);
}

static void drain_look(struct instance *instance)
{
	if (slots_idle(instance)) {
		instance_stop(instance);
	} else if (loop_now_ns() < instance->drain_at_ns) {
		instance_limit_arm(instance, RUNTIME_DRAIN_POLL_NS);
	} else {
		runtime_warn(instance->runtime, "DrainTimeout",
			     "%s (slot %u) did not finish what it had; killed",
			     runtime_fn_name(instance->runtime, instance->fn), instance->slot);
		process_kill(&instance->process);
	}
}

static void on_limit(void *arg)
{
	struct instance *instance = arg;

	if (instance->state == INSTANCE_DRAINING) {
		drain_look(instance);
		return;
	}
	instance->late = instance->state == INSTANCE_STARTING;
	runtime_warn(instance->runtime, "Hangs", "%s (slot %u) did not %s in time; killed",
		     runtime_fn_name(instance->runtime, instance->fn), instance->slot,
		     instance->late ? "become ready" : "stop");
	process_kill(&instance->process);
}

int instance_sources_add(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	char source[CHAIN_NAME_MAX + 16];
	const struct {
		struct loop_source *source;
		struct loop_source value;
	} watched[] = {
		/* What it says before it ends is read before its end. */
		{ &instance->on_wiring, { instance->process.wiring, on_wiring, instance } },
		{ &instance->on_exit, { instance->process.pidfd, on_end, instance } },
		{ &instance->on_log, { instance->process.log, on_log, instance } },
	};
	int r = 0;

	snprintf(source, sizeof(source), "%s-%u", runtime_fn_name(runtime, instance->fn),
		 instance->number);
	logs_init(&instance->logs,
		  runtime->options.logs ? source : runtime_fn_name(runtime, instance->fn),
		  runtime->options.logs);
	instance->limit = (struct loop_timer){ .on_time = on_limit, .arg = instance };
	for (size_t i = 0; r == 0 && i < sizeof(watched) / sizeof(watched[0]); i++) {
		*watched[i].source = watched[i].value;
		/* Of a thread of the host the host's end is looked at. */
		if (watched[i].source != &instance->on_exit || !runtime->options.inlined)
			r = loop_add(runtime->loop, watched[i].source, EPOLLIN);
	}
	return r == 0 ? slots_watch(instance) : r;
}
