// SPDX-License-Identifier: Apache-2.0
#include "controller/runtime_stats.h"

#include <stdio.h>
#include <string.h>

#include "controller/runtime_private.h"

const char *runtime_stats_holder_name(enum runtime_stats_holder holder)
{
	static const char *const names[] = {
#define X(id, name) name,
		RUNTIME_STATS_HOLDERS(X)
#undef X
	};

	return names[holder];
}

static struct procstat read_process(int pid)
{
	struct procstat stat = { .cpu_ns = 0 };

	if (pid > 0)
		procstat_read(pid, &stat);
	return stat;
}

static enum runtime_stats_holder holder_of(const struct sp_owner *owner, uint32_t workers,
					   uint32_t held[SP_INST_MAX])
{
	uint32_t holder = (uint32_t)__atomic_load_n(&owner->word, __ATOMIC_RELAXED);

	if (holder == SP_HOLDER_FREE)
		return RUNTIME_STATS_FREE;
	if (holder < SP_INST_MAX)
		held[holder]++;
	if (holder <= workers)
		return RUNTIME_STATS_GATEWAY;
	return owner->leased ? RUNTIME_STATS_LEASED : RUNTIME_STATS_FUNCTION;
}

static void read_buffers(const struct runtime *runtime, struct runtime_stats *ret,
			 uint32_t held[SP_INST_MAX])
{
	const struct shm_layout *layout = &runtime->chain->layout;
	const struct sp_owner *owners = sproxy_owners(runtime->proxy);
	uint32_t workers = runtime->options.workers;

	ret->class_count = layout->class_count;
	for (uint32_t c = 0; c < layout->class_count; c++) {
		const struct shm_class *class = &layout->classes[c];

		ret->classes[c] = (struct class_stats){ .size = class->size };
		for (uint32_t i = class->first; i < class->first + class->count; i++)
			ret->classes[c].buffers[holder_of(&owners[i], workers, held)]++;
	}
}

static void add_edge(const struct chain *chain, uint32_t fn, uint32_t edge, uint32_t to_fn,
		     uint64_t count, struct function_stats *f)
{
	struct edge_stats *e = &f->edges[f->edge_count++];

	runtime_stats_edge_name(chain, fn, edge, e->name);
	e->kind = runtime_stats_edge_kind(chain, fn, edge);
	e->to_fn = to_fn;
	e->count = count;
}

static void read_edges(const struct runtime *runtime, uint32_t fn, struct function_stats *f)
{
	const struct chain *chain = runtime->chain;
	const struct chain_function *own = fn ? &chain->functions[fn - 1] : NULL;
	uint64_t counts[SP_EDGE_MAX + 1] = { 0 };

	f->edge_count = 0;
	sproxy_edge_counts(runtime->proxy, fn, counts);
	/* The gateway's edge to function n is n; it needs one to each for second tries. */
	for (uint32_t to = 1; !own && to <= chain->function_count; to++)
		if (counts[to] || runtime_stats_is_ingress(chain, to))
			add_edge(chain, fn, to, to, counts[to], f);
	for (uint32_t edge = 0; own && edge < own->target_count; edge++)
		if (own->targets[edge].kind != SP_ROUTE_NONE)
			add_edge(chain, fn, edge, own->targets[edge].fn, counts[edge], f);
	if (own && counts[SP_EDGE_MAX])
		add_edge(chain, fn, SP_EDGE_REPLY, SP_GATEWAY_FN, counts[SP_EDGE_MAX], f);
}

static void read_traffic(const struct runtime *runtime, uint32_t fn, struct function_stats *f)
{
	const struct chain_function *function = &runtime->chain->functions[fn - 1];
	const struct function_traffic *traffic = &runtime->functions[fn].traffic;

	f->name = function->label;
	f->plain = function->name;
	f->revision = function->traffic.revision;
	f->percent = traffic_percent(runtime, fn);
	f->rolled_back = traffic->rolled_back;
	f->opened = traffic->breaker.opened;
	f->breaker = (uint32_t)traffic->breaker.state;
}

static void read_function(const struct runtime *runtime, uint32_t fn, struct function_stats *f)
{
	const struct function_state *state = &runtime->functions[fn];

	memset(&f->kernel, 0, sizeof(f->kernel));
	sproxy_function_stats(runtime->proxy, fn, &f->kernel);
	f->name = f->plain = "gateway";
	f->revision = "";
	f->rolled_back = false;
	f->breaker = f->opened = 0;
	f->percent = 100;
	if (fn != SP_GATEWAY_FN)
		read_traffic(runtime, fn, f);
	f->ready = state->ready;
	f->desired = fn == SP_GATEWAY_FN ? runtime->options.workers :
					   runtime_instances_wanted(runtime, runtime->chain, fn);
	f->restarts = state->restarts;
	f->hangs = state->hangs;
	f->starts = state->starts;
	f->start_ns = state->starts_ns;
	read_edges(runtime, fn, f);
}

static void add_worker(const struct runtime *runtime, uint32_t slot, struct instance_stats *ret)
{
	const struct sp_instance *kernel = &sproxy_instances(runtime->proxy)[slot];

	ret->in_flight += __atomic_load_n(&kernel->in_flight, __ATOMIC_RELAXED);
	ret->in += __atomic_load_n(&kernel->in, __ATOMIC_RELAXED);
	ret->out += __atomic_load_n(&kernel->out, __ATOMIC_RELAXED);
}

static void read_instance(const struct runtime *runtime, uint32_t slot,
			  const uint32_t held[SP_INST_MAX], struct runtime_stats *ret)
{
	const struct instance *instance = &runtime->instances[slot];
	struct instance_stats *stats = &ret->instances[ret->instance_count];

	if (instance->state == INSTANCE_NONE || !instance->fn)
		return;
	*stats = (struct instance_stats){
		.slot = slot,
		.fn = instance->fn,
		.number = instance->number,
		.pid = instance->process.pid,
		.state = instance_state_name(instance->state),
		.age_ns = loop_now_ns() - instance->started_ns,
		.process = read_process(instance->process.pid),
	};
	for (uint32_t i = 0; i < instance->worker_count; i++) {
		add_worker(runtime, instance->workers[i].slot, stats);
		stats->buffers += held[instance->workers[i].slot];
	}
	ret->instance_count++;
}

void runtime_stats_read(const struct runtime *runtime, struct runtime_stats *ret)
{
	uint32_t held[SP_INST_MAX] = { 0 };

	ret->chain = runtime->chain->name;
	ret->state = runtime_state_name(runtime->state);
	runtime_gateway_stats(runtime, &ret->gateway);
	ret->gateway_pid = runtime->gateway.process.pid;
	ret->gateway_restarts = runtime->gateway.restarts;
	ret->gateway_process = read_process(ret->gateway_pid);
	memset(ret->kernel, 0, sizeof(ret->kernel));
	sproxy_counters(runtime->proxy, ret->kernel);
	/* Of these the kernel knows nothing. */
	ret->kernel[SP_COUNT_VIOLATION + SP_VIOLATION_BYPASS] += runtime->bypasses;
	read_buffers(runtime, ret, held);
	ret->function_count = runtime->chain->function_count + 1;
	for (uint32_t fn = 0; fn < ret->function_count; fn++)
		read_function(runtime, fn, &ret->functions[fn]);
	ret->instance_count = 0;
	for (uint32_t slot = 1; slot < SP_INST_MAX; slot++)
		read_instance(runtime, slot, held, ret);
}
