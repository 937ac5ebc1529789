/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_reader.h - what a trace's lines (trace_lines.c) say, and what becomes of it (trace.c).
 *
 * How: lines tell requests and arrivals. Only requests that are due within the duration are added
 * to the mix, once all lines are read.
 * Thread-safety: one thread. Failure modes: -errno; trace->error names the line and what to do.
 */
#ifndef SPROCKET_BENCH_TRACE_READER_H
#define SPROCKET_BENCH_TRACE_READER_H

#include "bench/load/explain.h"
#include "bench/load/mix.h"
#include "bench/load/random.h"

#define BENCH_TRACE_MINUTES_MAX 1440U

/* A request that some line asks for. */
struct bench_asked {
	char *host, *path; /* host NULL: none; in one piece, which begins with path */
	uint64_t bytes;
	unsigned long line; /* the first one */
	bool wanted;        /* by an arrival within the duration */
	int request;        /* then: of the mix */
};

struct bench_trace {
	const char *path;
	char *error; /* BENCH_ERROR_TEXT */
	unsigned long line;
	uint64_t limit_ns; /* later arrivals are left out */
	uint64_t end_ns;   /* of what the lines tell; 0: its last arrival */
	bool relative;     /* times count from the earliest */
	unsigned minutes;  /* columns of each line */
	struct bench_random random;
	struct bench_arrival *arrivals; /* request: index into asked */
	size_t count, room;
	struct bench_asked *asked;
	uint32_t asked_count, asked_room;
	uint32_t *table; /* by hash: 1 + index into asked; twice asked_room */
};

/* Explains with the line's number and returns `code`. */
#define BENCH_TRACE_WRONG(t, code, ...) \
	bench_explain_line((t)->error, code, (t)->path, (t)->line, __VA_ARGS__)

/* A form's line; *line is changed. Returns 0 or -errno. */
typedef int (*bench_trace_form)(struct bench_trace *t, char *line);

/* The form that begins with this line; NULL with an error: none does. *ret_heading: the line is its
 * heading, not a part of it. */
bench_trace_form bench_trace_form_of(struct bench_trace *t, char *line, bool *ret_heading);

/* That a line asks for this, `host` NULL: of none. Returns an index, or -errno. */
int64_t bench_trace_ask(struct bench_trace *t, const char *host, const char *path, uint64_t bytes);
int bench_trace_arrive(struct bench_trace *t, uint64_t at_ns, uint32_t asked);

#endif
