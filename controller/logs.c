// SPDX-License-Identifier: Apache-2.0
#include "controller/logs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/logstore_text.h"
#include "controller/loop.h"

#define SECOND_NS 1000000000ULL
#define LINE_NS (SECOND_NS / LOGS_RATE) /* what a line costs */

static void to_stderr(void *arg, const char *source, const char *text, size_t len)
{
	char clean[4 * LOGS_LINE_MAX];
	size_t n = len > LOGS_LINE_MAX ? LOGS_LINE_MAX : len;

	(void)arg;
	/* What a function writes is a stranger's, and stderr may be a terminal. */
	n = logstore_text(text, n, clean);
	fprintf(stderr, "%s: %.*s\n", source, (int)n, clean);
}

static const struct logs_sink stderr_sink = { .line = to_stderr };

void logs_init(struct logs *logs, const char *source, const struct logs_sink *sink)
{
	logs->sink = sink ? sink : &stderr_sink;
	snprintf(logs->source, sizeof(logs->source), "%s", source);
	logs->credit_ns = LOGS_BURST * LINE_NS;
	logs->counted_ns = loop_now_ns();
	logs->told_ns = 0;
	logs->dropped = 0;
	logs->dropped_ever = 0;
	logs->used = 0;
}

/* Time gives credit, a line costs some. */
static bool line_allowed(struct logs *logs)
{
	uint64_t now = loop_now_ns();

	logs->credit_ns += now - logs->counted_ns;
	logs->counted_ns = now;
	if (logs->credit_ns > LOGS_BURST * LINE_NS)
		logs->credit_ns = LOGS_BURST * LINE_NS;
	if (logs->credit_ns < LINE_NS)
		return false;
	logs->credit_ns -= LINE_NS;
	return true;
}

static void dropped_tell(struct logs *logs)
{
	char text[96];
	int len;

	if (logs->dropped == 0)
		return;
	len = snprintf(text, sizeof(text), "%" PRIu64 " lines dropped: more than %d a second",
		       logs->dropped, LOGS_RATE);
	logs->dropped = 0;
	logs->told_ns = logs->counted_ns;
	logs->sink->line(logs->sink->arg, logs->source, text, (size_t)len);
}

static void line_give(struct logs *logs, size_t from, size_t len)
{
	bool allowed = line_allowed(logs);

	if (!allowed) {
		logs->dropped++;
		logs->dropped_ever++;
	}
	if (logs->counted_ns - logs->told_ns >= SECOND_NS)
		dropped_tell(logs);
	if (allowed)
		logs->sink->line(logs->sink->arg, logs->source, logs->line + from, len);
}

/* Gives the whole lines on and keeps the rest. */
static void lines_give(struct logs *logs)
{
	size_t from = 0;
	char *end;

	while ((end = memchr(logs->line + from, '\n', logs->used - from))) {
		line_give(logs, from, (size_t)(end - logs->line) - from);
		from = (size_t)(end - logs->line) + 1;
	}
	logs->used -= from;
	memmove(logs->line, logs->line + from, logs->used);
	if (logs->used == LOGS_LINE_MAX) {
		line_give(logs, 0, logs->used);
		logs->used = 0;
	}
}

/* Reads at most `max` bytes and a line. 0: for now that is all, 1: it is the end. */
static int read_some(struct logs *logs, int fd, size_t max)
{
	size_t total = 0;

	while (total < max) {
		ssize_t n = read(fd, logs->line + logs->used, LOGS_LINE_MAX - logs->used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return 1;
		total += (size_t)n;
		logs->used += (size_t)n;
		lines_give(logs);
	}
	return 0;
}

static void end(struct logs *logs)
{
	if (logs->used > 0)
		line_give(logs, 0, logs->used);
	logs->used = 0;
	dropped_tell(logs);
}

int logs_read(struct logs *logs, int fd)
{
	int r = read_some(logs, fd, LOGS_TURN_MAX);

	if (r == 1)
		end(logs);
	return r;
}

void logs_drain(struct logs *logs, int fd)
{
	read_some(logs, fd, LOGS_DRAIN_MAX);
	end(logs);
}
