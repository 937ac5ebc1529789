// SPDX-License-Identifier: Apache-2.0
#include "bench/load/schedule_shape.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "bench/load/explain.h"
#include "bench/load/units.h"

#define ONOFF_MIN_NS 100000U

double bench_part_area(const struct bench_part *part)
{
	return (part->from + part->to) / 2 * ((double)part->length_ns / 1e9);
}

uint64_t bench_part_when(const struct bench_part *part, double area)
{
	double growth = (part->to - part->from) / ((double)part->length_ns / 1e9);
	double root = sqrt(fmax(part->from * part->from + 2 * growth * area, 0));

	if (!(area > 0))
		return 0;
	return (uint64_t)(2 * area / (part->from + root) * 1e9 + 0.5);
}

double bench_shape_area(const struct bench_shape *shape, uint64_t duration_ns)
{
	uint64_t cycle_ns = 0;
	double cycle = 0, area;

	for (unsigned i = 0; i < shape->count; i++) {
		cycle += bench_part_area(&shape->parts[i]);
		cycle_ns += shape->parts[i].length_ns;
	}
	area = cycle * (double)(duration_ns / cycle_ns);
	duration_ns %= cycle_ns;
	for (unsigned i = 0; i < shape->count && duration_ns; i++) {
		struct bench_part part = shape->parts[i];

		if (duration_ns < part.length_ns) { /* its begin only */
			part.to = part.from + (part.to - part.from) * (double)duration_ns /
						      (double)part.length_ns;
			part.length_ns = duration_ns;
		}
		area += bench_part_area(&part);
		duration_ns -= part.length_ns;
	}
	return area;
}

static void add(struct bench_shape *shape, double from, double to, uint64_t length_ns)
{
	if (length_ns)
		shape->parts[shape->count++] = (struct bench_part){ from, to, length_ns };
}

/* Here a rate may be 0: a pause, or where a ramp begins. */
static bool rate_valid(const char *text, double *ret)
{
	if (!strcmp(text, "0")) {
		*ret = 0;
		return true;
	}
	return !bench_parse_rate(text, ret);
}

static int parse_onoff(char *arguments, double rate, struct bench_shape *shape,
		       char error[BENCH_ERROR_TEXT])
{
	char *on = strsep(&arguments, ","), *off = arguments;
	uint64_t on_ns, off_ns;

	if (!off || bench_parse_duration(on, &on_ns) || bench_parse_duration(off, &off_ns) ||
	    on_ns < ONOFF_MIN_NS || off_ns < ONOFF_MIN_NS)
		return bench_explain(
			error, -EINVAL,
			"onoff wants two durations of 100us or more: onoff:200ms,50ms");
	add(shape, rate, rate, on_ns);
	add(shape, 0, 0, off_ns);
	return 0;
}

static int parse_step(char *arguments, uint64_t duration_ns, struct bench_shape *shape,
		      char error[BENCH_ERROR_TEXT])
{
	double rates[BENCH_PARTS_MAX];
	unsigned count = 0;
	char *text;

	do {
		text = strsep(&arguments, ",");
		if (!text || count == BENCH_PARTS_MAX || !rate_valid(text, &rates[count++]))
			return bench_explain(error, -EINVAL,
					     "step wants 1 to %u rates: step:1k,2k,4k",
					     BENCH_PARTS_MAX);
	} while (arguments);
	for (unsigned i = 0; i < count; i++) {
		uint64_t begin = duration_ns * i / count, end = duration_ns * (i + 1) / count;

		add(shape, rates[i], rates[i], end - begin);
	}
	return 0;
}

static int parse_ramp(char *arguments, uint64_t duration_ns, struct bench_shape *shape,
		      char error[BENCH_ERROR_TEXT])
{
	char *from_text = strsep(&arguments, ",");
	double from, to;

	if (!arguments || !rate_valid(from_text, &from) || !rate_valid(arguments, &to))
		return bench_explain(error, -EINVAL, "ramp wants two rates: ramp:1k,20k");
	add(shape, from, to, duration_ns);
	return 0;
}

static int parse_spike(char *arguments, double rate, uint64_t duration_ns,
		       struct bench_shape *shape, char error[BENCH_ERROR_TEXT])
{
	char *factor_text = strsep(&arguments, ","), *at = strsep(&arguments, ",");
	uint64_t at_ns, for_ns, end_ns;
	double factor;

	if (!at || !arguments || !rate_valid(factor_text, &factor) ||
	    bench_parse_duration(at, &at_ns) || bench_parse_duration(arguments, &for_ns) || !for_ns)
		return bench_explain(
			error, -EINVAL,
			"spike wants a factor, when it begins and how long it is: spike:10,5s,500ms");
	if (at_ns >= duration_ns)
		return bench_explain(error, -EINVAL,
				     "the spike would begin at the end: make the duration longer");
	end_ns = at_ns + for_ns < duration_ns ? at_ns + for_ns : duration_ns;
	add(shape, rate, rate, at_ns);
	add(shape, rate * factor, rate * factor, end_ns - at_ns);
	add(shape, rate, rate, duration_ns - end_ns);
	return 0;
}

static bool rate_needed(const char *name)
{
	return strcmp(name, "step") != 0 && strcmp(name, "ramp") != 0;
}

int bench_shape_parse(char *text, double rate, uint64_t duration_ns, struct bench_shape *ret,
		      char error[BENCH_ERROR_TEXT])
{
	struct bench_shape shape = { .count = 0 };
	char *arguments = text, *name = strsep(&arguments, ":");
	int r = 0;

	if (rate_needed(name) && !(rate > 0 && rate <= BENCH_RATE_MAX))
		return bench_explain(error, -EINVAL,
				     "%.40s needs a rate, of at most 1000M: --rate 5k", name);
	if (!strcmp(name, "constant") && !arguments)
		add(&shape, rate, rate, duration_ns);
	else if (!strcmp(name, "onoff"))
		r = parse_onoff(arguments, rate, &shape, error);
	else if (!strcmp(name, "step"))
		r = parse_step(arguments, duration_ns, &shape, error);
	else if (!strcmp(name, "ramp"))
		r = parse_ramp(arguments, duration_ns, &shape, error);
	else if (!strcmp(name, "spike"))
		r = parse_spike(arguments, rate, duration_ns, &shape, error);
	else
		r = bench_explain(
			error, -EINVAL,
			"no such arrivals: '%.40s'; there are constant, poisson, gamma:CV, "
			"onoff:ON,OFF, step:R1,R2,.., ramp:FROM,TO, spike:FACTOR,AT,FOR, "
			"trace:FILE",
			name);
	if (!r)
		*ret = shape;
	return r;
}
