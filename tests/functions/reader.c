/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.c - a function that only reads, or tries to write, as the request's header `x-do` says;
 * for chains with memory.readOnly.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "functions/sdk/sprocket.h"

static sp_verdict tried(sp_request *req, const char *what, int r)
{
	sp_log(req, SP_INFO, "%s: %s", what, r < 0 ? strerror(-r) : "done");
	return SP_NEXT;
}

static bool is(sp_str s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.data, word, s.len) == 0;
}

static sp_verdict read_along(sp_request *req, void *state)
{
	sp_str order = sp_header(req, "x-do"), body = sp_view(req);

	(void)state;
	if (is(sp_meta_of(req)->function, "last")) /* not one of those: only its tee counts */
		return SP_NEXT;
	sp_log(req, SP_INFO, "read %zu bytes: %.*s", body.len, SP_ARG(body));
	if (is(order, "body")) {
		sp_buf own = sp_body(req);

		if (own.data)
			own.data[0] = '!';
		return SP_NEXT;
	}
	if (is(order, "status"))
		return tried(req, "status", sp_set_status(req, 201));
	if (is(order, "header"))
		return tried(req, "header", sp_set_header(req, "x-seen", SP_S("yes")));
	if (is(order, "topic"))
		return tried(req, "topic", sp_set_topic(req, SP_S("t")));
	if (is(order, "set"))
		return tried(req, "set", sp_set_body(req, "other", 5));
	if (is(order, "print"))
		return tried(req, "print", sp_print(req, "%d", 5));
	if (is(order, "alloc"))
		return tried(req, "alloc", sp_alloc(req, 100).data ? 0 : -ENOBUFS);
	if (is(order, "fail"))
		return sp_fail(req, SP_EINPUT, "not like this");
	return is(order, "drop") ? SP_DROP : is(order, "reply") ? SP_REPLY : SP_NEXT;
}

SP_FUNCTION(.name = "reader", .on_request = read_along);
