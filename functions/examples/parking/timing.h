/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timing.h - the path of a request, out of the Server-Timing header of its answer.
 *
 * For: the demo. How: the header lists a metric per hop, in order, then two that are no
 * functions:
 *
 *     detect;dur=0.812;desc="slot 3", search;dur=0.004, total;dur=0.83, buffer;desc="64Ki/7"
 *
 * Durations are milliseconds. Parameters of other names are skipped, as the W3C's
 * Server-Timing wants it.
 * Thread-safety: no state.
 */
#ifndef PARKING_TIMING_H
#define PARKING_TIMING_H

#include <stddef.h>

#define TIMING_HOP_MAX 32U
#define TIMING_NAME_MAX 64U

struct timing_hop {
	char function[TIMING_NAME_MAX];
	double us; /* -1: not told */
};

struct timing {
	size_t count;
	struct timing_hop hops[TIMING_HOP_MAX];
	double total_us;              /* -1: not told */
	char buffer[TIMING_NAME_MAX]; /* class and index; "": not told */
};

/* Reads the header's value, NUL-terminated. Returns 0 and *ret; -ENOENT when it names no
 * hop; -EBADMSG for what is no Server-Timing. */
int timing_parse(const char *text, struct timing *ret);

/* Writes the path as one line, "detect 812 > search 4 us  total 830 us  buffer 64Ki/7",
 * cut to fit. */
void timing_print(const struct timing *timing, char *ret, size_t size);

/* Writes the functions' names alone: "detect search charge". */
void timing_path(const struct timing *timing, char *ret, size_t size);

#endif
