// SPDX-License-Identifier: Apache-2.0
/* The numbers as Prometheus text: a table of families, each with what writes one chain's. */
#include "controller/metrics.h"

#include <errno.h>

#include "controller/metrics_text.h"
#include "sproxy/sproxy.h"

#define SLOT_TEXT_MAX 16

typedef void chain_writer(FILE *out, const char *name, const struct runtime_stats *s);

/* A number of the chain as a whole. */
#define CHAIN_COUNT(writer, value)                                                     \
	static void writer(FILE *out, const char *name, const struct runtime_stats *s) \
	{                                                                              \
		metrics_text_count(out, name, value, "chain", s->chain, NULL);         \
	}
CHAIN_COUNT(write_requests, s->gateway.requests)
CHAIN_COUNT(write_answered, s->gateway.answered)
CHAIN_COUNT(write_held, s->gateway.held)
CHAIN_COUNT(write_retried, s->gateway.retried)
CHAIN_COUNT(write_shed_inside, s->gateway.shed_inside)
CHAIN_COUNT(write_queued, s->gateway.queued)
CHAIN_COUNT(write_in_flight, s->gateway.in_flight)
CHAIN_COUNT(write_connections, s->gateway.connections)
CHAIN_COUNT(write_descriptors, s->kernel[SP_COUNT_DESCRIPTORS])
CHAIN_COUNT(write_batches, s->kernel[SP_COUNT_BATCHES])
CHAIN_COUNT(write_remote, s->kernel[SP_COUNT_REMOTE])
CHAIN_COUNT(write_gateway_rss, s->gateway_process.rss_bytes)
CHAIN_COUNT(write_gateway_restarts, s->gateway_restarts)

/* A revision is told from the other one where there are two. */
#define REVISION_LABEL(f) (f)->revision[0] ? "revision" : NULL, (f)->revision, NULL
#define FUNCTION_LABELS(s, f) "chain", (s)->chain, "function", (f)->plain, REVISION_LABEL(f)

/* A number of each function. */
#define FUNCTION_COUNT(writer, value)                                                  \
	static void writer(FILE *out, const char *name, const struct runtime_stats *s) \
	{                                                                              \
		for (uint32_t fn = 1; fn < s->function_count; fn++) {                  \
			const struct function_stats *f = &s->functions[fn];            \
                                                                                       \
			metrics_text_count(out, name, value, FUNCTION_LABELS(s, f));   \
		}                                                                      \
	}
FUNCTION_COUNT(write_received, f->kernel.in)
FUNCTION_COUNT(write_sent, f->kernel.out)
FUNCTION_COUNT(write_failed, f->kernel.failed)
FUNCTION_COUNT(write_dropped, f->kernel.dropped)
FUNCTION_COUNT(write_undeliverable, f->kernel.undeliverable)
FUNCTION_COUNT(write_ready, f->ready)
FUNCTION_COUNT(write_desired, f->desired)
FUNCTION_COUNT(write_restarts, f->restarts)
FUNCTION_COUNT(write_hangs, f->hangs)
FUNCTION_COUNT(write_rolled_back, f->rolled_back)
FUNCTION_COUNT(write_breaker, f->breaker)
FUNCTION_COUNT(write_opened, f->opened)

/* A number of each instance; its slot tells it from those that come and go beside it. */
#define INSTANCE_NUMBER(writer, write, value)                                          \
	static void writer(FILE *out, const char *name, const struct runtime_stats *s) \
	{                                                                              \
		for (uint32_t n = 0; n < s->instance_count; n++) {                     \
			const struct instance_stats *i = &s->instances[n];             \
			char slot[SLOT_TEXT_MAX];                                      \
                                                                                       \
			snprintf(slot, sizeof(slot), "%u", i->slot);                   \
			write(out, name, value, "chain", s->chain, "function",         \
			      s->functions[i->fn].plain, "slot", slot,                 \
			      REVISION_LABEL(&s->functions[i->fn]));                   \
		}                                                                      \
	}
