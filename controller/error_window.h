/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error_window.h - how many requests of late, and how many of them went wrong.
 *
 * For: breaker.c and the roll-back of a revision, which judge by a rate over a window of time.
 * How: counts that only go up are noted now and then, at most WINDOW_NOTES in a window; what
 * happened since the oldest note within the window is the difference to now. So the window is
 * as long as it is called, or shorter by one part in WINDOW_NOTES.
 * Thread-safety: one owner. Time is the caller's: nanoseconds that never go back.
 */
#ifndef SPROCKET_CONTROLLER_ERROR_WINDOW_H
#define SPROCKET_CONTROLLER_ERROR_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/chain.h"

#define WINDOW_NOTES 32

struct error_counts {
	uint64_t requests; /* that ended, one way or another */
	uint64_t errors;   /* of them: failed, lost with an instance, late */
	uint64_t deaths;   /* of instances */
};

struct error_note {
	uint64_t at_ns;
	struct error_counts counts;
};

struct error_window {
	uint64_t length_ns;
	uint32_t first, count; /* notes[]: a ring, the oldest first */
	struct error_note notes[WINDOW_NOTES + 2];
};

/* Begins anew: what was counted before is of no concern. */
void error_window_begin(struct error_window *window, uint64_t length_ns, uint64_t now_ns,
			const struct error_counts *counts);

/* What happened within the window, given the counts of now, which may be noted. */
struct error_counts error_window_look(struct error_window *window, uint64_t now_ns,
				      const struct error_counts *counts);

/* Are there too many errors among so many requests? */
bool error_limit_passed(const struct chain_limit *limit, const struct error_counts *counts);

#endif
