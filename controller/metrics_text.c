// SPDX-License-Identifier: Apache-2.0
#include "controller/metrics_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)
#define US_PER_S UINT64_C(1000000)
#define ESCAPED_MAX 2 /* bytes that one byte may become */

void metrics_text_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static char *put_escaped(char *at, const char *end, const char *value)
{
	for (; *value && end - at > ESCAPED_MAX; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			*at++ = '\\';
		*at++ = *value == '\n' ? 'n' : *value;
	}
	return at;
}

/* name="value",... without braces, as a histogram's bound comes behind it. */
static void format_labels(char ret[METRICS_TEXT_LABELS_MAX], va_list args)
{
	const char *end = ret + METRICS_TEXT_LABELS_MAX - sizeof("\"");
	const char *name;
	char *at = ret;

	while ((name = va_arg(args, const char *))) {
		const char *value = va_arg(args, const char *);

		if (end - at <= (ptrdiff_t)strlen(name) + (ptrdiff_t)sizeof(",=\"\""))
			break;
		at += sprintf(at, "%s%s=\"", at == ret ? "" : ",", name);
		at = put_escaped(at, end, value);
		*at++ = '"';
	}
	*at = '\0';
}

static void write_name(FILE *out, const char *name, const char *suffix, const char *labels)
{
	fputs(name, out);
	fputs(suffix, out);
	if (labels[0]) {
		fputc('{', out);
		fputs(labels, out);
		fputc('}', out);
	}
}

void metrics_text_count(FILE *out, const char *name, uint64_t value, ...)
{
	char labels[METRICS_TEXT_LABELS_MAX];
	va_list args;

	va_start(args, value);
	format_labels(labels, args);
	va_end(args);
	write_name(out, name, "", labels);
	fprintf(out, " %" PRIu64 "\n", value);
}

void metrics_text_ns(FILE *out, const char *name, uint64_t ns, ...)
{
	char labels[METRICS_TEXT_LABELS_MAX];
	va_list args;

	va_start(args, ns);
	format_labels(labels, args);
	va_end(args);
	write_name(out, name, "", labels);
	fprintf(out, " %" PRIu64 ".%09" PRIu64 "\n", ns / NS_PER_S, ns % NS_PER_S);
}

/* Seconds without superfluous zeros: bounds are compared as text by some readers. */
static void format_bound(uint64_t us, char ret[32])
{
	int len = sprintf(ret, "%" PRIu64 ".%06" PRIu64, us / US_PER_S, us % US_PER_S);

	while (ret[len - 1] == '0' && ret[len - 2] != '.')
		ret[--len] = '\0';
}

void metrics_text_histogram(FILE *out, const char *name, const struct sp_histogram *histogram, ...)
{
	char labels[METRICS_TEXT_LABELS_MAX], bound[32];
	uint64_t count = 0, next = 1;
	const char *comma;
	va_list args;

	va_start(args, histogram);
	format_labels(labels, args);
	va_end(args);
	comma = labels[0] ? "," : "";
	for (unsigned b = 0; b < SP_HIST_BUCKETS - 1; b++) {
		uint64_t upper = sp_histogram_upper_us(b);

		count += histogram->count[b];
		if (upper < next || (upper & (upper - 1)))
			continue;
		next = upper << 1;
		format_bound(upper, bound);
		fprintf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma, bound,
			count);
	}
	count += histogram->count[SP_HIST_BUCKETS - 1];
	fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, count);
	write_name(out, name, "_sum", labels);
	fprintf(out, " %" PRIu64 ".%06" PRIu64 "\n", (uint64_t)histogram->sum_us / US_PER_S,
		(uint64_t)histogram->sum_us % US_PER_S);
	write_name(out, name, "_count", labels);
	fprintf(out, " %" PRIu64 "\n", count);
}