INSTANCE_NUMBER(write_instance_in_flight, metrics_text_count, i->in_flight)
INSTANCE_NUMBER(write_instance_buffers, metrics_text_count, i->buffers)
INSTANCE_NUMBER(write_instance_received, metrics_text_count, i->in)
INSTANCE_NUMBER(write_instance_sent, metrics_text_count, i->out)
INSTANCE_NUMBER(write_instance_cpu, metrics_text_ns, i->process.cpu_ns)
INSTANCE_NUMBER(write_instance_rss, metrics_text_count, i->process.rss_bytes)

static void write_gateway_cpu(FILE *out, const char *name, const struct runtime_stats *s)
{
	metrics_text_ns(out, name, s->gateway_process.cpu_ns, "chain", s->chain, NULL);
}

static void write_queue_time(FILE *out, const char *name, const struct runtime_stats *s)
{
	metrics_text_ns(out, name, s->gateway.queued_us * 1000, "chain", s->chain, NULL);
}

static void write_errors(FILE *out, const char *name, const struct runtime_stats *s)
{
#define ERROR(reason) \
	metrics_text_count(out, name, s->gateway.reason, "chain", s->chain, "reason", #reason, NULL)
	ERROR(failed);
	ERROR(shed);
	ERROR(refused);
	ERROR(no_buffer);
	ERROR(timed_out);
	ERROR(lost);
	ERROR(circuit_open);
	ERROR(bad_buffer);
	ERROR(abandoned);
#undef ERROR
}

static void write_cut(FILE *out, const char *name, const struct runtime_stats *s)
{
#define CUT(reason)                                                                         \
	metrics_text_count(out, name, s->gateway.cut_##reason, "chain", s->chain, "reason", \
			   #reason, NULL)
	CUT(reset);
	CUT(error);
	CUT(continuation);
	CUT(ping);
	CUT(settings);
	CUT(priority);
	CUT(window);
	CUT(data);
	CUT(empty);
	CUT(frame);
	CUT(header);
	CUT(memory);
	CUT(slow);
	CUT(limit);
#undef CUT
}

CHAIN_COUNT(write_messages_lost, s->gateway.messages_lost)

static void write_end_to_end(FILE *out, const char *name, const struct runtime_stats *s)
{
	metrics_text_histogram(out, name, &s->functions[SP_GATEWAY_FN].kernel.run, "chain",
			       s->chain, NULL);
}

static void write_wait(FILE *out, const char *name, const struct runtime_stats *s)
{
	for (uint32_t fn = 1; fn < s->function_count; fn++)
		metrics_text_histogram(out, name, &s->functions[fn].kernel.wait,
				       FUNCTION_LABELS(s, &s->functions[fn]));
}

static void write_run(FILE *out, const char *name, const struct runtime_stats *s)
{
	for (uint32_t fn = 1; fn < s->function_count; fn++)
		metrics_text_histogram(out, name, &s->functions[fn].kernel.run,
				       FUNCTION_LABELS(s, &s->functions[fn]));
}

static void write_starts(FILE *out, const char *name, const struct runtime_stats *s)
{
	char sum[64], count[64];

	snprintf(sum, sizeof(sum), "%s_sum", name);
	snprintf(count, sizeof(count), "%s_count", name);
	for (uint32_t fn = 1; fn < s->function_count; fn++) {
		const struct function_stats *f = &s->functions[fn];

		metrics_text_ns(out, sum, f->start_ns, FUNCTION_LABELS(s, f));
		metrics_text_count(out, count, f->starts, FUNCTION_LABELS(s, f));
	}
}

static void write_ratio(FILE *out, const char *name, const struct runtime_stats *s)
{
	for (uint32_t fn = 1; fn < s->function_count; fn++) {
		const struct function_stats *f = &s->functions[fn];

		metrics_text_ns(out, name, f->percent * 10000000ULL, FUNCTION_LABELS(s, f));
	}
}

static void write_edges(FILE *out, const char *name, const struct runtime_stats *s)
{
	for (uint32_t fn = 0; fn < s->function_count; fn++) {
		const struct function_stats *f = &s->functions[fn];

		for (uint32_t e = 0; e < f->edge_count; e++)
			metrics_text_count(out, name, f->edges[e].count, "chain", s->chain, "from",
					   f->name, "to", edge_to_name(s, &f->edges[e]), "edge",
					   f->edges[e].name, NULL);
	}
}

static void write_violations(FILE *out, const char *name, const struct runtime_stats *s)
{
	for (unsigned v = 0; v < SP_VIOLATION_COUNT; v++)
		metrics_text_count(out, name, s->kernel[SP_COUNT_VIOLATION + v], "chain", s->chain,
				   "kind", sproxy_violation_name(v), NULL);
}

static void write_buffers(FILE *out, const char *name, const struct runtime_stats *s)
{
	for (uint32_t c = 0; c < s->class_count; c++) {
		char class[SLOT_TEXT_MAX];

		snprintf(class, sizeof(class), "%u", s->classes[c].size);
		for (unsigned h = 0; h < RUNTIME_STATS_HOLDER_COUNT; h++)
			metrics_text_count(out, name, s->classes[c].buffers[h], "chain", s->chain,
					   "class", class, "state", runtime_stats_holder_name(h),
					   NULL);
	}
}

static const struct family {
	const char *name, *type, *help;
	chain_writer *write;
} families[] = {
	{ "sprocket_requests_total", "counter", "Requests taken into the chain.", write_requests },
	{ "sprocket_responses_total", "counter", "Requests answered by a function.",
	  write_answered },
	{ "sprocket_request_errors_total", "counter", "Requests not answered, by reason.",
	  write_errors },
	{ "sprocket_messages_lost_total", "counter",
	  "Messages lost with who held them; also counted as lost.", write_messages_lost },
	{ "sprocket_requests_held_total", "counter", "Requests that waited for an instance.",
	  write_held },
	{ "sprocket_requests_retried_total", "counter",
	  "Requests sent again whose instance had died.", write_retried },
	{ "sprocket_requests_shed_inside_total", "counter",
	  "Of those shed, requests that had been taken in.", write_shed_inside },
	{ "sprocket_requests_queued_total", "counter", "Requests that waited for room.",
	  write_queued },
	{ "sprocket_queue_seconds_total", "counter", "Time that requests waited for room.",
	  write_queue_time },
	{ "sprocket_requests_in_flight", "gauge", "Requests in the chain now.", write_in_flight },
	{ "sprocket_connections", "gauge", "Client connections open now.", write_connections },
	{ "sprocket_connections_cut_total", "counter",
	  "Client connections that were cut off, by reason.", write_cut },
	{ "sprocket_request_duration_seconds", "histogram",
	  "From a request's first hand-over to its reply's arrival.", write_end_to_end },
	{ "sprocket_function_received_total", "counter", "Requests handed to the function.",
	  write_received },
	{ "sprocket_function_sent_total", "counter", "Requests the function handed on.",
	  write_sent },
	{ "sprocket_function_failed_total", "counter", "Requests the function failed.",
	  write_failed },
	{ "sprocket_function_dropped_total", "counter", "Requests the function dropped.",
	  write_dropped },
	{ "sprocket_function_undeliverable_total", "counter",
	  "Requests sent home because the function had no instance, or none with room.",
	  write_undeliverable },
	{ "sprocket_function_wait_seconds", "histogram",
	  "From hand-over until the instance had done what came before.", write_wait },
	{ "sprocket_function_run_seconds", "histogram",
	  "From then until the request was handed on.", write_run },
	{ "sprocket_function_instances_ready", "gauge", "Instances that get requests.",
	  write_ready },
	{ "sprocket_function_instances_desired", "gauge", "Instances there should be.",
	  write_desired },
	{ "sprocket_function_restarts_total", "counter", "Instances replaced after their death.",
	  write_restarts },
	{ "sprocket_function_hangs_total", "counter",
	  "Instances killed as they held a request and handed on none.", write_hangs },
	{ "sprocket_function_start_seconds", "summary",
	  "From an instance's fork until it was ready.", write_starts },
	{ "sprocket_function_traffic_ratio", "gauge",
	  "Share of the function's requests that the revision gets.", write_ratio },
	{ "sprocket_function_rolled_back", "gauge",
	  "1: the revision gets nothing, as too much of it went wrong.", write_rolled_back },
	{ "sprocket_function_breaker_state", "gauge",
	  "The circuit breaker: 0 closed, 1 half-open, 2 open.", write_breaker },
	{ "sprocket_function_breaker_opened_total", "counter", "How often the breaker opened.",
	  write_opened },
	{ "sprocket_instance_in_flight", "gauge", "Requests that the instance holds.",
	  write_instance_in_flight },
	{ "sprocket_instance_buffers", "gauge", "Buffers that the instance has, leased ones too.",
	  write_instance_buffers },
	{ "sprocket_instance_received_total", "counter", "Descriptors handed to the instance.",
	  write_instance_received },
	{ "sprocket_instance_sent_total", "counter", "Descriptors the instance handed on.",
	  write_instance_sent },
	{ "sprocket_instance_cpu_seconds_total", "counter", "User and system CPU time.",
	  write_instance_cpu },
	{ "sprocket_instance_resident_memory_bytes", "gauge", "Resident memory.",
	  write_instance_rss },
	{ "sprocket_edge_descriptors_total", "counter", "Descriptors moved over the edge.",
	  write_edges },
	{ "sprocket_descriptors_total", "counter", "Descriptors moved by the kernel.",
	  write_descriptors },
	{ "sprocket_descriptor_batches_total", "counter", "Sends that moved descriptors.",
	  write_batches },
	{ "sprocket_descriptors_remote_total", "counter",
	  "Descriptors handed to an instance on another CPU than the sender's.", write_remote },
	{ "sprocket_violations_total", "counter", "Sends that the kernel refused, by kind.",
	  write_violations },
	{ "sprocket_buffers", "gauge",
	  "Buffers of the chain's pool, by payload size of the class and by who has them.",
	  write_buffers },
	{ "sprocket_gateway_cpu_seconds_total", "counter", "User and system CPU time.",
	  write_gateway_cpu },
	{ "sprocket_gateway_resident_memory_bytes", "gauge", "Resident memory.",
	  write_gateway_rss },
	{ "sprocket_gateway_restarts_total", "counter", "Gateways replaced after their death.",
	  write_gateway_restarts },
};

static void write_daemon(const struct metrics_snapshot *snapshot, FILE *out)
{
	const struct metrics_daemon *d = &snapshot->daemon;

#define FAMILY(write, name, type, help, ...)        \
	metrics_text_family(out, name, type, help); \
	write(out, name, __VA_ARGS__, NULL)
	FAMILY(metrics_text_count, "sprocket_build_info", "gauge", "The version, as a label.",
	       (uint64_t)1, "version", SPROCKET_VERSION);
	FAMILY(metrics_text_count, "sprocket_chains", "gauge", "Chains that run.",
	       snapshot->chain_count);
	FAMILY(metrics_text_ns, "process_cpu_seconds_total", "counter",
	       "User and system CPU time of sprocketd.", d->process.cpu_ns);
	FAMILY(metrics_text_count, "process_resident_memory_bytes", "gauge",
	       "Resident memory of sprocketd.", d->process.rss_bytes);
	FAMILY(metrics_text_count, "process_virtual_memory_bytes", "gauge",
	       "Virtual memory of sprocketd.", d->process.virtual_bytes);
	FAMILY(metrics_text_ns, "process_start_time_seconds", "gauge",
	       "When sprocketd started, since the epoch.", d->started_ns);
	FAMILY(metrics_text_count, "process_open_fds", "gauge", "Open file descriptors.", d->fds);
	FAMILY(metrics_text_count, "process_max_fds", "gauge", "Limit of open file descriptors.",
	       d->fds_max);
#undef FAMILY
}

int metrics_snapshot_write(const struct metrics_snapshot *snapshot, FILE *out)
{
	write_daemon(snapshot, out);
	for (size_t f = 0; f < sizeof(families) / sizeof(*families); f++) {
		metrics_text_family(out, families[f].name, families[f].type, families[f].help);
		for (size_t i = 0; i < snapshot->chain_count; i++)
			families[f].write(out, families[f].name, snapshot->chains[i]);
	}
	return ferror(out) ? -EIO : 0;
}
