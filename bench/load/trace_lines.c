// SPDX-License-Identifier: Apache-2.0
/* trace_lines.c - the three forms of a trace's lines. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/trace_reader.h"
#include "bench/load/units.h"

#define PLAIN_HEAD "t_us chain path bytes"
#define MINUTES_HEAD "HashOwner,HashApp,HashFunction,Trigger,"
#define INVOCATION_HEAD "app,func,end_timestamp,duration"
#define MINUTE_NS (UINT64_C(60) * 1000000000)

/* A number from 0 to max with nothing behind it. "1e-05" is one too: that is how some write. */
static bool number_valid(const char *text, double max, double *ret)
{
	char *end;

	if (!text || !isdigit((unsigned char)*text) || strpbrk(text, "xXpPnN"))
		return false;
	*ret = strtod(text, &end);
	return !*end && *ret <= max;
}

static bool count_valid(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	if (!text || !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !*end && !errno && *ret <= max;
}

/* The next field up to a blank; NULL: there is none. */
static char *next_blank(char **line)
{
	char *field;

	do
		field = strsep(line, " \t");
	while (field && !*field);
	return field;
}

static int read_plain(struct bench_trace *t, char *line)
{
	char *at = next_blank(&line), *chain = next_blank(&line), *path = next_blank(&line);
	char *size = next_blank(&line);
	uint64_t bytes, at_ns;
	int64_t asked;
	double at_us;

	if (!size || next_blank(&line))
		return BENCH_TRACE_WRONG(t, -EINVAL, "not four fields: write " PLAIN_HEAD);
	if (!number_valid(at, (double)BENCH_DURATION_MAX_NS / 1e3, &at_us))
		return BENCH_TRACE_WRONG(t, -EINVAL,
					 "'%.40s' is no time: write µs since the start, at most 30 "
					 "days of them",
					 at);
	if (!count_valid(size, BENCH_BODY_MAX, &bytes))
		return BENCH_TRACE_WRONG(t, -EINVAL,
					 "'%.40s' is no size of a body: write bytes, 0 to %u", size,
					 BENCH_BODY_MAX);
	at_ns = (uint64_t)llround(at_us * 1e3);
	asked = bench_trace_ask(t, strcmp(chain, "-") ? chain : NULL, path, bytes);
	return asked < 0 ? (int)asked : bench_trace_arrive(t, at_ns, (uint32_t)asked);
}

static int64_t ask_function(struct bench_trace *t, const char *hash)
{
	char path[BENCH_PATH_MAX];

	if (snprintf(path, sizeof(path), "/f/%s", hash) >= (int)sizeof(path))
		return BENCH_TRACE_WRONG(t, -EINVAL, "the function's name is longer than %u bytes",
					 BENCH_PATH_MAX - 4);
	return bench_trace_ask(t, NULL, path, 0);
}

/* Fields are separated by a comma; an empty one is one. */
static int read_minutes(struct bench_trace *t, char *line)
{
	char *fields[4], *field;
	unsigned minute = 0;
	int64_t asked;

	for (unsigned i = 0; i < 4; i++)
		fields[i] = strsep(&line, ",");
	if (!fields[3] || !*fields[2])
		return BENCH_TRACE_WRONG(t, -EINVAL, "not a line of " MINUTES_HEAD "1,2,..");
	asked = ask_function(t, fields[2]);
	if (asked < 0)
		return (int)asked;
	for (; (field = strsep(&line, ",")); minute++) {
		uint64_t count, from_ns = minute * MINUTE_NS;

		if (!count_valid(field, BENCH_ARRIVALS_MAX, &count))
			return BENCH_TRACE_WRONG(t, -EINVAL,
						 "minute %u: '%.40s' is no count: write 0 to %u",
						 minute + 1, field, BENCH_ARRIVALS_MAX);
		for (uint64_t i = 0; i < count && from_ns < t->limit_ns; i++) {
			uint64_t in_ns = bench_random_below(&t->random, MINUTE_NS);
			int r = bench_trace_arrive(t, from_ns + in_ns, (uint32_t)asked);

			if (r)
				return r;
		}
	}
	if (minute == t->minutes)
		return 0;
	return BENCH_TRACE_WRONG(t, -EINVAL, "%u minutes, but the heading has %u: write as many",
				 minute, t->minutes);
}

static int read_invocation(struct bench_trace *t, char *line)
{
	double max = (double)BENCH_DURATION_MAX_NS / 1e9, end, duration;
	char *app = strsep(&line, ","), *function = strsep(&line, ",");
	char *end_text = strsep(&line, ","), *duration_text = strsep(&line, ",");
	int64_t asked;

	(void)app;
	if (!duration_text || line || !*function)
		return BENCH_TRACE_WRONG(t, -EINVAL,
					 "not four fields with a comma between: " INVOCATION_HEAD);
	if (!number_valid(end_text, max, &end) || !number_valid(duration_text, max, &duration))
		return BENCH_TRACE_WRONG(t, -EINVAL,
					 "end and duration are seconds from 0 to %.0f: '%.30s', "
					 "'%.30s'",
					 max, end_text, duration_text);
	asked = ask_function(t, function);
	if (asked < 0)
		return (int)asked;
	/* It may have begun before the trace did; the earliest one of all becomes 0. */
	return bench_trace_arrive(t, (uint64_t)llround((max + end - duration) * 1e9),
				  (uint32_t)asked);
}

static bench_trace_form minutes_form(struct bench_trace *t, const char *line)
{
	t->minutes = 1;
	for (line += strlen(MINUTES_HEAD); *line; line++)
		t->minutes += *line == ',';
	if (t->minutes > BENCH_TRACE_MINUTES_MAX) {
		BENCH_TRACE_WRONG(t, -EINVAL, "%u minutes are more than a day's %u: cut them off",
				  t->minutes, BENCH_TRACE_MINUTES_MAX);
		return NULL;
	}
	t->end_ns = t->minutes * MINUTE_NS;
	return read_minutes;
}

bench_trace_form bench_trace_form_of(struct bench_trace *t, char *line, bool *ret_heading)
{
	*ret_heading = true;
	if (!strncmp(line, MINUTES_HEAD, strlen(MINUTES_HEAD)))
		return minutes_form(t, line);
	if (!strcmp(line, INVOCATION_HEAD)) {
		t->relative = true;
		return read_invocation;
	}
	*ret_heading = !strcmp(line, PLAIN_HEAD);
	if (*ret_heading || isdigit((unsigned char)line[strspn(line, " \t")]))
		return read_plain;
	BENCH_TRACE_WRONG(t, -EINVAL,
			  "not a trace: begin with '" PLAIN_HEAD "', '" MINUTES_HEAD
			  "1,2,..' or '" INVOCATION_HEAD "'");
	return NULL;
}
