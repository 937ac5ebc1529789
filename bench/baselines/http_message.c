/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baselines/http_message.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 15 /* more is no size of anything here */
#define HOST_MAX 64U

static bool name_is(const char *line, size_t name_len, const char *name)
{
	return strlen(name) == name_len && strncasecmp(line, name, name_len) == 0;
}

/* Digits only, as RFC 9110 has them. */
static int length_parse(const char *value, size_t len, size_t *ret)
{
	size_t number = 0;

	if (len == 0 || len > LENGTH_DIGITS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return -EBADMSG;
		number = number * 10 + (size_t)(value[i] - '0');
	}
	*ret = number;
	return 0;
}

static int field_parse(const char *line, size_t len, bool *counted, struct http_head *head)
{
	const char *colon = memchr(line, ':', len);
	const char *value, *end = line + len;
	size_t name_len, body_len;

	if (!colon || colon == line)
		return -EBADMSG;
	name_len = (size_t)(colon - line);
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (name_is(line, name_len, "content-length")) {
		if (length_parse(value, (size_t)(end - value), &body_len) < 0 ||
		    (*counted && body_len != head->body_len))
			return -EBADMSG;
		head->body_len = body_len;
		*counted = true;
	} else if (name_is(line, name_len, "transfer-encoding")) {
		return -ENOTSUP;
	} else if (name_is(line, name_len, "connection")) {
		if (end - value == 5 && strncasecmp(value, "close", 5) == 0)
			head->last = true;
		else if (end - value == 10 && strncasecmp(value, "keep-alive", 10) == 0)
			head->last = false;
	}
	return 0;
}

/* "POST / HTTP/1.1" or "HTTP/1.1 200 OK"; HTTP/1.0 closes unless it says otherwise. */
static int first_line_parse(const char *line, size_t len, enum http_kind kind,
			    struct http_head *head)
{
	const char *version = line, *target;

	if (kind == HTTP_REQUEST) {
		if (len < sizeof("G / HTTP/1.1") - 1)
			return -EBADMSG;
		version = line + len - 8;
		target = memchr(line, ' ', len);
		if (version[-1] != ' ' || target == line || target >= version - 1)
			return -EBADMSG;
	} else if (len < sizeof("HTTP/1.1 200") - 1 || line[8] != ' ') {
		return -EBADMSG;
	}
	if (memcmp(version, "HTTP/1.", 7) != 0 || (version[7] != '0' && version[7] != '1'))
		return -EBADMSG;
	head->last = version[7] == '0';
	for (unsigned i = 0; kind == HTTP_ANSWER && i < 3; i++) {
		if (line[9 + i] < '0' || line[9 + i] > '9')
			return -EBADMSG;
		head->status = head->status * 10 + (unsigned)(line[9 + i] - '0');
	}
	return 0;
}

int http_head_parse(const char *data, size_t len, enum http_kind kind, struct http_head *ret)
{
	struct http_head head = { .body_len = 0 };
	size_t scanned = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX;
	const char *end = memmem(data, scanned, "\r\n\r\n", 4);
	bool counted = false, first = true;
	int rc;

	if (!end)
		return len < HTTP_HEAD_MAX ? -EAGAIN : -EMSGSIZE;
	end += 2; /* each line ends by \r\n */
	for (const char *line = data, *next; line < end; line = next, first = false) {
		next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
		if (next - line < 2 || next[-2] != '\r')
			return -EBADMSG;
		rc = first ? first_line_parse(line, (size_t)(next - line - 2), kind, &head) :
			     field_parse(line, (size_t)(next - line - 2), &counted, &head);
		if (rc < 0)
			return rc;
	}
	if (kind == HTTP_ANSWER && !counted)
		return -ENOTSUP;
	head.head_len = (size_t)(end + 2 - data);
	*ret = head;
	return 0;
}

static char *put(char *to, const char *text, size_t len)
{
	memcpy(to, text, len);
	return to + len;
}
#define PUT(to, text) put(to, text, sizeof(text) - 1)

static char *put_number(char *to, size_t number)
{
	char digits[24], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	return put(to, at, (size_t)(digits + sizeof(digits) - at));
}

size_t http_request_write(char to[HTTP_HEAD_TEXT], const char *host, size_t body_len)
{
	char *at = PUT(to, "POST / HTTP/1.1\r\nHost: ");

	at = put(at, host, strnlen(host, HOST_MAX));
	at = PUT(at, "\r\nContent-Type: text/plain\r\nContent-Length: ");
	at = put_number(at, body_len);
	return (size_t)(PUT(at, "\r\n\r\n") - to);
}

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 413:
		return "Content Too Large";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 502:
		return "Bad Gateway";
	default:
		return "Unknown";
	}
}

size_t http_answer_write(char to[HTTP_HEAD_TEXT], unsigned status, size_t body_len, bool last)
{
	const char *reason = reason_of(status);
	char *at = PUT(to, "HTTP/1.1 ");

	at = put_number(at, status);
	at = PUT(at, " ");
	at = put(at, reason, strlen(reason));
	at = PUT(at, "\r\nContent-Type: text/plain\r\nContent-Length: ");
	at = put_number(at, body_len);
	if (last)
		at = PUT(at, "\r\nConnection: close");
	return (size_t)(PUT(at, "\r\n\r\n") - to);
}
