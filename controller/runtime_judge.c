// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_judge.c - how a function's requests go: the circuit breaker, and when a revision is
 * rolled back.
 *
 * How: the kernel counts by function number, and each revision has one. It tells of the first
 * failed reply of an instance that is watched, exits tell of deaths, the gateway of deadlines:
 * only from then on somebody looks every LOOK_NS, until no error is left in the window. What is
 * decided goes into the kernel's tables at once: a split of 0, or a gate that is shut, where the
 * next controller finds it.
 */
#include <stdio.h>
#include <string.h>

#include "controller/runtime_private.h"

#define LOOK_NS 100000000ULL

/* ---- counts ---- */

static void counts_add(const struct runtime *runtime, uint32_t fn, struct error_counts *sum)
{
	const struct error_counts *beside = &runtime->functions[fn].traffic.beside;
	uint64_t out, faults = sproxy_faults(runtime->proxy, fn, &out);

	sum->requests += out + beside->requests;
	sum->errors += faults + beside->errors;
	sum->deaths += beside->deaths;
}

/* Of both revisions, or of the second one alone. */
static struct error_counts counts_read(const struct runtime *runtime, uint32_t fn, bool both)
{
	uint32_t second = runtime_function(runtime, fn)->traffic.second;
	struct error_counts sum = { 0 };

	if (both)
		counts_add(runtime, fn, &sum);
	if (second)
		counts_add(runtime, second, &sum);
	return sum;
}

/* Is anything at one of its instances? */
static bool is_busy(const struct runtime *runtime, uint32_t first)
{
	const struct sp_instance *instances = sproxy_instances(runtime->proxy);
	bool busy = false;

	for (uint32_t slot = runtime->options.workers + 1; slot < SP_INST_MAX; slot++)
		busy |= runtime->taken[slot] &&
			traffic_first(runtime, runtime->instances[runtime->taken[slot]].fn) ==
				first &&
			__atomic_load_n(&instances[slot].in_flight, __ATOMIC_RELAXED) > 0;
	return busy;
}

/* ---- what is watched ---- */

static bool is_judged(const struct runtime *runtime, uint32_t first)
{
	const struct chain_traffic *traffic = &runtime_function(runtime, first)->traffic;

	return traffic->breaker.on ||
	       (traffic->rollback.on && !runtime->functions[traffic->second].traffic.rolled_back);
}

static void instance_watch(const struct instance *instance)
{
	for (uint32_t i = 0; i < instance->worker_count; i++)
		sproxy_watch(instance->runtime->proxy, instance->workers[i].slot);
}

static void watch_all(struct runtime *runtime, uint32_t first)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		const struct instance *i = &runtime->instances[slot];

		if (i->state == INSTANCE_READY && traffic_first(runtime, i->fn) == first)
			instance_watch(i);
	}
}

static void gate_set(struct runtime *runtime, uint32_t first, enum sp_gate gate)
{
	uint32_t second = runtime_function(runtime, first)->traffic.second;

	sproxy_gate(runtime->proxy, first, gate, BREAKER_PROBES);
	if (second)
		sproxy_gate(runtime->proxy, second, gate, BREAKER_PROBES);
}

/* Counts begin where they were when there was no error yet. */
static struct error_counts before_errors(const struct error_counts *now,
					 const struct error_counts *seen)
{
	uint64_t fresh = now->errors - seen->errors;

	return (struct error_counts){ .requests = now->requests - fresh,
				      .errors = seen->errors,
				      .deaths = seen->deaths };
}

static void windows_begin(struct runtime *runtime, uint32_t first)
{
	const struct chain_traffic *rules = &runtime_function(runtime, first)->traffic;
	struct function_traffic *t = &runtime->functions[first].traffic;
	struct error_counts both = counts_read(runtime, first, true);
	struct error_counts second = counts_read(runtime, first, false);
	uint64_t now = loop_now_ns();

	both = before_errors(&both, &t->seen_both);
	second = before_errors(&second, &t->seen_second);
	if (t->breaker.state == BREAKER_CLOSED)
		breaker_begin(&t->breaker, rules, now, &both);
	error_window_begin(&t->window, rules->rollback.window_ns, now, &second);
}

static void seen(struct runtime *runtime, uint32_t first)
{
	struct function_traffic *t = &runtime->functions[first].traffic;

	t->seen_both = counts_read(runtime, first, true);
	t->seen_second = counts_read(runtime, first, false);
}

/* ---- roll-back ---- */

static void counts_text(const struct chain_limit *limit, const struct error_counts *c, char *buf,
			size_t size)
{
	snprintf(buf, size, "%llu of %llu requests went wrong within %.1f s, the limit is %.2f %%",
		 (unsigned long long)c->errors, (unsigned long long)c->requests,
		 (double)limit->window_ns / 1e9, limit->error_rate / 100.0);
}

