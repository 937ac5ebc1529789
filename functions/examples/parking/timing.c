/* SPDX-License-Identifier: Apache-2.0 */
/* timing.c - see timing.h. */
#include "timing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One metric as it stands in the header. */
struct metric {
	char name[TIMING_NAME_MAX];
	char desc[TIMING_NAME_MAX];
	double us;
};

static const char *skip_blank(const char *text)
{
	return text + strspn(text, " \t");
}

/* Copies a token or a quoted string. Returns what follows it, NULL when there is none or
 * it does not fit. */
static const char *value_parse(const char *text, char ret[TIMING_NAME_MAX])
{
	size_t len = 0;
	bool quoted = *text == '"';

	for (text += quoted; *text && (quoted ? *text != '"' : !strchr(";,= \t", *text)); text++) {
		if (quoted && *text == '\\' && text[1])
			text++;
		if (len + 1 == TIMING_NAME_MAX)
			return NULL;
		ret[len++] = *text;
	}
	ret[len] = '\0';
	if (quoted)
		return *text == '"' ? text + 1 : NULL;
	return len > 0 ? text : NULL;
}

/* ";name=value" after a metric's name. */
static const char *param_parse(const char *text, struct metric *metric)
{
	char name[TIMING_NAME_MAX], value[TIMING_NAME_MAX] = "";

	text = value_parse(skip_blank(text), name);
	if (!text)
		return NULL;
	text = skip_blank(text);
	if (*text == '=') {
		text = value_parse(skip_blank(text + 1), value);
		if (!text)
			return NULL;
	}
	if (strcmp(name, "dur") == 0)
		metric->us = strtod(value, NULL) * 1000;
	else if (strcmp(name, "desc") == 0)
		memcpy(metric->desc, value, sizeof(value));
	return skip_blank(text);
}

static const char *metric_parse(const char *text, struct metric *ret)
{
	struct metric metric = { .us = -1 };

	text = value_parse(skip_blank(text), metric.name);
	if (!text)
		return NULL;
	text = skip_blank(text);
	while (text && *text == ';')
		text = param_parse(text + 1, &metric);
	if (!text || (*text && *text != ','))
		return NULL;
	*ret = metric;
	return text;
}

static int timing_add(struct timing *timing, const struct metric *metric)
{
	struct timing_hop *hop;

	if (strcmp(metric->name, "total") == 0) {
		timing->total_us = metric->us;
	} else if (strcmp(metric->name, "buffer") == 0) {
		memcpy(timing->buffer, metric->desc, sizeof(timing->buffer));
	} else {
		if (timing->count == TIMING_HOP_MAX)
			return -EBADMSG;
		hop = &timing->hops[timing->count++];
		memcpy(hop->function, metric->name, sizeof(hop->function));
		hop->us = metric->us;
	}
	return 0;
}

int timing_parse(const char *text, struct timing *ret)
{
	struct timing timing = { .total_us = -1 };

	for (text = skip_blank(text); *text; text += *text == ',') {
		struct metric metric;

		text = metric_parse(text, &metric);
		if (!text || timing_add(&timing, &metric) < 0)
			return -EBADMSG;
	}
	if (timing.count == 0)
		return -ENOENT;
	*ret = timing;
	return 0;
}

/* Appends to a line, as far as it fits. */
__attribute__((format(printf, 3, 4))) static void line_add(char *line, size_t size,
							   const char *format, ...)
{
	size_t len = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, size - len, format, args);
	va_end(args);
}

void timing_print(const struct timing *timing, char *ret, size_t size)
{
	ret[0] = '\0';
	for (size_t i = 0; i < timing->count; i++) {
		line_add(ret, size, "%s%s", i ? " > " : "", timing->hops[i].function);
		if (timing->hops[i].us >= 0)
			line_add(ret, size, " %.1f", timing->hops[i].us);
	}
	line_add(ret, size, " us");
	if (timing->total_us >= 0)
		line_add(ret, size, "  total %.1f us", timing->total_us);
	if (timing->buffer[0])
		line_add(ret, size, "  buffer %s", timing->buffer);
}

void timing_path(const struct timing *timing, char *ret, size_t size)
{
	ret[0] = '\0';
	for (size_t i = 0; i < timing->count; i++)
		line_add(ret, size, "%s%s", i ? " " : "", timing->hops[i].function);
}
