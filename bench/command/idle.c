// SPDX-License-Identifier: Apache-2.0
#include "bench/command/idle.h"

#include <errno.h>
#include <time.h>

#include "bench/command/interrupt.h"
#include "bench/command/measure.h"
#include "bench/load/explain.h"

#define LOOK_NS INT64_C(50000000)
#define NS_PER_S INT64_C(1000000000)

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int warm(struct bench_subject *s, const struct bench_options *o,
		char error[BENCH_ERROR_TEXT])
{
	struct bench_ask ask = { .duration_ns = o->timeout_ns, .seed = o->seed, .requests = 1 };
	json_t *run = NULL;
	bool dead;
	int r = bench_measure(s, o, &ask, &run, &dead, error);

	if (r == 0 && json_integer_value(json_object_get(run, "answered")) == 0)
		r = bench_explain(error, -EPROTO,
				  "--idle: the request before it was not answered "
				  "rightly: try without --idle");
	json_decref(run);
	return r;
}

/* Until then, or the target has ended, or the user does not want any more. */
static int leave_alone(const struct bench_subject *s, int64_t until_ns)
{
	int64_t left;

	while ((left = until_ns - now_ns()) > 0) {
		struct timespec nap = { 0, left < LOOK_NS ? left : LOOK_NS };

		nanosleep(&nap, NULL);
		if (bench_interrupted())
			return -EINTR;
		if (!bench_subject_alive(s))
			return -ECHILD;
	}
	return 0;
}

/* CPU time in % of a core, by component and together. */
static json_t *idle_json(const struct bench_usage *usage, double seconds)
{
	json_t *parts = bench_usage_json(usage, 0);
	double sum = 0;

	for (unsigned i = 0; i < usage->count; i++) {
		const struct bench_component *c = &usage->components[i];
		double percent = (double)c->cpu_ns / seconds / 1e7;

		sum += percent;
		json_object_set_new(json_object_get(parts, c->name), "cpu_percent",
				    json_real(percent));
	}
	return json_pack("{s:f, s:f, s:o}", "seconds", seconds, "cpu_percent", sum, "usage", parts);
}

int bench_idle(struct bench_subject *s, const struct bench_options *o, json_t **ret,
	       char error[BENCH_ERROR_TEXT])
{
	struct bench_usage before, after, used;
	int64_t began;
	int r = warm(s, o, error);

	if (r < 0)
		return r;
	bench_usage_read(s->probe, &before);
	began = now_ns();
	r = leave_alone(s, began + (int64_t)o->idle_ns);
	bench_usage_read(s->probe, &after);
	if (r < 0)
		return bench_explain(error, r,
				     r == -EINTR ? "interrupted" :
						   "it ended while it was left alone");
	bench_usage_between(&before, &after, &used);
	*ret = idle_json(&used, (double)(now_ns() - began) / 1e9);
	return *ret ? 0 : bench_explain(error, -ENOMEM, "no memory for the result");
}
