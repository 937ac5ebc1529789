// SPDX-License-Identifier: Apache-2.0
/*
 * schedule.c - arrivals of a rate that changes.
 *
 * A process gives times at the rate 1: 0, 1, 2, ... or random ones. A shape gives the rate over
 * time, in parts in each of which it grows evenly, and tells when its integral reaches each of
 * these times. So that the number of arrivals until any time is the integral until then, and
 * random processes keep their character whatever the shape.
 */
#include "bench/load/schedule.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/explain.h"
#include "bench/load/random.h"
#include "bench/load/schedule_shape.h"
#include "bench/load/trace.h"
#include "bench/load/units.h"

#define CV_MAX 100.0
#define ARRIVALS_FIRST 1024U

enum process { EVEN, POISSON, GAMMA };

struct arrivals {
	enum process process;
	double shape; /* of gamma */
	struct bench_random random;
	struct bench_arrival *at;
	size_t count, room;
};

static double gap(struct arrivals *a)
{
	switch (a->process) {
	case EVEN:
		return 1;
	case POISSON:
		return bench_random_exponential(&a->random);
	default:
		return bench_random_gamma(&a->random, a->shape) / a->shape;
	}
}

static int add(struct arrivals *a, uint64_t at_ns)
{
	if (a->count == a->room) {
		size_t room = a->room ? 2 * a->room : ARRIVALS_FIRST;
		struct bench_arrival *larger;

		if (a->count == BENCH_ARRIVALS_MAX)
			return -E2BIG;
		larger = realloc(a->at, room * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		a->at = larger;
		a->room = room;
	}
	a->at[a->count++] = (struct bench_arrival){ at_ns, BENCH_ANY_REQUEST };
	return 0;
}

/* All arrivals of one part; *next is when the process has its next one, from the part's begin. */
static int add_part(struct arrivals *a, const struct bench_part *part, uint64_t begin_ns,
		    uint64_t end_ns, double *next)
{
	double area = bench_part_area(part);

	for (; *next < area; *next += gap(a)) {
		uint64_t at_ns = begin_ns + bench_part_when(part, *next);
		int r;

		if (at_ns >= end_ns)
			break;
		r = add(a, at_ns);
		if (r)
			return r;
	}
	*next -= area;
	return 0;
}

static int add_all(struct arrivals *a, const struct bench_shape *shape, uint64_t duration_ns)
{
	double next = a->process == EVEN ? 0 : gap(a);
	uint64_t begin_ns = 0;

	for (unsigned i = 0; begin_ns < duration_ns; i = (i + 1) % shape->count) {
		const struct bench_part *part = &shape->parts[i];
		int r = add_part(a, part, begin_ns, duration_ns, &next);

		if (r)
			return r;
		begin_ns += part->length_ns;
	}
	return 0;
}

/* "poisson" or "gamma:CV"; false: neither, or a bad CV. */
static bool parse_process(const char *text, struct arrivals *a)
{
	double cv;

	if (!strcmp(text, "constant")) {
		a->process = EVEN;
		return true;
	}
	if (!strcmp(text, "poisson")) {
		a->process = POISSON;
		return true;
	}
	if (strncmp(text, "gamma:", 6) != 0 || bench_parse_rate(text + 6, &cv) || cv > CV_MAX)
		return false;
	a->process = GAMMA;
	a->shape = 1 / (cv * cv);
	return true;
}

/* SHAPE, PROCESS or SHAPE/PROCESS. */
static int parse(const char *spec, double rate, uint64_t duration_ns, struct arrivals *a,
		 struct bench_shape *shape, char error[BENCH_ERROR_TEXT])
{
	char *copy = strdup(spec), constant[] = "constant", *process;
	bool of_shape;
	int r = 0;

	if (!copy)
		return bench_explain(error, -ENOMEM, "out of memory");
	process = strchr(copy, '/');
	of_shape = process || !parse_process(copy, a);
	if (process)
		*process++ = 0;
	if (process ? !parse_process(process, a) : !strncmp(copy, "gamma", 5) && of_shape)
		r = bench_explain(error, -EINVAL,
				  "'%.40s': behind / stands poisson or gamma:CV, a CV is above 0 "
				  "and at most %g: gamma:4",
				  spec, CV_MAX);
	if (!r)
		r = bench_shape_parse(of_shape ? copy : constant, rate, duration_ns, shape, error);
	free(copy);
	return r;
}

static int too_many(double count, char error[BENCH_ERROR_TEXT])
{
	return bench_explain(error, -E2BIG,
			     "%.0f arrivals are more than %u: lower the rate or the duration",
			     count, BENCH_ARRIVALS_MAX);
}

static int generate(const char *spec, double rate, uint64_t duration_ns, struct arrivals *a,
		    char error[BENCH_ERROR_TEXT])
{
	struct bench_shape shape;
	int r = parse(spec, rate, duration_ns, a, &shape, error);

	if (r)
		return r;
	if (bench_shape_area(&shape, duration_ns) > BENCH_ARRIVALS_MAX)
		return too_many(bench_shape_area(&shape, duration_ns), error);
	r = add_all(a, &shape, duration_ns);
	if (r == -E2BIG)
		return too_many(a->count + 1.0, error);
	if (r)
		return bench_explain(error, r, "out of memory for %zu arrivals: lower the rate",
				     a->count);
	if (!a->count)
		return bench_explain(error, -EINVAL,
				     "no arrival in all the time: raise the rate or the duration");
	return 0;
}

int bench_schedule_make(const char *spec, double rate, uint64_t duration_ns, uint64_t seed,
			struct bench_mix *mix, struct bench_schedule *ret,
			char error[BENCH_ERROR_TEXT])
{
	struct arrivals a = { .process = EVEN };
	int r;

	if (!strncmp(spec, "trace:", 6))
		return bench_trace_read(spec + 6, duration_ns, seed, mix, ret, error);
	if (!duration_ns || duration_ns > BENCH_DURATION_MAX_NS)
		return bench_explain(error, -EINVAL, "a duration is above 0 and at most 30 days");
	bench_random_seed(&a.random, seed);
	r = generate(spec, rate, duration_ns, &a, error);
	if (r) {
		free(a.at);
		return r;
	}
	*ret = (struct bench_schedule){ .count = a.count,
					.arrivals = a.at,
					.duration_ns = duration_ns };
	return 0;
}

void bench_schedule_done(struct bench_schedule *s)
{
	free(s->arrivals);
	*s = (struct bench_schedule){ 0 };
}

int bench_schedule_share(const struct bench_schedule *s, unsigned index, unsigned count,
			 struct bench_schedule *ret)
{
	size_t own = s->count > index ? (s->count - index - 1) / count + 1 : 0;
	struct bench_arrival *arrivals = malloc((own ? own : 1) * sizeof(*arrivals));

	if (!arrivals)
		return -ENOMEM;
	for (size_t i = 0; i < own; i++)
		arrivals[i] = s->arrivals[index + i * count];
	*ret = (struct bench_schedule){ .count = own,
					.arrivals = arrivals,
					.duration_ns = s->duration_ns };
	return 0;
}
