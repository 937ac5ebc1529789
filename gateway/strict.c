// SPDX-License-Identifier: Apache-2.0
#include "gateway/strict.h"

#include <string.h>
#include <strings.h>

#include "gateway/h1_head.h"
#include "gateway/refusal.h"

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
	struct gw_h1_head head = { .fields = headers, .room = *num_headers };
	int r = gw_h1_head_parse(buf, len, last_len, &head);
	bool refused = r <= GW_H1_FAULT(0);

	if (refused) {
		head.method =
			gw_refusal_mark((enum gw_h1_fault)GW_H1_FAULT(r), gw_h1_is_head(&head));
		head.method_len = 1;
		head.target = "/";
		head.target_len = 1;
		head.minor = 0;
		head.count = 0;
		r = (int)len;
	}
	*method = head.method;
	*method_len = head.method_len;
	*path = head.target;
	*path_len = head.target_len;
	*minor_version = head.minor;
	*num_headers = head.count;
	if (r > 0 && gw_strict_judge && !refused)
		gw_strict_judge(*method, headers, num_headers, len - (size_t)r);
	return r;
}
