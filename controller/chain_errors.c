/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_errors.c - see chain_errors.h.
 */
#include "controller/chain_errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 character at `s`, or 0 when it is none (a cut one) or a control
 * character, also of the upper half, which terminals obey too. */
static size_t character_length(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0x20 || s[0] == 0x7f || (s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4)
		return 0;
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* A copy of `text` that is safe to show: what is not printable becomes \xNN. */
static char *escape(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char *copy = malloc(4 * strlen(text) + 1);
	char *at = copy;

	if (!copy)
		return NULL;
	while (*s) {
		size_t len = character_length(s);

		if (len) {
			memcpy(at, s, len);
			at += len;
			s += len;
		} else {
			at += sprintf(at, "\\x%02x", *s++);
		}
	}
	*at = '\0';
	return copy;
}

void chain_errors_add(struct chain_errors *errors, struct chain_place at, const char *format, ...)
{
	struct chain_error *error = &errors->items[errors->count];
	char text[CHAIN_ERROR_TEXT_MAX];
	va_list args;

	if (chain_errors_full(errors)) {
		errors->more = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error->text = escape(text);
	if (!error->text) {
		errors->failed = -ENOMEM;
		return;
	}
	error->at = at;
	error->number = errors->count++;
}

bool chain_errors_full(const struct chain_errors *errors)
{
	return errors->count == CHAIN_ERROR_MAX;
}

static int compare(const void *a, const void *b)
{
	const struct chain_error *x = a, *y = b;
	/* Those of the whole file (line 0) come last: 0 - 1 wraps. */
	uint32_t x_line = x->at.line - 1, y_line = y->at.line - 1;

	if (x_line != y_line)
		return x_line < y_line ? -1 : 1;
	if (x->at.column != y->at.column)
		return x->at.column < y->at.column ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

void chain_errors_print(struct chain_errors *errors, const char *file, FILE *out)
{
	qsort(errors->items, errors->count, sizeof(errors->items[0]), compare);
	for (unsigned i = 0; i < errors->count; i++) {
		const struct chain_error *error = &errors->items[i];

		if (error->at.line)
			fprintf(out, "%s:%u:%u: %s\n", file, error->at.line, error->at.column,
				error->text);
		else
			fprintf(out, "%s: %s\n", file, error->text);
	}
	if (errors->more)
		fprintf(out, "%s: there are more errors; %d are shown\n", file, CHAIN_ERROR_MAX);
}

void chain_errors_done(struct chain_errors *errors)
{
	for (unsigned i = 0; i < errors->count; i++)
		free(errors->items[i].text);
	errors->count = 0;
}
