// SPDX-License-Identifier: Apache-2.0
#include "controller/error_window.h"

#define RING (WINDOW_NOTES + 2)

static struct error_note *note_at(struct error_window *w, uint32_t i)
{
	return &w->notes[(w->first + i) % RING];
}

static void note_add(struct error_window *w, uint64_t now_ns, const struct error_counts *counts)
{
	if (w->count == RING) {
		w->first = (w->first + 1) % RING;
		w->count--;
	}
	*note_at(w, w->count++) = (struct error_note){ now_ns, *counts };
}

void error_window_begin(struct error_window *window, uint64_t length_ns, uint64_t now_ns,
			const struct error_counts *counts)
{
	window->length_ns = length_ns;
	window->first = window->count = 0;
	note_add(window, now_ns, counts);
}

struct error_counts error_window_look(struct error_window *window, uint64_t now_ns,
				      const struct error_counts *counts)
{
	const struct error_counts *from;

	/* What lies outside goes, but for one note: nobody looked for so long. */
	while (window->count > 1 && now_ns - note_at(window, 0)->at_ns > window->length_ns) {
		window->first = (window->first + 1) % RING;
		window->count--;
	}
	if (now_ns - note_at(window, window->count - 1)->at_ns >= window->length_ns / WINDOW_NOTES)
		note_add(window, now_ns, counts);
	from = &note_at(window, 0)->counts;
	return (struct error_counts){ .requests = counts->requests - from->requests,
				      .errors = counts->errors - from->errors,
				      .deaths = counts->deaths - from->deaths };
}

bool error_limit_passed(const struct chain_limit *limit, const struct error_counts *counts)
{
	return counts->requests >= limit->min_requests &&
	       counts->errors * 10000 >= counts->requests * limit->error_rate;
}
