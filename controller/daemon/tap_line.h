/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap_line.h - one record of the kernel's tap in words, and as a line of JSON.
 *
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_TAP_LINE_H
#define SPROCKET_CONTROLLER_DAEMON_TAP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/runtime_stats.h"

/* A line is shorter: three names, none of which needs an escape, and numbers. */
#define TAP_LINE_MAX 768

struct tap_words {
	const char *from, *to; /* function, "gateway", or "" where there is none */
	const char *verdict;   /* "passed", "undeliverable", or a violation's name */
	char edge[RUNTIME_STATS_EDGE_NAME_MAX];
};

void tap_line_words(const struct chain *chain, const struct sp_tap *tap, struct tap_words *ret);

/* `realtime_offset_ns` turns CLOCK_MONOTONIC into the time of day. Returns the length. */
size_t tap_line_format(const struct sp_tap *tap, const struct tap_words *words,
		       int64_t realtime_offset_ns, char ret[TAP_LINE_MAX]);

#endif
