// SPDX-License-Identifier: Apache-2.0
#include "bench/command/measure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/command/interrupt.h"
#include "bench/command/watch.h"
#include "bench/load/explain.h"
#include "bench/result/result.h"

#define COUNT_NS UINT64_C(1000000000)

struct bench_ask bench_ask_of(const struct bench_options *o, const char *label)
{
	bool open = o->rate > 0 || o->arrivals;

	return (struct bench_ask){ .rate = o->rate,
				   .arrivals = !open       ? NULL :
					       o->arrivals ? o->arrivals :
							     "poisson",
				   .duration_ns = o->duration_ns,
				   .warmup_ns = o->warmup_ns,
				   .seed = o->seed,
				   .label = label,
				   .hgrm = o->hgrm };
}

static enum bench_progress_form progress_form(const struct bench_options *o, const char *label)
{
	if (o->quiet || !label)
		return BENCH_PROGRESS_NONE;
	if (isatty(STDERR_FILENO))
		return BENCH_PROGRESS_LIVE;
	return o->progress ? BENCH_PROGRESS_LINES : BENCH_PROGRESS_NONE;
}

static bool cpus_shared(const struct bench_options *o)
{
	for (unsigned i = 0; i < o->client_cpu_count; i++)
		for (unsigned k = 0; k < o->server_cpu_count; k++)
			if (o->client_cpus[i] == o->server_cpus[k])
				return true;
	return false;
}

static void load_fill(const struct bench_subject *s, const struct bench_options *o,
		      const struct bench_ask *ask, struct bench_load *load)
{
	*load = (struct bench_load){ .address = s->target.address,
				     .address_len = s->target.address_len,
				     .host = s->target.host,
				     .protocol = s->protocol,
				     .connections = o->connections,
				     .streams = o->streams,
				     .mix = &s->mix,
				     .warmup_ns = ask->warmup_ns,
				     .duration_ns = ask->duration_ns,
				     .timeout_ns = o->timeout_ns,
				     .requests = ask->requests,
				     .seed = ask->seed,
				     .thread_count = o->client_cpu_count,
				     .shares_cpus = cpus_shared(o),
				     .keep_path = o->trace };
	memcpy(load->cpus, o->client_cpus, sizeof(load->cpus));
	if (load->thread_count == 0) {
		load->thread_count = 1;
		load->cpus[0] = -1;
	}
	/* Each thread needs a connection of its own. */
	if (load->thread_count > load->connections)
		load->thread_count = load->connections;
}

static int hgrm_write(const struct bench_outcome *outcome, const char *path,
		      char error[BENCH_ERROR_TEXT])
{
	FILE *to = fopen(path, "we");
	int r = 0;

	errno = 0;
	if (!to || bench_histogram_hgrm(&outcome->latency, to) < 0)
		r = errno ? -errno : -EIO;
	if (to && fclose(to) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		snprintf(error, BENCH_ERROR_TEXT, "--hgrm %.150s: %s", path, strerror(-r));
	return r;
}

/* Shares of the time are of a thread, on average. */
static void client_of_thread(json_t *client, unsigned threads)
{
	static const char *const shares[] = { "busy", "delayed" };

	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		double all = json_number_value(json_object_get(client, shares[i]));

		json_object_set_new(client, shares[i], json_real(all / threads));
	}
}

/* The run's JSON, with what only this place knows. */
static json_t *run_json(const struct bench_subject *s, const struct bench_ask *ask,
			const struct bench_load *load, const struct bench_outcome *outcome,
			const struct bench_usage *usage, uint64_t answers)
{
	static const char *const protocols[] = {
		[BENCH_HTTP1] = "http1", [BENCH_HTTP1_CLOSE] = "close", [BENCH_H2C] = "h2c"
	};
	double rate = ask->rate;
	json_t *run;

	/* A trace or steps: what was due, on average, until an interrupt if there was one. */
	if (load->schedule && rate <= 0 && outcome->measured_ns > 0)
		rate = (double)outcome->due / ((double)outcome->measured_ns / 1e9);
	run = bench_result_run(s->name, ask->round, rate, &s->mix, outcome, NULL);
	client_of_thread(json_object_get(run, "client"), load->thread_count);
	json_object_set_new(run, "protocol", json_string(protocols[s->protocol]));
	if (run && answers > 0)
		json_object_set_new(run, "usage", bench_usage_json(usage, answers));
	return run;
}

