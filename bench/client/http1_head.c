/* SPDX-License-Identifier: Apache-2.0 */
/* http1_head.c - see http1.h. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "bench/client/http1.h"

#define VERSION "HTTP/1."
#define VERSION_LEN (sizeof(VERSION) - 1)
#define STATUS_LINE_MIN (sizeof("HTTP/1.1 200") - 1)
#define LENGTH_DIGITS_MAX 18U

static bool is_token(unsigned char byte)
{
	return isalnum(byte) || (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

static int status_line(const char *line, size_t len, struct http1_head *ret)
{
	const unsigned char *code = (const unsigned char *)line + VERSION_LEN + 2;

	if (len < STATUS_LINE_MIN || memcmp(line, VERSION, VERSION_LEN) != 0 ||
	    (line[VERSION_LEN] != '0' && line[VERSION_LEN] != '1') || line[VERSION_LEN + 1] != ' ')
		return -EPROTO;
	if (!isdigit(code[0]) || !isdigit(code[1]) || !isdigit(code[2]) || code[0] == '0' ||
	    (len > STATUS_LINE_MIN && code[3] != ' '))
		return -EPROTO;
	ret->status = (uint16_t)((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
	ret->close = line[VERSION_LEN] == '0';
	return 0;
}

static int length_field(const char *value, size_t len, struct http1_head *ret)
{
	uint64_t length = 0;

	if (len == 0 || len > LENGTH_DIGITS_MAX)
		return -EPROTO;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)value[i]))
			return -EPROTO;
		length = length * 10 + (uint64_t)(value[i] - '0');
	}
	if (ret->has_length && ret->length != length)
		return -EPROTO;
	ret->has_length = true;
	ret->length = length;
	return 0;
}

static int coding_field(const char *value, size_t len, struct http1_head *ret)
{
	if (ret->chunked || len != 7 || strncasecmp(value, "chunked", 7) != 0)
		return -EPROTO;
	ret->chunked = true;
	return 0;
}

static void connection_field(const char *value, size_t len, struct http1_head *ret)
{
	const char *end = value + len;

	while (value < end) {
		const char *comma = memchr(value, ',', (size_t)(end - value));
		const char *stop = comma ? comma : end;

		while (value < stop && (*value == ' ' || *value == '\t'))
			value++;
		if (stop - value >= 5 && !strncasecmp(value, "close", 5))
			ret->close = true;
		else if (stop - value >= 10 && !strncasecmp(value, "keep-alive", 10))
			ret->close = false;
		value = stop + 1;
	}
}

/* Several fields of that name are one list. What finds no place is left out, whole. */
static int timing_field(const char *value, size_t len, struct http1_bytes *timing)
{
	if (timing->len + len + 1 > HTTP1_TIMING_MAX)
		return 0;
	if (timing->len > 0 && http1_append(timing, ",", 1, HTTP1_TIMING_MAX) < 0)
		return -ENOMEM;
	return http1_append(timing, value, len, HTTP1_TIMING_MAX);
}

static bool named(const char *name, size_t len, const char *wanted)
{
	return !strncasecmp(name, wanted, len);
}

static int known_field(const char *name, size_t name_len, const char *value, size_t len,
		       struct http1_head *ret, struct http1_bytes *timing)
{
	switch (name_len) {
	case 10:
		if (named(name, 10, "connection")) {
			connection_field(value, len, ret);
		} else if (named(name, 10, "set-cookie")) {
			ret->cookie = value;
			ret->cookie_len = len;
		}
		return 0;
	case 13:
		return named(name, 13, "server-timing") ? timing_field(value, len, timing) : 0;
	case 14:
		return named(name, 14, "content-length") ? length_field(value, len, ret) : 0;
	case 17:
		return named(name, 17, "transfer-encoding") ? coding_field(value, len, ret) : 0;
	default:
		return 0;
	}
}

static int field_line(const char *line, size_t len, struct http1_head *ret,
		      struct http1_bytes *timing)
{
	const char *colon = memchr(line, ':', len), *value, *end = line + len;

	if (!colon || colon == line || memchr(line, '\0', len) || memchr(line, '\r', len))
		return -EPROTO;
	for (const char *at = line; at < colon; at++)
		if (!is_token((unsigned char)*at))
			return -EPROTO;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t');)
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return known_field(line, (size_t)(colon - line), value, (size_t)(end - value), ret, timing);
}

int http1_head_read(const char *bytes, size_t len, struct http1_head *ret,
		    struct http1_bytes *timing)
{
	const char *line = bytes, *end = bytes + len;
	int r = 0;

	*ret = (struct http1_head){ 0 };
	timing->len = 0;
	while (line < end && r == 0) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		if (!stop || stop == line || stop[-1] != '\r')
			return -EPROTO;
		if (line == bytes)
			r = status_line(line, (size_t)(stop - 1 - line), ret);
		else if (stop - 1 > line)
			r = field_line(line, (size_t)(stop - 1 - line), ret, timing);
		line = stop + 1;
	}
	/* Both lengths at once: whoever reads the other one sees another answer. */
	return r == 0 && ret->chunked && ret->has_length ? -EPROTO : r;
}
