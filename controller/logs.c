// SPDX-License-Identifier: Apache-2.0
#include "controller/logs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void logs_init(struct logs *logs, const char *name)
{
	logs->used = 0;
	snprintf(logs->name, sizeof(logs->name), "%s", name);
}

static void line_write(struct logs *logs, size_t from, size_t len, FILE *out)
{
	fprintf(out, "%s: %.*s\n", logs->name, (int)len, logs->line + from);
}

/* Writes the whole lines and keeps the rest. */
static void lines_write(struct logs *logs, FILE *out)
{
	size_t from = 0;
	char *end;

	while ((end = memchr(logs->line + from, '\n', logs->used - from))) {
		line_write(logs, from, (size_t)(end - logs->line) - from, out);
		from = (size_t)(end - logs->line) + 1;
	}
	logs->used -= from;
	memmove(logs->line, logs->line + from, logs->used);
	if (logs->used == LOGS_LINE_MAX) {
		line_write(logs, 0, logs->used, out);
		logs->used = 0;
	}
}

int logs_read(struct logs *logs, int fd, FILE *out)
{
	size_t total = 0;

	while (total < LOGS_TURN_MAX) {
		ssize_t n = read(fd, logs->line + logs->used, LOGS_LINE_MAX - logs->used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			fflush(out);
			return 0;
		}
		if (n <= 0) {
			if (logs->used > 0)
				line_write(logs, 0, logs->used, out);
			logs->used = 0;
			fflush(out);
			return 1;
		}
		total += (size_t)n;
		logs->used += (size_t)n;
		lines_write(logs, out);
	}
	fflush(out);
	return 0;
}