/* True while there are errors in the window. */
static bool rollback_look(struct runtime *runtime, uint32_t first, uint64_t now)
{
	const struct chain_traffic *rules = &runtime_function(runtime, first)->traffic;
	struct error_counts counts = counts_read(runtime, first, false);
	struct error_counts c =
		error_window_look(&runtime->functions[first].traffic.window, now, &counts);
	char why[128];

	if (error_limit_passed(&rules->rollback, &c)) {
		counts_text(&rules->rollback, &c, why, sizeof(why));
	} else if (c.deaths >= rules->rollback_crashes) {
		snprintf(why, sizeof(why), "%llu crashes within %.1f s, the limit is %u",
			 (unsigned long long)c.deaths, (double)rules->rollback.window_ns / 1e9,
			 rules->rollback_crashes);
	} else {
		return c.errors > 0 || c.deaths > 0;
	}
	traffic_roll_back(runtime, rules->second, why);
	return false;
}

/* ---- breaker ---- */

/* What waits at the gateway is sent again, and finds the gate as it is now. */
static void held_send(struct runtime *runtime, uint32_t first)
{
	struct wiring_msg up = { .type = WIRING_UP, .fn = first };

	gateway_send(runtime, &up);
}

static void breaker_switch(struct runtime *runtime, uint32_t first, const struct error_counts *c)
{
	const struct chain_traffic *rules = &runtime_function(runtime, first)->traffic;
	const struct breaker *breaker = &runtime->functions[first].traffic.breaker;
	const char *name = runtime_function(runtime, first)->name;
	char why[128];

	switch (breaker->state) {
	case BREAKER_OPEN:
		gate_set(runtime, first, SP_GATE_SHUT);
		counts_text(&rules->breaker, c, why, sizeof(why));
		runtime_warn(runtime, "CircuitOpen", "%s gets no requests for %.1f s: %s", name,
			     (double)rules->breaker_open_ns / 1e9, why);
		held_send(runtime, first);
		break;
	case BREAKER_HALF_OPEN:
		gate_set(runtime, first, SP_GATE_AJAR);
		runtime_event(runtime, "Normal", "CircuitHalfOpen",
			      "%s gets a few requests, as a probe", name);
		break;
	case BREAKER_CLOSED:
		gate_set(runtime, first, SP_GATE_OPEN);
		runtime_event(runtime, "Normal", "CircuitClosed",
			      "%s gets requests again: %llu probes were answered", name,
			      (unsigned long long)c->requests);
		break;
	}
	runtime_changed(runtime);
}

/* When to look again; 0: not until something happens. */
static uint64_t breaker_turn(struct runtime *runtime, uint32_t first, uint64_t now)
{
	const struct chain_traffic *rules = &runtime_function(runtime, first)->traffic;
	struct function_traffic *t = &runtime->functions[first].traffic;
	struct error_counts counts = counts_read(runtime, first, true), c;
	uint64_t until, open_ns = rules->breaker_open_ns;
	bool changed =
		breaker_look(&t->breaker, rules, now, &counts, traffic_ready(runtime, first), &c);

	if (changed)
		breaker_switch(runtime, first, &c);
	switch (t->breaker.state) {
	case BREAKER_OPEN:
		until = t->breaker.since_ns + open_ns;
		return until > now ? until - now : 0; /* 0: an instance has to come first */
	case BREAKER_HALF_OPEN:
		if (!changed && (c.requests > t->probed || is_busy(runtime, first))) {
			t->probed = c.requests;
			return LOOK_NS;
		}
		/* Nobody probes, or probes ended unseen: others may after a while. */
		gate_set(runtime, first, SP_GATE_AJAR);
		t->probed = c.requests = 0;
		watch_all(runtime, first);
		return open_ns > LOOK_NS ? open_ns : LOOK_NS;
	case BREAKER_CLOSED:
		return !changed && c.errors > 0 ? LOOK_NS : 0;
	}
	return 0;
}

/* ---- looks ---- */

static void look(struct runtime *runtime, uint32_t first)
{
	const struct chain_traffic *rules = &runtime_function(runtime, first)->traffic;
	struct function_traffic *t = &runtime->functions[first].traffic;
	uint64_t now = loop_now_ns(), next = 0;

	loop_disarm(runtime->loop, &t->look);
	if (runtime->state != RUNTIME_SERVING || !is_judged(runtime, first))
		return;
	if (rules->breaker.on)
		next = breaker_turn(runtime, first, now);
	if (rules->rollback.on && !runtime->functions[rules->second].traffic.rolled_back &&
	    rollback_look(runtime, first, now) && (!next || next > LOOK_NS))
		next = LOOK_NS;
	if (!next) {
		seen(runtime, first);
		watch_all(runtime, first);
		/* What failed before the watch was set nobody will tell of. */
		if (counts_read(runtime, first, true).errors != t->seen_both.errors)
			next = LOOK_NS;
	}
	if (next)
		loop_arm(runtime->loop, &t->look, next);
}

