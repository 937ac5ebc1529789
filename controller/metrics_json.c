// SPDX-License-Identifier: Apache-2.0
/* The numbers as JSON, for `sprocket top` and `sprocket graph`. */
#include "controller/metrics.h"
#include "sproxy/sproxy.h"

#define NS_PER_S 1e9

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* The last bucket has no bound: the highest integer stands for it. */
static json_int_t upper_bound(unsigned bucket)
{
	uint64_t upper = sp_histogram_upper_us(bucket);

	return upper > INT64_MAX ? INT64_MAX : (json_int_t)upper;
}

static json_t *histogram_json(const struct sp_histogram *histogram)
{
	json_t *buckets = json_array();

	for (unsigned b = 0; b < SP_HIST_BUCKETS; b++)
		if (histogram->count[b])
			json_array_append_new(buckets, json_pack("[I, I]", upper_bound(b),
								 (json_int_t)histogram->count[b]));
	return json_pack("{s:I, s:o}", "sum_us", (json_int_t)histogram->sum_us, "buckets", buckets);
}

static void set_kernel(json_t *json, const struct sp_function_stats *kernel)
{
	json_object_set_new(json, "in", integer(kernel->in));
	json_object_set_new(json, "out", integer(kernel->out));
	json_object_set_new(json, "failed", integer(kernel->failed));
	json_object_set_new(json, "dropped", integer(kernel->dropped));
	json_object_set_new(json, "undeliverable", integer(kernel->undeliverable));
	json_object_set_new(json, "wait", histogram_json(&kernel->wait));
	json_object_set_new(json, "run", histogram_json(&kernel->run));
}

static void set_process(json_t *json, int pid, const struct procstat *process)
{
	json_object_set_new(json, "pid", json_integer(pid));
	json_object_set_new(json, "cpu_s", json_real((double)process->cpu_ns / NS_PER_S));
	json_object_set_new(json, "rss_bytes", integer(process->rss_bytes));
}

static json_t *instance_json(const struct instance_stats *i)
{
	json_t *json = json_pack("{s:I, s:I, s:s, s:I, s:I, s:I, s:f}", "slot", (json_int_t)i->slot,
				 "number", (json_int_t)i->number, "state", i->state, "in_flight",
				 (json_int_t)i->in_flight, "in", (json_int_t)i->in, "out",
				 (json_int_t)i->out, "age_s", (double)i->age_ns / NS_PER_S);

	json_object_set_new(json, "buffers", integer(i->buffers));
	set_process(json, i->pid, &i->process);
	return json;
}

static json_t *instances_json(const struct runtime_stats *s, uint32_t fn)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->instance_count; i++)
		if (s->instances[i].fn == fn)
			json_array_append_new(list, instance_json(&s->instances[i]));
	return list;
}

static json_t *function_json(const struct runtime_stats *s, uint32_t fn)
{
	const struct function_stats *f = &s->functions[fn];
	json_t *json =
		json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:o}", "name", f->name, "ready",
			  (json_int_t)f->ready, "desired", (json_int_t)f->desired, "restarts",
			  (json_int_t)f->restarts, "starts", (json_int_t)f->starts, "start_s",
			  (double)f->start_ns / NS_PER_S, "instances", instances_json(s, fn));

	set_kernel(json, &f->kernel);
	return json;
}

static json_t *gateway_json(const struct runtime_stats *s)
{
	json_t *json = json_pack("{s:I}", "restarts", (json_int_t)s->gateway_restarts);

#define X(field, text) json_object_set_new(json, #field, integer(s->gateway.field));
	WIRING_STATS_FIELDS(X)
#undef X
	set_process(json, s->gateway_pid, &s->gateway_process);
	set_kernel(json, &s->functions[SP_GATEWAY_FN].kernel);
	return json;
}

static json_t *buffers_json(const struct runtime_stats *s)
{
	json_t *list = json_array();

	for (uint32_t c = 0; c < s->class_count; c++) {
		json_t *class = json_pack("{s:I}", "class_bytes", (json_int_t)s->classes[c].size);

		for (unsigned h = 0; h < RUNTIME_STATS_HOLDER_COUNT; h++)
			json_object_set_new(class, runtime_stats_holder_name(h),
					    integer(s->classes[c].buffers[h]));
		json_array_append_new(list, class);
	}
	return list;
}

static json_t *kernel_json(const struct runtime_stats *s)
{
	json_t *violations = json_object();

	for (unsigned v = 0; v < SP_VIOLATION_COUNT; v++)
		json_object_set_new(violations, sproxy_violation_name(v),
				    integer(s->kernel[SP_COUNT_VIOLATION + v]));
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "descriptors",
			 (json_int_t)s->kernel[SP_COUNT_DESCRIPTORS], "batches",
			 (json_int_t)s->kernel[SP_COUNT_BATCHES], "undeliverable",
			 (json_int_t)s->kernel[SP_COUNT_UNDELIVERABLE], "remote",
			 (json_int_t)s->kernel[SP_COUNT_REMOTE], "violations", violations);
}

static json_t *functions_json(const struct runtime_stats *s)
{
	json_t *list = json_array();

	for (uint32_t fn = 1; fn < s->function_count; fn++)
		json_array_append_new(list, function_json(s, fn));
	return list;
}

static json_t *edge_json(const struct runtime_stats *s, const struct function_stats *from,
			 const struct edge_stats *edge)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I}", "from", from->name, "to",
			 edge_to_name(s, edge), "edge", edge->name, "kind",
			 edge_kind_name(edge->kind), "count", (json_int_t)edge->count);
}

static json_t *edges_json(const struct runtime_stats *s)
{
	json_t *list = json_array();

	for (uint32_t fn = 0; fn < s->function_count; fn++) {
		const struct function_stats *f = &s->functions[fn];

		for (uint32_t e = 0; e < f->edge_count; e++)
			json_array_append_new(list, edge_json(s, f, &f->edges[e]));
	}
	return list;
}

static json_t *chain_json(const struct runtime_stats *s)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", s->chain, "state", s->state,
			 "gateway", gateway_json(s), "buffers", buffers_json(s), "kernel",
			 kernel_json(s), "functions", functions_json(s), "edges", edges_json(s));
}

json_t *metrics_snapshot_json(const struct metrics_snapshot *snapshot)
{
	json_t *daemon = json_object(), *chains = json_array();

	set_process(daemon, snapshot->daemon.pid, &snapshot->daemon.process);
	for (size_t i = 0; i < snapshot->chain_count; i++)
		json_array_append_new(chains, chain_json(snapshot->chains[i]));
	return json_pack("{s:I, s:o, s:o}", "time_ns", (json_int_t)snapshot->at_ns, "daemon",
			 daemon, "chains", chains);
}

json_t *metrics_graph_json(const struct runtime_stats *stats, uint64_t at_ns)
{
	json_t *gateway = gateway_json(stats), *functions = functions_json(stats);

	json_object_set_new(gateway, "name", json_string(stats->functions[SP_GATEWAY_FN].name));
	json_array_insert_new(functions, 0, gateway);
	return json_pack("{s:I, s:s, s:o, s:o}", "time_ns", (json_int_t)at_ns, "name", stats->chain,
			 "functions", functions, "edges", edges_json(stats));
}
