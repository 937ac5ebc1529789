// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_watch.c - instances that serve nobody any more, and keep what they were given.
 *
 * How: while requests come the gateway says so now and then, and then the instances are looked
 * at, until nobody holds anything; an idle chain costs nothing. One that holds a request for
 * longer than its function may, and has handed on none meanwhile, loops, waits for ever or was
 * stopped: it is killed and replaced, and its buffers come back. Not while the chain is debugged,
 * nor one that a debugger has found by itself.
 */
#include <stdio.h>
#include <string.h>

#include "controller/runtime_private.h"

#define LOOK_NS 50000000ULL /* between two looks */

/* Is it old enough to look closer? Cheap: most never are. */
static bool suspect(const struct runtime *runtime, const struct instance *i, uint64_t now)
{
	uint64_t limit;

	if ((i->state != INSTANCE_READY && i->state != INSTANCE_DRAINING) || i->debugged || i->hung)
		return false;
	limit = runtime_function(runtime, i->fn)->hang_ns;
	if (limit == UINT64_MAX)
		return false;
	for (uint32_t n = 0; n < i->worker_count; n++) {
		const struct sp_instance *s = &sproxy_instances(runtime->proxy)[i->workers[n].slot];
		uint64_t last = __atomic_load_n(&s->last_out_ns, __ATOMIC_RELAXED);

		if (__atomic_load_n(&s->in_flight, __ATOMIC_RELAXED) > 0 && now > last &&
		    now - last > limit)
			return true;
	}
	return false;
}

/* When each slot got the eldest of what it holds; 0: nothing. */
static void eldest_find(const struct runtime *runtime, uint64_t ret[SP_INST_MAX])
{
	const struct sp_owner *owners = sproxy_owners(runtime->proxy);

	memset(ret, 0, SP_INST_MAX * sizeof(*ret));
	for (uint32_t b = 0; b < runtime->chain->layout.buffer_count; b++) {
		uint32_t holder = (uint32_t)__atomic_load_n(&owners[b].word, __ATOMIC_RELAXED);
		uint64_t arrived = owners[b].arrived_ns;

		if (holder < SP_INST_MAX && owners[b].leased != SP_LEASE_STOCK && arrived &&
		    (!ret[holder] || arrived < ret[holder]))
			ret[holder] = arrived;
	}
}

/* Somebody follows each of its steps. */
static bool traced(const struct instance *instance)
{
	char path[64], line[128];
	int tracer = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)instance->process.pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (file)
		fclose(file);
	return tracer > 0;
}

static void hung_kill(struct instance *instance, uint64_t held_ns)
{
	struct runtime *runtime = instance->runtime;

	instance->hung = true;
	runtime->functions[instance->fn].hangs++;
	runtime_warn(runtime, "Hangs",
		     "%s (slot %u) holds a request for %.1f s and has handed on none meanwhile; "
		     "killed",
		     runtime_fn_name(runtime, instance->fn), instance->slot, (double)held_ns / 1e9);
	slots_disable(instance);
	instance_kill(instance);
}

static void judge(struct instance *i, const uint64_t eldest[SP_INST_MAX], uint64_t now)
{
	struct runtime *runtime = i->runtime;
	uint64_t limit = runtime_function(runtime, i->fn)->hang_ns;

	for (uint32_t n = 0; n < i->worker_count; n++) {
		uint32_t slot = i->workers[n].slot;
		uint64_t last = sproxy_instances(runtime->proxy)[slot].last_out_ns;
		uint64_t since = eldest[slot] > last ? eldest[slot] : last;

		if (eldest[slot] && now > since && now - since > limit && !traced(i)) {
			hung_kill(i, now - eldest[slot]);
			return;
		}
	}
}

/* Does anybody hold a request? */
static bool busy(const struct runtime *runtime, const struct instance *i)
{
	uint32_t sum = 0;

	if (i->process.pid <= 0 || i->state == INSTANCE_NONE)
		return false;
	for (uint32_t n = 0; n < i->worker_count; n++)
		sum |= __atomic_load_n(&sproxy_instances(runtime->proxy)[i->workers[n].slot]
						.in_flight,
				       __ATOMIC_RELAXED);
	return sum > 0;
}

static void look(void *arg)
{
	struct runtime *runtime = arg;
	bool again = runtime->watch_again, closer = false, debugged = debug_goes_on(runtime);
	uint64_t eldest[SP_INST_MAX], now = loop_now_ns();

	runtime->watch_again = false;
	if (!runtime->proxy || runtime->state >= RUNTIME_STOPPING)
		return;
	for (uint32_t slot = 1; slot < SP_INST_MAX; slot++) {
		struct instance *i = &runtime->instances[slot];

		if (!busy(runtime, i))
			continue;
		again = true;
		instance_cgroup_look(i);
		closer |= !debugged && suspect(runtime, i, now);
	}
	if (closer)
		eldest_find(runtime, eldest);
	for (uint32_t slot = 1; closer && slot < SP_INST_MAX; slot++)
		if (suspect(runtime, &runtime->instances[slot], now))
			judge(&runtime->instances[slot], eldest, now);
	if (again)
		loop_arm(runtime->loop, &runtime->watch, LOOK_NS);
}

void watch_go_on(struct runtime *runtime)
{
	runtime->watch_again = true;
	if (runtime->watch.armed || runtime->options.inlined)
		return;
	runtime->watch.on_time = look;
	runtime->watch.arg = runtime;
	loop_arm(runtime->loop, &runtime->watch, LOOK_NS);
}
