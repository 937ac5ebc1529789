// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_debug.c - an instance under a debugger.
 *
 * How: one more instance, which stops itself before its program begins, so that the debugger
 * sees all of it. When it is ready it alone gets its function's requests, and the gateway
 * lets no deadline pass; when it is gone the others get them again.
 */
#include <errno.h>

#include "controller/runtime_private.h"

bool debug_goes_on(const struct runtime *runtime)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].debugged)
			return true;
	return runtime->host.debugged;
}

bool debug_holds(const struct runtime *runtime, uint32_t fn)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		const struct instance *i = &runtime->instances[slot];

		if (i->debugged && i->fn == fn && i->state == INSTANCE_READY)
			return true;
	}
	return false;
}

/* The debugger's instance alone gets what its function is sent. */
void debug_begin(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	struct wiring_msg freeze = { .type = WIRING_FREEZE, .count = 1 };

	gateway_send(runtime, &freeze);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		struct instance *other = &runtime->instances[slot];

		if (other != instance && other->state == INSTANCE_READY &&
		    other->fn == instance->fn)
			slots_disable(other);
	}
}

void debug_end(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	const struct chain_function *f = &runtime->chain->functions[instance->fn - 1];
	struct wiring_msg thaw = { .type = WIRING_FREEZE, .count = 0 };

	instance->debugged = false;
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		struct instance *other = &runtime->instances[slot];

		if (other->state == INSTANCE_READY && other->fn == instance->fn)
			slots_enable(other, f->concurrency);
	}
	gateway_send(runtime, &thaw);
	runtime_event(runtime, "Normal", "DebugEnded", "the debugged instance of %s is gone",
		      f->name);
}

int runtime_debug(struct runtime *runtime, uint32_t fn, pid_t *ret_pid, uint32_t *ret_slot)
{
	struct instance *instance;
	int r;

	if (runtime->state != RUNTIME_SERVING)
		return -EAGAIN;
	if (debug_goes_on(runtime))
		return -EBUSY;
	r = runtime_sandbox(runtime, runtime->chain);
	if (r == 0)
		r = instance_start(runtime, runtime->chain, fn, 0, runtime->functions[fn].revision,
				   &instance);
	if (r < 0)
		return r;
	*ret_pid = instance->process.pid;
	*ret_slot = instance->slot;
	return 0;
}
