// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_traffic.c - who gets a function's requests: the split between two revisions, and its
 * end when the second one is rolled back.
 */
#include <stdio.h>
#include <string.h>

#include "controller/runtime_private.h"

uint32_t traffic_first(const struct runtime *runtime, uint32_t fn)
{
	uint32_t first = fn ? runtime_function(runtime, fn)->traffic.first : 0;

	return first ? first : fn;
}

uint32_t traffic_ready(const struct runtime *runtime, uint32_t fn)
{
	uint32_t first = traffic_first(runtime, fn);
	uint32_t second = runtime_function(runtime, first)->traffic.second;

	return runtime->functions[first].ready + (second ? runtime->functions[second].ready : 0);
}

uint32_t traffic_percent(const struct runtime *runtime, uint32_t fn)
{
	const struct chain_traffic *traffic = &runtime_function(runtime, fn)->traffic;
	uint32_t second = traffic->first ? fn : traffic->second;

	if (!second)
		return 100;
	if (runtime->functions[second].traffic.rolled_back)
		return traffic->first ? 0 : 100;
	return traffic->percent;
}

void traffic_split(struct runtime *runtime)
{
	for (uint32_t fn = 1; fn <= runtime->chain->declared_count; fn++) {
		uint32_t second = runtime_function(runtime, fn)->traffic.second;
		uint64_t percent = second ? traffic_percent(runtime, second) : 0;

		sproxy_split(runtime->proxy, fn, second, (uint32_t)(SP_SPLIT_ALL * percent / 100));
	}
}

/* ---- roll-back ---- */

uint32_t runtime_instances_wanted(const struct runtime *runtime, const struct chain *chain,
				  uint32_t fn)
{
	uint32_t count = runtime->options.inlined ? 1 : chain->functions[fn - 1].instances;

	if (chain == runtime->chain && runtime->functions[fn].traffic.rolled_back)
		return 0;
	return count ? count : runtime->options.workers;
}

uint64_t runtime_rolled_back(const struct runtime *runtime)
{
	uint64_t mask = 0;

	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++)
		mask |= (uint64_t)runtime->functions[fn].traffic.rolled_back << fn;
	return mask;
}

void traffic_rolled_back(struct runtime *runtime, uint64_t mask)
{
	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++) {
		struct function_state *f = &runtime->functions[fn];

		f->traffic.rolled_back =
			mask >> fn & 1 && runtime_function(runtime, fn)->traffic.first;
		if (f->traffic.rolled_back)
			snprintf(f->why, sizeof(f->why),
				 "was rolled back; the next apply tries it again");
	}
}

void traffic_roll_back(struct runtime *runtime, uint32_t second, const char *why)
{
	struct function_state *f = &runtime->functions[second];

	f->traffic.rolled_back = true;
	snprintf(f->why, sizeof(f->why), "was rolled back: %s", why);
	memset(f->missing, 0, sizeof(f->missing));
	loop_disarm(runtime->loop, &f->backoff);
	traffic_split(runtime);
	runtime_warn(runtime, "RolledBack", "%s gets no more requests: %s",
		     runtime_fn_name(runtime, second), why);
	/* Threads of one process go together, or not at all. */
	for (uint32_t slot = 0; slot < SP_INST_MAX && !runtime->options.inlined; slot++)
		if (runtime->instances[slot].fn == second && !runtime->instances[slot].next &&
		    runtime->instances[slot].process.pid > 0)
			instance_conform(&runtime->instances[slot]);
	if (runtime->options.fdstore)
		keep_chain(runtime);
	runtime_changed(runtime);
}
