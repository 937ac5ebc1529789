/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker.h - when requests are kept away from a function that fails, and when they come back.
 *
 * For: runtime_traffic.c, which does what the state says.
 * How: closed until the errors within a window pass the limit; open for a while, in which nothing
 * reaches the function; then half-open, in which a few probes do: when so many were answered well
 * it is closed, at the first error it is open again. Without an instance it stays open.
 * Thread-safety: one owner. Time is the caller's.
 */
#ifndef SPROCKET_CONTROLLER_BREAKER_H
#define SPROCKET_CONTROLLER_BREAKER_H

#include "controller/error_window.h"

#define BREAKER_PROBES 5 /* for each instance; as many good answers close it */

/* X(state, name, what it means); their order is that of the metric. */
#define BREAKER_STATES(X)                                       \
	X(CLOSED, "closed", "requests reach the function")      \
	X(HALF_OPEN, "half-open", "a few reach it, as a probe") \
	X(OPEN, "open", "none does")

enum breaker_state {
#define X(id, name, text) BREAKER_##id,
	BREAKER_STATES(X)
#undef X
};

struct breaker {
	enum breaker_state state;
	uint64_t since_ns;
	uint32_t opened;            /* how often */
	struct error_window window; /* closed: of the limit; half-open: since it is */
};

const char *breaker_state_name(enum breaker_state state);

/* Closed, and counts from now on. */
void breaker_begin(struct breaker *breaker, const struct chain_traffic *rules, uint64_t now_ns,
		   const struct error_counts *counts);

/* Goes on with what another controller had made of it. */
void breaker_resume(struct breaker *breaker, enum breaker_state state, uint64_t now_ns,
		    const struct error_counts *counts);

/* Looks at the counts, `ready` being the function's instances. True when the state changed;
 * *ret is what happened in the window that it was judged by. */
bool breaker_look(struct breaker *breaker, const struct chain_traffic *rules, uint64_t now_ns,
		  const struct error_counts *counts, uint32_t ready, struct error_counts *ret);

#endif
