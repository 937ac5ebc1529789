// SPDX-License-Identifier: Apache-2.0
/*
 * strict.c - refuses HTTP/1 requests whose end two parsers could see in two places.
 *
 * For: request smuggling needs a message that this gateway and a proxy before it delimit
 * differently. How: libh2o calls its own phr_parse_request() by its dynamic symbol, so the
 * one here, exported by the executable, takes its place; it parses by libh2o's and then
 * judges what came out. Refused with 400 and the connection's end (RFC 9112, 6.3 and 5.2):
 * Content-Length beside Transfer-Encoding, more than one of either, a Content-Length that is
 * no number, a folded field, a second Host, white space before the colon.
 * Thread-safety: any thread. Source: picohttpparser's interface, as in libh2o 2.2.5.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "gateway/next.h"
#include "gateway/strict.h"

#define LENGTH_DIGITS_MAX 18 /* more would not fit the 63 bits of a size */

_Thread_local gw_strict_judge_fn *gw_strict_judge;

static bool named(const struct phr_header *header, const char *name, size_t len)
{
	return header->name_len == len && strncasecmp(header->name, name, len) == 0;
}

static bool length_valid(const struct phr_header *header)
{
	if (header->value_len == 0 || header->value_len > LENGTH_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < header->value_len; i++)
		if (header->value[i] < '0' || header->value[i] > '9')
			return false;
	return true;
}

static bool chunked(const struct phr_header *header)
{
	return header->value_len == 7 && strncasecmp(header->value, "chunked", 7) == 0;
}

bool gw_strict_headers_valid(const struct phr_header *headers, size_t count)
{
	unsigned lengths = 0, codings = 0, hosts = 0;

	for (size_t i = 0; i < count; i++) {
		const struct phr_header *h = &headers[i];

		if (!h->name || h->name_len == 0 || h->name[h->name_len - 1] == ' ' ||
		    h->name[h->name_len - 1] == '\t')
			return false;
		if (named(h, "content-length", 14)) {
			lengths++;
			if (!length_valid(h))
				return false;
		} else if (named(h, "transfer-encoding", 17)) {
			codings++;
			if (!chunked(h))
				return false;
		} else if (named(h, "host", 4)) {
			hosts++;
		}
	}
	return lengths + codings <= 1 && hosts <= 1;
}

int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len,
		      const char **path, size_t *path_len, int *minor_version,
		      struct phr_header *headers, size_t *num_headers, size_t last_len)
{
	static void *cache;
	gw_strict_parse_fn *next;
	int r;

	*(void **)&next = gw_next(&cache, "phr_parse_request");
	r = next(buf, len, method, method_len, path, path_len, minor_version, headers, num_headers,
		 last_len);
	if (r > 0 && !gw_strict_headers_valid(headers, *num_headers))
		return -1;
	if (r > 0 && gw_strict_judge)
		gw_strict_judge(*method, headers, num_headers, len - (size_t)r);
	return r;
}
