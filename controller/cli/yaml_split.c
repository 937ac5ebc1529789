// SPDX-License-Identifier: Apache-2.0
/* See yaml_split.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/yaml_split.h"

static size_t line_end(const char *text, size_t len, size_t at)
{
	const char *end = memchr(text + at, '\n', len - at);

	return end ? (size_t)(end - text) + 1 : len;
}

static bool is_marker(const char *line, size_t len, const char *marker)
{
	return len >= 3 && memcmp(line, marker, 3) == 0 &&
	       (len == 3 || strchr(" \t\r\n", line[3]) != NULL);
}

/* Is there nothing in the line but a comment, and the marker that begins it? A directive
 * ("%YAML 1.1") changes nothing for a chain file. */
static bool is_blank(const char *line, size_t len)
{
	size_t i = is_marker(line, len, "---") || is_marker(line, len, "...") ? 3 : 0;

	while (i < len && (line[i] == ' ' || line[i] == '\t'))
		i++;
	return i == len || strchr("\r\n#", line[i]) != NULL || line[0] == '%';
}

/* Where the document that begins at `at` ends; *ret_blank: nothing is in it. */
static size_t document_end(const char *text, size_t len, size_t begin, bool *ret_blank)
{
	bool blank = true, over = false;
	size_t at = begin;

	while (at < len && !over) {
		size_t next = line_end(text, len, at);

		if (at > begin && is_marker(text + at, next - at, "---"))
			break;
		over = is_marker(text + at, next - at, "...");
		blank = blank && is_blank(text + at, next - at);
		at = next;
	}
	*ret_blank = blank;
	return at;
}

/* text[0 .. begin) as empty lines, then text[begin .. end). */
static char *padded(const char *text, size_t begin, size_t end, size_t *ret_len)
{
	size_t lines = 0;
	char *copy;

	for (size_t i = 0; i < begin; i++)
		lines += text[i] == '\n';
	copy = malloc(lines + (end - begin) + 1);
	if (!copy)
		return NULL;
	memset(copy, '\n', lines);
	memcpy(copy + lines, text + begin, end - begin);
	*ret_len = lines + (end - begin);
	copy[*ret_len] = '\0';
	return copy;
}

char *yaml_split_next(const char *text, size_t len, size_t *at, size_t *ret_len)
{
	while (*at < len) {
		bool blank;
		size_t begin = *at, end = document_end(text, len, begin, &blank);

		if (!blank) {
			char *copy = padded(text, begin, end, ret_len);

			if (copy)
				*at = end;
			return copy;
		}
		*at = end;
	}
	return NULL;
}
