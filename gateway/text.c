// SPDX-License-Identifier: Apache-2.0
#include "gateway/text.h"

#include <stdint.h>
#include <string.h>

char *gw_text_put(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len);
	return to + len;
}

/* RFC 3629, table 3-7 of Unicode: no overlong forms, no surrogates, nothing above 10FFFF. */
size_t gw_text_utf8(const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;
	uint8_t low = 0x80, high = 0xbf;
	size_t need;

	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len < need)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++) {
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	}
	return need;
}

static char *escape_one(char *to, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	switch (c) {
	case '"':
		return gw_text_put(to, "\\\"");
	case '\\':
		return gw_text_put(to, "\\\\");
	case '\n':
		return gw_text_put(to, "\\n");
	case '\t':
		return gw_text_put(to, "\\t");
	default:
		break;
	}
	if (c >= 0x20 && c != 0x7f) {
		*to++ = (char)c;
		return to;
	}
	to = gw_text_put(to, "\\u00");
	*to++ = digits[c >> 4];
	*to++ = digits[c & 15];
	return to;
}

char *gw_text_escape(char *to, const char *text, size_t len)
{
	while (len > 0) {
		size_t n = gw_text_utf8(text, len);

		if (n == 0) {
			to = gw_text_put(to, "\xef\xbf\xbd");
			n = 1;
		} else if (n == 1) {
			to = escape_one(to, (unsigned char)*text);
		} else {
			memcpy(to, text, n);
			to += n;
		}
		text += n;
		len -= n;
	}
	return to;
}

/* Those of RFC 9110 that functions and the gateway are likely to use. */
static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 203, "Non-Authoritative Information" },
	{ 204, "No Content" },
	{ 205, "Reset Content" },
	{ 206, "Partial Content" },
	{ 300, "Multiple Choices" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 418, "I'm a teapot" },
	{ 422, "Unprocessable Content" },
	{ 423, "Locked" },
	{ 425, "Too Early" },
	{ 426, "Upgrade Required" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 451, "Unavailable For Legal Reasons" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 507, "Insufficient Storage" },
	{ 508, "Loop Detected" },
};

const char *gw_text_status(int status)
{
	if (status == 200)
		return phrases[0].phrase;
	for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "Unknown";
}
