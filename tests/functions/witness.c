/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.c - a function that answers with what it was given, and remembers all it was given.
 *
 * For: tests/http. A request that a client smuggled past the gateway would show here, whether its
 * answer reaches a client or not. "/seen/N" is answered with the requests from number N on, a line
 * each, and is not among them; "/status/N" is answered with that status.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "functions/sdk/sprocket.h"

#define SEEN_MAX 16384
#define LINE_MAX_ 128

static char seen[SEEN_MAX][LINE_MAX_];
static unsigned count;
static char text[1 << 17];

static size_t put(size_t at, sp_str what)
{
	size_t len = what.len < sizeof(text) - at ? what.len : sizeof(text) - at;

	if (len > 0)
		memcpy(text + at, what.data, len);
	return at + len;
}

static bool begins(sp_str path, const char *with)
{
	size_t len = strlen(with);

	return path.len > len && memcmp(path.data, with, len) == 0;
}

/* The number at the path's end. */
static unsigned number(sp_str path, const char *after)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%.*s", (int)(path.len - strlen(after)),
		 path.data + strlen(after));
	return (unsigned)strtoul(digits, NULL, 10);
}

static sp_verdict tell(sp_request *req, unsigned from)
{
	size_t at = 0;

	for (; from < count && from < SEEN_MAX; from++)
		at = put(at, (sp_str){ seen[from], strlen(seen[from]) });
	if (sp_set_body(req, text, at) < 0)
		return sp_fail(req, SP_EINTERNAL, "no room");
	return SP_NEXT;
}

static void remember(const sp_meta *meta)
{
	if (count < SEEN_MAX)
		snprintf(seen[count], LINE_MAX_, "%.*s %.*s\n", SP_ARG(meta->method),
			 (int)(meta->path.len < 100 ? meta->path.len : 100), meta->path.data);
	count++;
}

static sp_verdict handle(sp_request *req, void *state)
{
	const sp_meta *meta = sp_meta_of(req);
	sp_str name, value, body = sp_view(req);
	size_t at = 0;

	(void)state;
	if (begins(meta->path, "/seen/"))
		return tell(req, number(meta->path, "/seen/"));
	remember(meta);
	at = put(put(put(at, meta->method), SP_S(" ")), meta->path);
	if (meta->query.len > 0)
		at = put(put(at, SP_S("?")), meta->query);
	at = put(at, SP_S("\n"));
	for (size_t i = 0; sp_header_at(req, i, &name, &value) == 0; i++)
		at = put(put(put(put(at, name), SP_S(": ")), value), SP_S("\n"));
	at = put(put(at, SP_S("\n")), body);
	if (begins(meta->path, "/status/"))
		sp_set_status(req, (int)number(meta->path, "/status/"));
	if (sp_set_body(req, text, at) < 0)
		return sp_fail(req, SP_EINTERNAL, "no room");
	return SP_NEXT;
}

SP_FUNCTION(.name = "witness", .on_request = handle);
