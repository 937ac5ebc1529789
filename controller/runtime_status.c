// SPDX-License-Identifier: Apache-2.0
/* The state of a chain as JSON: what SIGUSR1 prints, and the `status` of the API. */
#include <string.h>

#include <jansson.h>

#include <unistd.h>

#include "controller/runtime_private.h"

uint32_t runtime_free_buffers(const struct runtime *runtime)
{
	const struct sp_owner *owners = sproxy_owners(runtime->proxy);
	uint32_t count = 0;

	for (uint32_t i = 0; i < runtime->chain->layout.buffer_count; i++)
		count += (uint32_t)__atomic_load_n(&owners[i].word, __ATOMIC_RELAXED) ==
			 SP_HOLDER_FREE;
	return count;
}

/* Which slots somebody has, dead or alive. */
static void slots_find(const struct runtime *runtime, bool ret[SP_INST_MAX])
{
	memset(ret, 0, SP_INST_MAX * sizeof(*ret));
	for (uint32_t slot = 1; slot < SP_INST_MAX; slot++) {
		const struct instance *i = &runtime->instances[slot];

		for (uint32_t n = 0; i->state != INSTANCE_NONE && n < i->worker_count; n++)
			ret[i->workers[n].slot] = true;
	}
}

static json_t *buffers_json(const struct runtime *runtime)
{
	const struct sp_owner *owners = sproxy_owners(runtime->proxy);
	uint32_t total = runtime->chain->layout.buffer_count, gateway = 0, functions = 0;
	uint32_t stray = 0; /* of the functions': nobody has the slot that holds them */
	bool known[SP_INST_MAX];

	slots_find(runtime, known);

	for (uint32_t i = 0; i < total; i++) {
		uint32_t holder = (uint32_t)__atomic_load_n(&owners[i].word, __ATOMIC_RELAXED);

		if (holder == SP_HOLDER_FREE)
			continue;
		if (holder <= runtime->options.workers) {
			gateway++;
			continue;
		}
		functions++;
		/* What is just being handed over is nobody's for a moment. */
		stray += holder != SP_HOLDER_MOVING && (holder >= SP_INST_MAX || !known[holder]);
	}
	return json_pack("{s:i, s:i, s:i, s:i, s:i}", "total", (int)total, "free",
			 (int)(total - gateway - functions), "gateway", (int)gateway, "functions",
			 (int)functions, "stray", (int)stray);
}

const char *instance_state_name(enum instance_state state)
{
	static const char *const names[] = {
#define X(id, text) #id,
		INSTANCE_STATES(X)
#undef X
	};

	return names[state];
}

const char *runtime_state_name(enum runtime_state state)
{
	static const char *const names[] = {
#define X(id, text) #id,
		RUNTIME_STATES(X)
#undef X
	};

	return names[state];
}

static const char *gateway_state_name(enum gateway_state_id state)
{
	static const char *const names[] = {
#define X(id, text) #id,
		GATEWAY_STATES(X)
#undef X
	};

	return names[state];
}

/* Adds an instance's named counts to the function's. Its page is input. */
static void counters_add(const struct instance *instance, json_t *sums)
{
	const struct shm_counters *page;
	uint32_t used;

	if (!instance->page)
		return;
	page = &instance->page->counters;
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

static json_t *instance_json(const struct instance *i)
{
	json_int_t in_flight = 0, in = 0, out = 0;
	json_t *slots = json_array();

	for (uint32_t n = 0; n < i->worker_count; n++) {
		uint32_t slot = i->workers[n].slot;
		const struct sp_instance *entry = &sproxy_instances(i->runtime->proxy)[slot];

		json_array_append_new(slots, json_integer(slot));
		in_flight += entry->in_flight;
		in += (json_int_t)entry->in;
		out += (json_int_t)entry->out;
	}
	return json_pack("{s:i, s:o, s:i, s:i, s:s, s:s, s:I, s:I, s:I, s:I}", "slot", (int)i->slot,
			 "slots", slots, "number", (int)i->number, "pid", (int)i->process.pid,
			 "state", instance_state_name(i->state), "revision",
			 i->revision ? i->revision->name : "", "in_flight", in_flight, "in", in,
			 "out", out, "age_s",
			 (json_int_t)((loop_now_ns() - i->started_ns) / 1000000000));
}

/* Which revision it is, and what becomes of its requests; where something is said of them. */
static void traffic_put(const struct runtime *runtime, uint32_t fn, json_t *json)
{
	const struct chain_traffic *traffic = &runtime->chain->functions[fn - 1].traffic;
	const struct function_traffic *f = &runtime->functions[fn].traffic;

	if (traffic->revision[0])
		json_object_set_new(json, "traffic",
				    json_pack("{s:s, s:i, s:i, s:b}", "revision", traffic->revision,
					      "percent", (int)traffic_percent(runtime, fn),
					      "declared", (int)traffic->percent, "rolledBack",
					      f->rolled_back));
	if (traffic->breaker.on)
		json_object_set_new(json, "breaker",
				    json_pack("{s:s, s:i}", "state",
					      breaker_state_name(f->breaker.state), "opened",
					      (int)f->breaker.opened));
}

static json_t *function_json(const struct runtime *runtime, uint32_t fn)
{
	json_t *json;

	const struct function_state *f = &runtime->functions[fn];
	json_t *instances = json_array(), *counters = json_object();

	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		const struct instance *i = &runtime->instances[slot];

		if (i->state == INSTANCE_NONE || i->fn != fn)
			continue;
		counters_add(i, counters);
		json_array_append_new(instances, instance_json(i));
	}
	json = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:o, s:o}", "name",
			 runtime_fn_name(runtime, fn), "number", (int)fn, "ready", (int)f->ready,
			 "desired", (int)runtime_instances_wanted(runtime, runtime->chain, fn),
			 "restarts", (int)f->restarts, "hangs", (int)f->hangs, "revision",
			 f->revision ? f->revision->name : "", "reason", f->why, "instances",
			 instances, "counters", counters);
	if (!runtime->options.inlined)
		json_object_set_new(json, "limits",
				    limits_json(&runtime->chain->functions[fn - 1]));
	traffic_put(runtime, fn, json);
	return json;
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

static json_t *gateway_json(const struct runtime *runtime)
{
	json_t *gateway = json_pack("{s:i, s:s, s:i}", "pid", (int)runtime->gateway.process.pid,
				    "state", gateway_state_name(runtime->gateway.state), "restarts",
				    (int)runtime->gateway.restarts);
	struct wiring_stats stats;

	runtime_gateway_stats(runtime, &stats);
#define X(field, text) json_object_set_new(gateway, #field, json_integer((json_int_t)stats.field));
	WIRING_STATS_FIELDS(X)
#undef X
	return gateway;
}

static json_t *isolation_json(const struct runtime *runtime)
{
	return json_pack("{s:I, s:s}", "user",
			 runtime->user_fd >= 0 ? (json_int_t)runtime->user : (json_int_t)geteuid(),
			 "lacks", runtime->sandbox ? sandbox_lacks(runtime->sandbox) : "");
}

json_t *runtime_json(const struct runtime *runtime)
{
	json_t *functions = json_array();

	if (!runtime->proxy) /* it does not get that far */
		return json_pack("{s:s, s:o}", "chain", runtime->chain->name, "functions",
				 functions);
	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++)
		json_array_append_new(functions, function_json(runtime, fn));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "chain", runtime->chain->name,
			 "address", runtime->address, "buffers", buffers_json(runtime), "functions",
			 functions, "gateway", gateway_json(runtime), "kernel",
			 kernel_json(runtime), "isolation", isolation_json(runtime));
}
