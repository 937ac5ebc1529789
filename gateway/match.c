// SPDX-License-Identifier: Apache-2.0
#include "gateway/match.h"

#include <string.h>
#include <strings.h>

#include "sproxy/rule.h"

static bool wildcard(const struct gw_match *match)
{
	return match->host_len > 0 && match->host[0] == '*';
}

void gw_match_init(struct gw_match *match, const char *host, const char *path)
{
	*match = (struct gw_match){ .host = host,
				    .host_len = (uint32_t)strlen(host),
				    .path = path,
				    .path_len = (uint32_t)strlen(path) };
	match->prefix =
		match->path_len >= 2 && strcmp(match->path + match->path_len - 2, "/*") == 0;
}

/* 0 any, 1 a pattern, 2 a name */
static int host_rank(const struct gw_match *match)
{
	if (match->host_len == 0)
		return 0;
	return wildcard(match) ? 1 : 2;
}

int gw_match_compare(const struct gw_match *a, const struct gw_match *b)
{
	uint32_t literal_a = a->path_len - a->prefix, literal_b = b->path_len - b->prefix;

	if (host_rank(a) != host_rank(b))
		return host_rank(b) - host_rank(a);
	if (wildcard(a) && a->host_len != b->host_len)
		return a->host_len > b->host_len ? -1 : 1;
	if (literal_a != literal_b)
		return literal_a > literal_b ? -1 : 1;
	return (int)a->prefix - (int)b->prefix;
}

static bool host_holds(const struct gw_match *match, const char *host, size_t len)
{
	size_t tail = match->host_len;

	if (match->host_len == 0)
		return true;
	if (!wildcard(match))
		return len == tail && strncasecmp(host, match->host, len) == 0;
	tail--; /* with its dot, and something before it */
	return len > tail && strncasecmp(host + len - tail, match->host + 1, tail) == 0;
}

bool gw_match_holds(const struct gw_match *match, const char *host, size_t host_len,
		    const char *path, size_t path_len)
{
	return host_holds(match, host, host_len) &&
	       rule_path_match(match->path, match->path_len, path, path_len);
}

static size_t without_port(const char *authority, size_t len)
{
	for (size_t i = len; i > 0; i--) {
		if (authority[i - 1] == ':')
			return i - 1;
		if (authority[i - 1] == ']')
			break;
	}
	return len;
}

size_t gw_match_host_len(const char *authority, size_t len)
{
	len = without_port(authority, len);
	return len > 0 && authority[len - 1] == '.' ? len - 1 : len;
}