static int client_run(struct bench_subject *s, const struct bench_ask *ask,
		      const struct bench_load *plan, struct bench_watch *watch, json_t **ret_run,
		      char error[BENCH_ERROR_TEXT])
{
	struct bench_load load = *plan;
	struct bench_usage usage = { 0 };
	struct bench_outcome outcome;
	uint64_t answers;
	int r = bench_watch_start(watch);

	if (r < 0) {
		snprintf(error, BENCH_ERROR_TEXT, "no thread: %s", strerror(-r));
		return r;
	}
	load.stop = &watch->stop;
	r = bench_client_run(&load, &watch->progress, &outcome, error);
	answers = bench_watch_end(watch, &usage);
	if (r < 0)
		return r;
	if (!bench_subject_alive(s))
		atomic_store(&watch->dead, true);
	if (atomic_load(&watch->dead))
		snprintf(outcome.invalid, sizeof(outcome.invalid),
			 "the target ended while it was measured");
	*ret_run = run_json(s, ask, &load, &outcome, &usage, answers);
	if (!*ret_run) {
		snprintf(error, BENCH_ERROR_TEXT, "no memory for the result");
		r = -ENOMEM;
	}
	if (r == 0 && ask->hgrm)
		r = hgrm_write(&outcome, ask->hgrm, error);
	bench_outcome_done(&outcome);
	return r;
}

/* ---- system calls and hardware counters ---- */

/* What only the counters tell, from `counted` into the run's usage. */
static void counts_merge(json_t *run, json_t *counted, uint64_t answers, double seconds)
{
	static const char *const keys[] = { "syscalls", "cycles", "instructions", "cache_misses" };
	json_t *usage = json_object_get(run, "usage"), *part, *value;
	const char *name;
	unsigned known = 0;

	json_object_foreach(counted, name, part) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			value = json_object_get(part, keys[i]);
			known += value != NULL;
			if (value)
				json_object_set(json_object_get(usage, name), keys[i], value);
		}
	}
	json_object_set_new(run, "counted",
			    json_pack("{s:I, s:f, s:b}", "answers", (json_int_t)answers, "seconds",
				      seconds, "known", known > 0));
}

/* The beginning of the same load once more, with counters, which cost time: so it is not timed. */
static int client_count(struct bench_subject *s, const struct bench_load *plan,
			struct bench_watch *watch, json_t *run, char error[BENCH_ERROR_TEXT])
{
	struct bench_watch look = { .subject = s, .cpu = watch->cpu };
	struct bench_load load = *plan;
	struct bench_usage usage = { 0 };
	struct bench_outcome outcome;
	uint64_t answers = 0;
	int r;

	load.stop = &look.stop;
	load.warmup_ns = 0;
	load.duration_ns = look.duration_ns =
		COUNT_NS < plan->duration_ns ? COUNT_NS : plan->duration_ns;
	bench_usage_count(s->probe, true);
	r = bench_watch_start(&look);
	if (r == 0) {
		r = bench_client_run(&load, &look.progress, &outcome, error);
		answers = bench_watch_end(&look, &usage);
	} else {
		bench_explain(error, r, "no thread: %s", strerror(-r));
	}
	bench_usage_count(s->probe, false);
	if (r < 0)
		return r;
	if (atomic_load(&look.dead))
		atomic_store(&watch->dead, true);
	if (answers > 0) {
		json_t *counted = bench_usage_json(&usage, answers);

		counts_merge(run, counted, answers, (double)outcome.measured_ns / 1e9);
		json_decref(counted);
	}
	bench_outcome_done(&outcome);
	return 0;
}

int bench_measure(struct bench_subject *s, const struct bench_options *o,
		  const struct bench_ask *ask, json_t **ret_run, bool *ret_dead,
		  char error[BENCH_ERROR_TEXT])
{
	struct bench_watch watch = { .subject = s,
				     .label = ask->label,
				     .form = progress_form(o, ask->label),
				     .warmup_ns = ask->warmup_ns,
				     .duration_ns = ask->duration_ns,
				     .cpu = o->client_cpu_count ? o->client_cpus[0] : -1 };
	struct bench_schedule schedule;
	struct bench_load load;
	int r;

	load_fill(s, o, ask, &load);
	if (ask->arrivals) {
		r = bench_schedule_make(ask->arrivals, ask->rate, ask->warmup_ns + ask->duration_ns,
					ask->seed, &s->mix, &schedule, error);
		if (r < 0)
			return r;
		load.schedule = &schedule;
		r = bench_subject_dress(s, o, error);
	} else {
		r = 0;
	}
	*ret_run = NULL;
	if (r == 0)
		r = client_run(s, ask, &load, &watch, ret_run, error);
	if (r == 0 && o->count && s->probe && ask->requests == 0 && !bench_interrupted() &&
	    !atomic_load(&watch.dead))
		r = client_count(s, &load, &watch, *ret_run, error);
	*ret_dead = atomic_load(&watch.dead);
	if (load.schedule)
		bench_schedule_done(&schedule);
	return r;
}
