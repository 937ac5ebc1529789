/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c - what the client's threads came to together, and whether it may be used; see
 * connection.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/client/connection.h"

#define TO_DO_MAX 0.95
#define LAG_MAX_NS UINT64_C(1000000)
#define DELAYED_MAX 0.1
#define WAITED_MAX 0.01

const char *const bench_error_names[BENCH_ERROR_COUNT] = {
#define X(name) [BENCH_ERROR_##name] = #name,
	BENCH_ERRORS(X)
#undef X
};

int client_outcome_init(struct bench_outcome *o, uint32_t request_count)
{
	*o = (struct bench_outcome){ .request_count = request_count };
	o->requests = calloc(request_count, sizeof(*o->requests));
	if (!o->requests || bench_histogram_init(&o->latency) < 0 ||
	    bench_histogram_init(&o->service) < 0 || bench_histogram_init(&o->lag) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < request_count; i++)
		if (bench_histogram_init(&o->requests[i].latency) < 0)
			return -ENOMEM;
	return 0;
}

void bench_outcome_done(struct bench_outcome *o)
{
	bench_histogram_done(&o->latency);
	bench_histogram_done(&o->service);
	bench_histogram_done(&o->lag);
	for (uint32_t i = 0; o->requests && i < o->request_count; i++)
		bench_histogram_done(&o->requests[i].latency);
	free(o->requests);
	for (uint32_t i = 0; i < o->hop_count; i++)
		bench_histogram_done(&o->hops[i].ns);
	*o = (struct bench_outcome){ 0 };
}

static void merge_requests(struct bench_outcome *to, const struct bench_outcome *from)
{
	for (uint32_t i = 0; i < to->request_count; i++) {
		to->requests[i].answered += from->requests[i].answered;
		to->requests[i].failed += from->requests[i].failed;
		/* Of one request alone it is the same as of all: it was not kept twice. */
		bench_histogram_merge(&to->requests[i].latency, to->request_count == 1 ?
									&from->latency :
									&from->requests[i].latency);
	}
}

static int merge_hops(struct bench_outcome *to, const struct bench_outcome *from)
{
	for (uint32_t i = 0; i < from->hop_count; i++) {
		const struct bench_hop *hop = &from->hops[i];
		struct bench_hop *same = client_hop(to, hop->name, strlen(hop->name), i);

		if (same)
			bench_histogram_merge(&same->ns, &hop->ns);
		else if (to->hop_count < BENCH_HOPS_MAX)
			return -ENOMEM;
	}
	return 0;
}

static void merge_counts(struct bench_outcome *to, const struct bench_outcome *from)
{
	to->sent += from->sent;
	to->answered += from->answered;
	to->due += from->due;
	to->bytes_out += from->bytes_out;
	to->bytes_in += from->bytes_in;
	to->connects += from->connects;
	to->strays += from->strays;
	to->waited += from->waited;
	to->client_cpu_ns += from->client_cpu_ns;
	to->client_busy_ns += from->client_busy_ns;
	to->client_delayed_ns += from->client_delayed_ns;
	to->stopped |= from->stopped;
	for (unsigned i = 0; i < BENCH_ERROR_COUNT; i++)
		to->errors[i] += from->errors[i];
	if (from->first_ns && (!to->first_ns || from->first_ns < to->first_ns))
		to->first_ns = from->first_ns;
	if (from->last_ns > to->last_ns)
		to->last_ns = from->last_ns;
	if (from->measured_ns > to->measured_ns)
		to->measured_ns = from->measured_ns;
	if (from->longest_gap_ns > to->longest_gap_ns)
		to->longest_gap_ns = from->longest_gap_ns;
}

int client_outcome_merge(struct bench_outcome *to, const struct bench_outcome *from)
{
	merge_counts(to, from);
	merge_requests(to, from);
	bench_histogram_merge(&to->latency, &from->latency);
	bench_histogram_merge(&to->service, &from->service);
	bench_histogram_merge(&to->lag, &from->lag);
	return merge_hops(to, from);
}

/* Of the time that is measured. */
static double share(uint64_t ns, const struct bench_outcome *o)
{
	return o->measured_ns ? (double)ns / (double)o->measured_ns : 0;
}

/* Where servers and client share CPUs on purpose, what they take from each other is measured. */
static double to_do(const struct bench_outcome *o, const struct client_worker *w)
{
	return share(o->client_busy_ns + (w->load->shares_cpus ? 0 : o->client_delayed_ns), o);
}

/* What waits for a connection has no lag. While its thread had no CPU an answer may have lain there,
 * and the connection been free. */
static bool waits_unclear(const struct bench_outcome *all, const struct bench_outcome *worst)
{
	return (double)all->waited > WAITED_MAX * (double)all->due &&
	       share(worst->client_delayed_ns, worst) > DELAYED_MAX;
}

/* Figures of a client that was itself the bottleneck must not be used. */
void client_outcome_judge(struct bench_outcome *o, const struct client_worker *workers,
			  unsigned count)
{
	uint64_t lag = bench_histogram_at(&o->lag, 0.99);
	const struct bench_outcome *worst = &workers[0].out;

	for (unsigned i = 1; i < count; i++)
		if (to_do(&workers[i].out, workers) > to_do(worst, workers))
			worst = &workers[i].out;
	if (to_do(worst, workers) > TO_DO_MAX)
		snprintf(
			o->invalid, sizeof(o->invalid),
			"the client was the bottleneck: a thread of it was busy for %.0f %% of the "
			"time, and for %.0f %% others had its CPU; give it more CPUs, or ask less",
			100 * share(worst->client_busy_ns, worst),
			100 * share(worst->client_delayed_ns, worst));
	else if (lag > LAG_MAX_NS)
		snprintf(
			o->invalid, sizeof(o->invalid),
			"the client was late: lag p99 %.1f ms; give it a CPU of its own, or ask less",
			(double)lag / 1e6);
	else if (waits_unclear(o, worst))
		snprintf(o->invalid, sizeof(o->invalid),
			 "the client may have been late: requests waited for connections, and for "
			 "%.0f %% of the time others had its CPU; give it a CPU of its own",
			 100 * share(worst->client_delayed_ns, worst));
}