static void on_look(void *arg)
{
	struct function_state *f = arg;

	look(f->runtime, f->fn);
}

void traffic_alarm(struct runtime *runtime, uint32_t fn)
{
	uint32_t first = traffic_first(runtime, fn);
	struct function_traffic *t = &runtime->functions[first].traffic;

	if (!is_judged(runtime, first))
		return;
	t->look.on_time = on_look;
	t->look.arg = &runtime->functions[first];
	if (!t->look.armed)
		windows_begin(runtime, first);
	look(runtime, first);
	/* The kernel tells of a probe before it has arrived. */
	if (t->breaker.state == BREAKER_HALF_OPEN && t->look.armed)
		loop_arm(runtime->loop, &t->look, LOOK_NS);
}

void traffic_late(struct runtime *runtime, uint32_t fn, uint32_t count)
{
	struct error_counts *beside;

	if (fn == SP_GATEWAY_FN || fn > runtime->chain->function_count)
		return;
	beside = &runtime->functions[fn].traffic.beside;
	beside->requests += count;
	beside->errors += count;
	traffic_alarm(runtime, fn);
}

void traffic_death(const struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	struct error_counts *beside = &runtime->functions[instance->fn].traffic.beside;
	uint32_t lost = 0;

	for (uint32_t i = 0; i < instance->worker_count; i++)
		lost += __atomic_load_n(&sproxy_instances(runtime->proxy)[instance->workers[i].slot]
						 .in_flight,
					__ATOMIC_RELAXED);
	/* One that dies with nothing at hand is no better than one that fails a request. */
	lost += lost == 0;
	beside->requests += lost;
	beside->errors += lost;
	beside->deaths++;
	traffic_alarm(runtime, instance->fn);
}

void traffic_instance_ready(const struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	uint32_t first = traffic_first(runtime, instance->fn);
	const struct function_traffic *t = &runtime->functions[first].traffic;

	if (!is_judged(runtime, first))
		return;
	if (!t->look.armed)
		instance_watch(instance);
	if (t->breaker.state == BREAKER_HALF_OPEN)
		gate_set(runtime, first, SP_GATE_AJAR);
	else if (t->breaker.state == BREAKER_OPEN && !t->look.armed)
		traffic_alarm(runtime, first);
}

/* ---- changes ---- */

void traffic_renew(struct runtime *runtime, uint32_t fn)
{
	struct function_traffic *own = &runtime->functions[fn].traffic;
	struct function_traffic *t = &runtime->functions[traffic_first(runtime, fn)].traffic;

	if (own->rolled_back)
		runtime->functions[fn].why[0] = '\0';
	own->rolled_back = false;
	loop_disarm(runtime->loop, &t->look);
	t->breaker.state = BREAKER_CLOSED;
}

void traffic_switch(struct runtime *runtime)
{
	traffic_split(runtime);
	for (uint32_t fn = 1; fn <= runtime->chain->declared_count; fn++) {
		struct function_traffic *t = &runtime->functions[fn].traffic;

		if (!runtime_function(runtime, fn)->traffic.breaker.on)
			t->breaker.state = BREAKER_CLOSED;
		if (t->breaker.state == BREAKER_CLOSED)
			gate_set(runtime, fn, SP_GATE_OPEN);
		if (t->look.armed)
			continue;
		seen(runtime, fn);
		if (is_judged(runtime, fn))
			watch_all(runtime, fn);
	}
}

void traffic_resume(struct runtime *runtime)
{
	for (uint32_t fn = 1; fn <= runtime->chain->declared_count; fn++) {
		struct function_traffic *t = &runtime->functions[fn].traffic;
		enum sp_gate gate = sproxy_gate_read(runtime->proxy, fn);
		struct error_counts both = counts_read(runtime, fn, true);

		if (gate != SP_GATE_OPEN && runtime_function(runtime, fn)->traffic.breaker.on)
			breaker_resume(&t->breaker,
				       gate == SP_GATE_SHUT ? BREAKER_OPEN : BREAKER_HALF_OPEN,
				       loop_now_ns(), &both);
	}
	traffic_switch(runtime);
	for (uint32_t fn = 1; fn <= runtime->chain->declared_count; fn++)
		if (runtime->functions[fn].traffic.breaker.state != BREAKER_CLOSED)
			traffic_alarm(runtime, fn);
}

void traffic_end(struct runtime *runtime)
{
	for (uint32_t fn = 0; fn < SP_FN_MAX; fn++)
		loop_disarm(runtime->loop, &runtime->functions[fn].traffic.look);
}
