// SPDX-License-Identifier: Apache-2.0
#include "gateway/h1_target.h"

#include <arpa/inet.h>
#include <string.h>

#include "gateway/h1_bytes.h"

#define PORT_DIGITS_MAX 5

/* ---- hosts ---- */

static bool literal_valid(const char *text, size_t len)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ignored;

	if (len >= sizeof(address) || memchr(text, '\0', len))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	return inet_pton(AF_INET6, address, &ignored) == 1;
}

static bool port_valid(const char *p, const char *end)
{
	if (end - p > PORT_DIGITS_MAX)
		return false;
	for (; p < end; p++)
		if (*p < '0' || *p > '9')
			return false;
	return true;
}

/* Behind "%": two hexadecimal digits. What is cut off may still become them. */
static bool escape_possible(const char *p, const char *end)
{
	return (p >= end || gw_h1_is(p[0], GW_H1_HEX)) &&
	       (p + 1 >= end || gw_h1_is(p[1], GW_H1_HEX));
}

bool gw_h1_host_valid(const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	if (len > 0 && *p == '[') {
		const char *close = memchr(p, ']', len);

		if (!close || !literal_valid(p + 1, (size_t)(close - p - 1)))
			return false;
		p = close + 1;
	} else {
		while ((p = gw_h1_skip(p, end, GW_H1_HOST_)) < end && *p == '%') {
			if (end - p < 3 || !escape_possible(p + 1, end))
				return false;
			p += 3;
		}
		if (p == text && p < end)
			return false; /* a port of no host */
	}
	return p == end || (*p == ':' && port_valid(p + 1, end));
}

/* ---- targets ---- */

static const char *path_end(const char *p, const char *end)
{
	p = gw_h1_words_end(p, end, '/');
	while ((p = gw_h1_skip(p, end, GW_H1_PATH)) < end && *p == '%') {
		if (!escape_possible(p + 1, end))
			return NULL;
		p = end - p < 3 ? end : p + 3;
	}
	return p < end && *p == '?' ? gw_h1_skip(p, end, GW_H1_QUERY) : p;
}

/* "http://" or "https://", in any case: its end, NULL, or `end`. */
static const char *scheme_end(const char *p, const char *end)
{
	static const char scheme[] = "http://";

	for (size_t i = 0; i < sizeof(scheme) - 1; i++, p++) {
		if (p < end && i == 4 && (*p | 0x20) == 's')
			p++;
		if (p == end)
			return end;
		if ((i < 4 ? *p | 0x20 : *p) != scheme[i])
			return NULL;
	}
	return p;
}

static const char *absolute_end(const char *p, const char *end)
{
	const char *authority = scheme_end(p, end);

	if (!authority || authority == end)
		return authority;
	p = gw_h1_skip(authority, end, GW_H1_AUTHORITY);
	if (p == end)
		return p;
	/* RFC 9110, 4.2.1 and 4.2.4: with a host, without a user. */
	if (p == authority || !gw_h1_host_valid(authority, (size_t)(p - authority)))
		return NULL;
	return *p == '/' || *p == '?' ? path_end(p, end) : p;
}

/* RFC 9112, 3.2.3: host and port. */
static const char *authority_end(const char *p, const char *end)
{
	const char *host = p, *port;

	p = gw_h1_skip(p, end, GW_H1_AUTHORITY);
	if (p == end)
		return p;
	port = memrchr(host, ':', (size_t)(p - host));
	return port && port + 1 < p && gw_h1_host_valid(host, (size_t)(p - host)) ? p : NULL;
}

const char *gw_h1_target_end(const char *p, const char *end, const char *method, size_t len)
{
	if (p == end)
		return p;
	if (len == 7 && memcmp(method, "CONNECT", 7) == 0)
		return authority_end(p, end);
	if (*p == '/')
		return path_end(p, end);
	if (*p == '*')
		return len == 7 && memcmp(method, "OPTIONS", 7) == 0 ? p + 1 : NULL;
	return absolute_end(p, end);
}
