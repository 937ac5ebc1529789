// SPDX-License-Identifier: Apache-2.0
#include "controller/cli/tap_print.h"

#include <errno.h>
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/cli/top_view.h"

#define TIME_OFFSET 11 /* of the time of day in "2026-01-02T03:04:05.678901Z" */
#define TIME_LENGTH 15
#define ID_LENGTH 8 /* last digits: enough to tell requests apart by eye */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static const char *last(const char *text, size_t len)
{
	size_t all = strlen(text);

	return all > len ? text + all - len : text;
}

void tap_print_title(const struct tap_print *print)
{
	if (!print->json)
		fprintf(print->out, "%-*s %-*s %-33s %-12s %9s %7s %s\n", TIME_LENGTH, "TIME",
			ID_LENGTH, "REQUEST", "FROM -> TO", "EDGE", "BYTES", "AFTER", "VERDICT");
	fflush(print->out);
}

static void write_text(const struct tap_print *print, const json_t *object)
{
	const char *time = text_of(object, "time");
	char after[TOP_CELL_MAX], way[2 * TOP_NAME_MAX + 5];

	top_format_time(json_number_value(json_object_get(object, "us")), after);
	snprintf(way, sizeof(way), "%.*s -> %.*s", TOP_NAME_MAX, text_of(object, "from"),
		 TOP_NAME_MAX, text_of(object, "to"));
	fprintf(print->out, "%-*.*s %-*s %-33s %-12s %9lld %7s %s\n", TIME_LENGTH, TIME_LENGTH,
		strlen(time) > TIME_OFFSET ? time + TIME_OFFSET : time, ID_LENGTH,
		last(text_of(object, "id"), ID_LENGTH), way, text_of(object, "edge"),
		(long long)json_integer_value(json_object_get(object, "bytes")), after,
		text_of(object, "verdict"));
}

int tap_print_object(struct tap_print *print, const json_t *object)
{
	const json_t *lost = json_object_get(object, "lost");
	json_int_t us = json_integer_value(json_object_get(object, "us"));

	if (!lost && (us < 0 || (uint64_t)us < print->slower_us))
		return CLI_OK;
	if (print->json) {
		json_dumpf(object, print->out, JSON_COMPACT);
		fputc('\n', print->out);
	} else if (lost) {
		fprintf(print->out, "... %lld missing: faster than they can be told\n",
			(long long)json_integer_value(lost));
	} else {
		write_text(print, object);
	}
	if (fflush(print->out)) {
		fprintf(stderr, "sprocket tap: cannot write: %s\n", strerror(errno));
		return CLI_FAILED;
	}
	if (!lost)
		print->written++;
	return print->count && print->written == print->count ? TAP_PRINT_ENOUGH : CLI_OK;
}
