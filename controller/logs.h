/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.h - a child's output, line by line, each with the child's name.
 *
 * For: the runtime. How: reads the child's log pipe as it becomes readable and gives whole
 * lines to a sink; a line longer than LOGS_LINE_MAX is cut into several. A child may write
 * LOGS_BURST lines at once, and LOGS_RATE a second in the long run; what is above is
 * dropped, counted, and told in one line a second at most.
 * Thread-safety: none needed.
 */
#ifndef SPROCKET_CONTROLLER_LOGS_H
#define SPROCKET_CONTROLLER_LOGS_H

#include <stddef.h>
#include <stdint.h>

#define LOGS_LINE_MAX 4096
#define LOGS_SOURCE_MAX 96
#define LOGS_TURN_MAX (128U << 10) /* bytes of one call: others wait for their turn */
#define LOGS_DRAIN_MAX (2U << 20)  /* above what a pipe holds */
#define LOGS_RATE 1000
#define LOGS_BURST 10000

/* Where lines go; `text` ends at `len`. */
struct logs_sink {
	void (*line)(void *arg, const char *source, const char *text, size_t len);
	void *arg;
};

struct logs {
	const struct logs_sink *sink;
	char source[LOGS_SOURCE_MAX];
	uint64_t credit_ns;  /* what may be written, as time */
	uint64_t counted_ns; /* when it was counted */
	uint64_t told_ns;
	uint64_t dropped; /* not told yet */
	uint64_t dropped_ever;
	size_t used;
	char line[LOGS_LINE_MAX];
};

/* `sink` stays the caller's, for as long as `logs` is used; NULL: lines go to stderr, the
 * source in front. */
void logs_init(struct logs *logs, const char *source, const struct logs_sink *sink);

/* Reads what `fd` has, up to LOGS_TURN_MAX, and gives whole lines on: a child that writes
 * faster than we read must not hold us. Returns 0 when there may be more later, 1 at the end
 * (what was left of a line is given on, too, and what was dropped is told). */
int logs_read(struct logs *logs, int fd);

/* The child is dead: the same for all that is left, up to LOGS_DRAIN_MAX, as if the end had
 * been reached (others may have the pipe still open). */
void logs_drain(struct logs *logs, int fd);

#endif
