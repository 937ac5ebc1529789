/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "money.h"
#include "visit.h"

/* "name=value; name=value": the value, {NULL, 0} when it is not there. */
static sp_str cookie_in(sp_str line, const char *name)
{
	const char *at = line.data, *end = at + line.len, *next;
	size_t len = strlen(name);

	for (; at < end; at = next + 1) {
		next = memchr(at, ';', (size_t)(end - at));
		next = next ? next : end;
		while (at < next && *at == ' ')
			at++;
		if ((size_t)(next - at) > len && memcmp(at, name, len) == 0 && at[len] == '=')
			return (sp_str){ at + len + 1, (size_t)(next - at) - len - 1 };
	}
	return (sp_str){ NULL, 0 };
}

/* HTTP/2 clients may send each cookie in a field of its own. */
static sp_str cookie(sp_request *req, const char *name)
{
	sp_str field, value, found = { NULL, 0 };

	for (size_t i = 0; !found.data && sp_header_at(req, i, &field, &value) == 0; i++)
		if (text_is(field, "cookie"))
			found = cookie_in(value, name);
	return found;
}

static bool user_valid(sp_str user)
{
	for (size_t i = 0; i < user.len; i++) {
		char c = user.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      c == '-'))
			return false;
	}
	return user.len >= 1 && user.len <= USER_MAX;
}

void visit_read(struct visit *visit, struct ids *ids)
{
	sp_str user = cookie(visit->req, COOKIE_USER);
	sp_str currency = cookie(visit->req, COOKIE_CURRENCY);

	visit->fresh = !user_valid(user);
	if (visit->fresh)
		ids_uuid(ids, visit->user);
	else
		snprintf(visit->user, sizeof(visit->user), "%.*s", SP_ARG(user));
	if (!money_code_valid(currency))
		currency = SP_S("USD");
	snprintf(visit->currency, sizeof(visit->currency), "%.*s", SP_ARG(currency));
}

sp_str visit_user(const struct visit *visit)
{
	return text_of(visit->user);
}

sp_str visit_currency(const struct visit *visit)
{
	return text_of(visit->currency);
}

int visit_set_cookie(struct visit *visit, const char *name, sp_str value)
{
	char text[160];
	int len = snprintf(text, sizeof(text),
			   "%s=%.*s; Path=/; Max-Age=" COOKIE_SECONDS "; HttpOnly; SameSite=Lax",
			   name, SP_ARG(value));

	if (len >= (int)sizeof(text))
		return -ENOSPC;
	return sp_set_header(visit->req, "set-cookie", (sp_str){ text, (size_t)len });
}
