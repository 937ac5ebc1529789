/* SPDX-License-Identifier: Apache-2.0 */
/* user.c - who posts: the number of the name, as the author. */
#include <stdlib.h>

#include <sprocket.h>

#include "form.h"
#include "users.h"

static const char *const config[] = { USERS_CONFIG, NULL };

static sp_verdict user(sp_request *req, void *state)
{
	char name[USER_NAME_MAX + 1];
	int len = form_get(sp_view(req), "user", name, sizeof(name));
	uint32_t number;

	if (len < 0)
		return sp_fail(req, SP_EINPUT, "body is not a record of compose");
	number = users_find(state, (sp_str){ name, (size_t)len });
	if (number == 0)
		return sp_fail(req, SP_ENOTFOUND, "there is no user %s", name);
	if (sp_print(req, "author=%u", number) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return SP_REPLY;
}

SP_FUNCTION(.name = "user", .version = "1", .init = users_new, .fini = free, .on_request = user,
	    .config = config);
