// SPDX-License-Identifier: Apache-2.0
/* The state of a running chain as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "controller/runtime.h"

uint32_t status_free_buffers(const struct runtime *runtime)
{
	const struct sp_owner *owners = sproxy_owners(runtime->proxy);
	uint32_t count = 0;

	for (uint32_t i = 0; i < runtime->chain->layout.buffer_count; i++)
		count += (uint32_t)__atomic_load_n(&owners[i].word, __ATOMIC_RELAXED) ==
			 SP_HOLDER_FREE;
	return count;
}

static json_t *buffers_json(const struct runtime *runtime)
{
	const struct sp_owner *owners = sproxy_owners(runtime->proxy);
	uint32_t total = runtime->chain->layout.buffer_count, gateway = 0, functions = 0;

	for (uint32_t i = 0; i < total; i++) {
		uint32_t holder = (uint32_t)__atomic_load_n(&owners[i].word, __ATOMIC_RELAXED);

		if (holder == SP_HOLDER_FREE)
			continue;
		if (holder <= runtime->options.workers)
			gateway++;
		else
			functions++;
	}
	return json_pack("{s:i, s:i, s:i, s:i}", "total", (int)total, "free",
			 (int)(total - gateway - functions), "gateway", (int)gateway, "functions",
			 (int)functions);
}

static const char *state_name(enum instance_state state)
{
	static const char *const names[] = {
#define X(id, text) #id,
		INSTANCE_STATES(X)
#undef X
	};

	return names[state];
}

/* Adds an instance's named counts to the function's. Its page is input. */
static void counters_add(const struct instance *instance, json_t *sums)
{
	const struct shm_counters *page = instance->counters;
	uint32_t used;

	if (!page)
		return;
	used = __atomic_load_n(&page->used, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < used && i < SHM_COUNTER_MAX; i++) {
		char name[SHM_COUNTER_NAME_MAX];
		uint64_t value = __atomic_load_n(&page->counters[i].value, __ATOMIC_RELAXED);

		memcpy(name, page->counters[i].name, sizeof(name));
		name[sizeof(name) - 1] = '\0';
		value += (uint64_t)json_integer_value(json_object_get(sums, name));
		json_object_set_new(sums, name, json_integer((json_int_t)value));
	}
}

static json_t *function_json(const struct runtime *runtime, uint32_t fn)
{
	const struct sp_instance *table = sproxy_instances(runtime->proxy);
	json_t *instances = json_array(), *counters = json_object();

	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		const struct instance *i = &runtime->instances[slot];

		if (i->state == INSTANCE_NONE || i->fn != fn)
			continue;
		counters_add(i, counters);
		json_array_append_new(instances, json_pack("{s:i, s:i, s:s, s:i, s:I, s:I}", "slot",
							   (int)slot, "pid", (int)i->process.pid,
							   "state", state_name(i->state),
							   "in_flight", (int)table[slot].in_flight,
							   "in", (json_int_t)table[slot].in, "out",
							   (json_int_t)table[slot].out));
	}
	return json_pack("{s:s, s:i, s:i, s:o, s:o}", "name", runtime_fn_name(runtime, fn),
			 "number", (int)fn, "restarts", (int)runtime->functions[fn].restarts,
			 "instances", instances, "counters", counters);
}

static json_t *kernel_json(const struct runtime *runtime)
{
	json_t *violations = json_object();
	uint64_t counters[SP_COUNT_MAX] = { 0 };

	sproxy_counters(runtime->proxy, counters);
	counters[SP_COUNT_VIOLATION + SP_VIOLATION_BYPASS] = runtime->bypasses;
	for (uint32_t i = 0; i < SP_VIOLATION_COUNT; i++)
		json_object_set_new(violations, sproxy_violation_name(i),
				    json_integer((json_int_t)counters[SP_COUNT_VIOLATION + i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "descriptors",
			 (json_int_t)counters[SP_COUNT_DESCRIPTORS], "batches",
			 (json_int_t)counters[SP_COUNT_BATCHES], "undeliverable",
			 (json_int_t)counters[SP_COUNT_UNDELIVERABLE], "remote",
			 (json_int_t)counters[SP_COUNT_REMOTE], "violations", violations);
}

static struct wiring_stats stats_sum(const struct wiring_gateway_stats *stats)
{
	struct wiring_stats sum = { 0 };

	for (uint32_t i = 0; stats && i < WIRING_WORKER_MAX; i++) {
#define X(field, text) sum.field += __atomic_load_n(&stats->worker[i].field, __ATOMIC_RELAXED);
		WIRING_STATS_FIELDS(X)
#undef X
	}
	return sum;
}

static json_t *gateway_json(const struct runtime *runtime)
{
	json_t *gateway = json_pack("{s:i}", "pid", (int)runtime->gateway.process.pid);
	struct wiring_stats sum = stats_sum(runtime->gateway.stats);

#define X(field, text) json_object_set_new(gateway, #field, json_integer((json_int_t)sum.field));
	WIRING_STATS_FIELDS(X)
#undef X
	return gateway;
}

void runtime_status(const struct runtime *runtime)
{
	json_t *functions = json_array(), *status;
	char *text;

	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++)
		json_array_append_new(functions, function_json(runtime, fn));
	status = json_pack("{s:s, s:o, s:o, s:o, s:o}", "chain", runtime->chain->name, "buffers",
			   buffers_json(runtime), "functions", functions, "gateway",
			   gateway_json(runtime), "kernel", kernel_json(runtime));
	text = json_dumps(status, JSON_COMPACT);
	fprintf(stderr, "status: %s\n", text ? text : "{}");
	free(text);
	json_decref(status);
}
