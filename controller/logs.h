/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.h - a child's output, line by line, each with the child's name in front.
 *
 * For: the runtime. How: reads the child's log pipe as it becomes readable; a line longer
 * than LOGS_LINE_MAX is cut into several. Thread-safety: none needed.
 */
#ifndef SPROCKET_CONTROLLER_LOGS_H
#define SPROCKET_CONTROLLER_LOGS_H

#include <stddef.h>
#include <stdio.h>

#define LOGS_LINE_MAX 4096
#define LOGS_TURN_MAX (128U << 10) /* bytes of one call: others wait for their turn */

struct logs {
	char name[96];
	size_t used;
	char line[LOGS_LINE_MAX];
};

void logs_init(struct logs *logs, const char *name);

/* Reads what `fd` has, up to LOGS_TURN_MAX, and writes whole lines to `out`: a child that
 * writes faster than we read must not hold us. Returns 0 when there may be more
 * later, 1 at the end (what was left of a line is written, too). */
int logs_read(struct logs *logs, int fd, FILE *out);

#endif
