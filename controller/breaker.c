// SPDX-License-Identifier: Apache-2.0
#include "controller/breaker.h"

const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		BREAKER_STATES(X)
#undef X
	};

	return names[state];
}

static void state_set(struct breaker *b, enum breaker_state state, uint64_t now_ns)
{
	b->opened += state == BREAKER_OPEN;
	b->state = state;
	b->since_ns = now_ns;
}

void breaker_begin(struct breaker *breaker, const struct chain_traffic *rules, uint64_t now_ns,
		   const struct error_counts *counts)
{
	breaker->state = BREAKER_CLOSED;
	breaker->since_ns = now_ns;
	error_window_begin(&breaker->window, rules->breaker.window_ns, now_ns, counts);
}

void breaker_resume(struct breaker *breaker, enum breaker_state state, uint64_t now_ns,
		    const struct error_counts *counts)
{
	error_window_begin(&breaker->window, UINT64_MAX, now_ns, counts);
	state_set(breaker, state, now_ns);
}

bool breaker_look(struct breaker *breaker, const struct chain_traffic *rules, uint64_t now_ns,
		  const struct error_counts *counts, uint32_t ready, struct error_counts *ret)
{
	*ret = error_window_look(&breaker->window, now_ns, counts);
	switch (breaker->state) {
	case BREAKER_CLOSED:
		if (!error_limit_passed(&rules->breaker, ret))
			return false;
		state_set(breaker, BREAKER_OPEN, now_ns);
		return true;
	case BREAKER_OPEN:
		if (now_ns - breaker->since_ns < rules->breaker_open_ns || ready == 0)
			return false;
		error_window_begin(&breaker->window, UINT64_MAX, now_ns, counts);
		state_set(breaker, BREAKER_HALF_OPEN, now_ns);
		return true;
	case BREAKER_HALF_OPEN:
		if (ret->errors > 0) {
			state_set(breaker, BREAKER_OPEN, now_ns);
			return true;
		}
		if (ret->requests < BREAKER_PROBES)
			return false;
		breaker_begin(breaker, rules, now_ns, counts);
		return true;
	}
	return false;
}
