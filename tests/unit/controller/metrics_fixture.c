// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/controller/metrics_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "controller/histogram.h"

#define REQUESTS 100U /* in a round */
#define NS_PER_S 1000000000ULL

static void add_edge(struct function_stats *f, const char *name, uint32_t to, uint64_t count)
{
	struct edge_stats *edge = &f->edges[f->edge_count++];

	snprintf(edge->name, sizeof(edge->name), "%s", name);
	edge->to_fn = to;
	edge->count = count;
}

static void set_function(struct function_stats *f, const char *name, unsigned round, unsigned share)
{
	uint64_t count = (uint64_t)share * round;

	f->name = f->plain = name;
	f->revision = "";
	f->percent = 100;
	f->ready = f->desired = 1;
	f->restarts = round;
	f->starts = 2;
	f->start_ns = 30000000;
	f->kernel.in = f->kernel.out = count;
	/* one of ten waits long */
	histogram_add(&f->kernel.wait, 4, count * 9 / 10);
	histogram_add(&f->kernel.wait, 1024, count / 10);
	histogram_add(&f->kernel.run, 256, count);
	f->kernel.wait.sum_us = count * 100;
	f->kernel.run.sum_us = count * 250;
}

static void set_instance(struct runtime_stats *s, uint32_t fn, unsigned round)
{
	s->instances[s->instance_count++] = (struct instance_stats){
		.slot = fn + 2,
		.fn = fn,
		.pid = (int)(1000 + fn),
		.state = "READY",
		.in_flight = fn,
		.in = REQUESTS * round,
		.out = REQUESTS * round - fn,
		.buffers = 2 * fn,
		.age_ns = round * NS_PER_S,
		.process = { .cpu_ns = round * fn * 100000000ULL, .rss_bytes = fn << 20 },
	};
}

static struct runtime_stats *make_chain(const char *name, unsigned round)
{
	static const char *const names[] = { "gateway", "detect", "plate", "pay" };
	static const unsigned shares[] = { REQUESTS, REQUESTS, REQUESTS / 2, REQUESTS };
	struct runtime_stats *s = calloc(1, sizeof(*s));

	s->chain = name;
	s->state = "SERVING";
	s->gateway.requests = s->gateway.answered = REQUESTS * round;
	s->gateway.timed_out = 5 * round;
	s->gateway.abandoned = 3;
	s->gateway.in_flight = 7;
	s->gateway_pid = 999;
	s->gateway_process =
		(struct procstat){ .cpu_ns = round * 250000000ULL, .rss_bytes = 5 << 20 };
	s->kernel[SP_COUNT_DESCRIPTORS] = 3 * REQUESTS * round;
	s->kernel[SP_COUNT_VIOLATION + SP_VIOLATION_STALE] = 2;
	s->class_count = 2;
	s->classes[0] = (struct class_stats){ .size = 4096, .buffers = { 90, 4, 4, 2 } };
	s->classes[1] = (struct class_stats){ .size = 65536, .buffers = { 20, 0, 0, 0 } };
	s->function_count = 4;
	for (uint32_t fn = 0; fn < s->function_count; fn++) {
		set_function(&s->functions[fn], names[fn], round, shares[fn]);
		if (fn == 3) {
			s->functions[fn].revision = "canary";
			s->functions[fn].percent = 10;
			s->functions[fn].breaker = 2;
			s->functions[fn].opened = round;
		}
		if (fn)
			set_instance(s, fn, round);
	}
	add_edge(&s->functions[0], "ingress", 1, REQUESTS * round);
	add_edge(&s->functions[1], "car", 2, REQUESTS / 2 * round);
	add_edge(&s->functions[1], "next", 3, REQUESTS / 2 * round);
	add_edge(&s->functions[2], "next", 3, REQUESTS / 2 * round);
	add_edge(&s->functions[3], "again", 1, 0);
	add_edge(&s->functions[3], "next", 0, REQUESTS * round);
	return s;
}

void fixture_snapshot(size_t chains, unsigned round, struct metrics_snapshot *ret)
{
	static char names[FIXTURE_CHAINS_MAX][CHAIN_NAME_MAX];

	*ret = (struct metrics_snapshot){
		.at_ns = (round + 1) * NS_PER_S,
		.daemon = { .pid = 42,
			    .process = { .cpu_ns = round * 10000000ULL, .rss_bytes = 1 << 20 },
			    .started_ns = 1700000000ULL * NS_PER_S,
			    .fds = 12,
			    .fds_max = 1024 },
		.chain_count = chains,
		.chains = calloc(chains, sizeof(struct runtime_stats *)),
	};
	for (size_t i = 0; i < chains; i++) {
		snprintf(names[i], CHAIN_NAME_MAX, i ? "shop-%zu" : "shop", i);
		ret->chains[i] = make_chain(names[i], round);
	}
}

void fixture_done(struct metrics_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->chain_count; i++)
		free(snapshot->chains[i]);
	free(snapshot->chains);
}
