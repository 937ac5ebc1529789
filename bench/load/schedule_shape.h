/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule_shape.h - how a rate changes over time.
 * For: schedule.c. How: parts one after the other, begun again when the last one is over.
 * Thread-safety: functions of their arguments. Failure modes: as bench_schedule_make.
 */
#ifndef SPROCKET_BENCH_SCHEDULE_SHAPE_H
#define SPROCKET_BENCH_SCHEDULE_SHAPE_H

#include <stdint.h>

#include "bench/load/schedule.h"

#define BENCH_PARTS_MAX 64U

struct bench_part {
	double from, to;    /* requests/s at its ends; in between it changes evenly */
	uint64_t length_ns; /* not 0 */
};

struct bench_shape {
	struct bench_part parts[BENCH_PARTS_MAX];
	unsigned count;
};

/* How many requests are due in it. */
double bench_part_area(const struct bench_part *part);
/* When, in ns since its begin, `area` (less than all) of them were due. */
uint64_t bench_part_when(const struct bench_part *part, double area);
/* All that is due until `duration_ns`. */
double bench_shape_area(const struct bench_shape *shape, uint64_t duration_ns);

/* "NAME" or "NAME:ARGUMENTS" of schedule.h; *text is changed. */
int bench_shape_parse(char *text, double rate, uint64_t duration_ns, struct bench_shape *ret,
		      char error[BENCH_ERROR_TEXT]);

#endif
