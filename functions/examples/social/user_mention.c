/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user_mention.c - numbers of users by name: called with names, one a line, it answers with as
 * many numbers; 0 is nobody.
 */
#include <stdlib.h>

#include <sprocket.h>

#include "form.h"
#include "post.h"
#include "users.h"

static const char *const config[] = { USERS_CONFIG, NULL };

SP_COUNTER(mentions_unknown);

static sp_verdict user_mention(sp_request *req, void *state)
{
	char numbers[POST_MENTION_COUNT * 4];
	struct out out = out_start(numbers, sizeof(numbers));
	sp_str list = sp_view(req), name;
	sp_verdict failed;

	if (!str_is(sp_meta_of(req)->topic, TOPIC_RESOLVE))
		return sp_fail(req, SP_EINPUT, "expected a call with topic " TOPIC_RESOLVE);
	while (list_next(&list, '\n', &name) == 0) {
		uint32_t number = users_find(state, name);

		sp_count(&mentions_unknown, number == 0);
		out_number(&out, number);
		out_add(&out, SP_S("\n"));
	}
	failed = out_finish(&out, req);
	return failed ? failed : SP_REPLY;
}

SP_FUNCTION(.name = "user-mention", .version = "1", .init = users_new, .fini = free,
	    .on_request = user_mention, .config = config);
