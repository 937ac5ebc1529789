/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_value.c - see chain_value.h.
 */
#include "controller/chain_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const chain_methods[CHAIN_METHODS] = { "GET",   "HEAD",   "POST",   "PUT",
						   "PATCH", "DELETE", "OPTIONS" };

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "Ki", 1 << 10 },
	{ "Mi", 1 << 20 },
	{ "Gi", 1 << 30 },
};

static const struct unit duration_units[] = {
	{ "us", 1000 },       { "ms", 1000000 },      { "s", 1000000000 },
	{ "m", 60000000000 }, { "h", 3600000000000 },
};

/* A number and the text behind it. */
static int digits(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t value = 0;
	const char *at = text;

	while (isdigit((unsigned char)*at)) {
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return -ERANGE;
		at++;
	}
	if (at == text || (text[0] == '0' && at > text + 1))
		return -EINVAL;
	*ret = value;
	*ret_end = at;
	return 0;
}

static int with_unit(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
	const char *end;
	uint64_t value;
	int err = digits(text, &value, &end);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (__builtin_mul_overflow(value, units[i].factor, &value))
			return -ERANGE;
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

int chain_value_number(const char *text, uint64_t *ret)
{
	return with_unit(text, size_units, 1, ret);
}

int chain_value_size(const char *text, uint64_t *ret)
{
	return with_unit(text, size_units, sizeof(size_units) / sizeof(size_units[0]), ret);
}

int chain_value_duration(const char *text, uint64_t *ret_ns)
{
	return with_unit(text, duration_units, sizeof(duration_units) / sizeof(duration_units[0]),
			 ret_ns);
}

const char *chain_value_duration_text(uint64_t ns, char *buf)
{
	size_t i = sizeof(duration_units) / sizeof(duration_units[0]) - 1;

	while (i > 0 && (ns == 0 || ns % duration_units[i].factor))
		i--;
	snprintf(buf, CHAIN_SIZE_TEXT_MAX, "%" PRIu64 "%s", ns / duration_units[i].factor,
		 duration_units[i].name);
	return buf;
}

const char *chain_value_size_text(uint64_t size, char *buf)
{
	size_t i = sizeof(size_units) / sizeof(size_units[0]) - 1;
	uint64_t factor;

	while (i > 0 && (size < size_units[i].factor ||
			 (size % size_units[i].factor && size / size_units[i].factor < 100)))
		i--;
	factor = size_units[i].factor;
	snprintf(buf, CHAIN_SIZE_TEXT_MAX, "%" PRIu64 "%s", size / factor + !!(size % factor),
		 size_units[i].name);
	return buf;
}

static size_t length_up_to(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	return len > max ? 0 : len;
}

bool chain_value_is_label(const char *text)
{
	size_t len = length_up_to(text, 63);

	for (size_t i = 0; i < len; i++) {
		bool inner = i > 0 && i + 1 < len;

		if (!(text[i] >= 'a' && text[i] <= 'z') && !isdigit((unsigned char)text[i]) &&
		    !(text[i] == '-' && inner))
			return false;
	}
	return len > 0;
}

bool chain_value_is_host(const char *text)
{
	char label[64];

	if (length_up_to(text, 253) == 0)
		return false;
	if (!strncmp(text, "*.", 2))
		text += 2;
	for (;;) {
		size_t len = strcspn(text, ".");

		if (len >= sizeof(label))
			return false;
		memcpy(label, text, len);
		label[len] = '\0';
		if (!chain_value_is_label(label))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

static bool consists_of(const char *text, size_t max, const char *others)
{
	size_t len = length_up_to(text, max);

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr(others, text[i]))
			return false;
	}
	return len > 0;
}

bool chain_value_is_edge(const char *text)
{
	return consists_of(text, 63, "-_");
}

bool chain_value_is_token(const char *text)
{
	return consists_of(text, 255, "!#$%&'*+-.^_`|~");
}

bool chain_value_is_path(const char *text)
{
	if (text[0] != '/')
		return false;
	for (const char *at = text; *at; at++) {
		if (*at <= ' ' || *at > '~' || strchr("?#", *at))
			return false;
		if (*at == '*' && (at[-1] != '/' || at[1]))
			return false;
	}
	return true;
}
