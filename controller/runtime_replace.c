// SPDX-License-Identifier: Apache-2.0
/* An instance in the place of one that died. */
#include "controller/runtime_private.h"

uint64_t runtime_backoff(uint32_t deaths)
{
	uint32_t doublings = deaths > 11 ? 10 : deaths - 1;
	uint64_t delay;

	if (deaths == 0)
		return 0;
	delay = RUNTIME_BACKOFF_FIRST_NS << doublings;
	return delay > RUNTIME_BACKOFF_MAX_NS ? RUNTIME_BACKOFF_MAX_NS : delay;
}

/* What dies as it starts is started later and later. What served for a while before, and was
 * killed then, is missed by requests that wait: its deaths do not add up, however many. */
uint32_t runtime_deaths_left(uint32_t deaths, uint64_t lived_ns)
{
	uint64_t forgiven = lived_ns / RUNTIME_FORGIVE_NS;

	return forgiven >= deaths ? 0 : deaths - (uint32_t)forgiven;
}

static void replacements_start(void *arg)
{
	struct function_state *f = arg;
	struct runtime *runtime = f->runtime;
	int r;

	/* Armed before the order to stop: whom it started nobody would stop any more. */
	if (runtime->state >= RUNTIME_STOPPING)
		return;
	r = runtime_sandbox(runtime, runtime->chain);
	for (uint32_t number = 0; number < SP_FN_INST_MAX; number++) {
		if (!f->missing[number])
			continue;
		if (r == 0)
			r = instance_start(runtime, runtime->chain, f->fn, number, f->revision,
					   NULL);
		if (r < 0) {
			loop_arm(runtime->loop, &f->backoff, RUNTIME_BACKOFF_MAX_NS);
			return;
		}
		f->missing[number] = false;
	}
}

/* A replacement at once for the first death, later and later for those that follow. */
void instance_replace(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	struct function_state *f = &runtime->functions[instance->fn];
	uint64_t delay;

	if (f->traffic.rolled_back)
		return;
	f->deaths = runtime_deaths_left(f->deaths, loop_now_ns() - instance->started_ns);
	delay = runtime_backoff(f->deaths++);
	f->restarts++;
	f->missing[instance->number] = true;
	f->backoff.on_time = replacements_start;
	f->backoff.arg = f;
	if (delay == 0)
		replacements_start(f);
	else if (!f->backoff.armed)
		loop_arm(runtime->loop, &f->backoff, delay);
	if (f->deaths > 2)
		runtime_warn(runtime, "BackOff", "%s keeps dying; started again in %.2f s",
			     runtime_fn_name(runtime, instance->fn), (double)delay / 1e9);
}
