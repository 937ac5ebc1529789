/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assemble.c - at the join: what `unique-id`, `text`, `media` and `user` answered becomes one
 * record. When one of them has refused the post, so does this, in its words.
 */
#include <sprocket.h>

#include "form.h"
#include "post.h"

static const char *const fields[] = { "id", "author", "text", "mentions", "media" };

static sp_verdict parts_join(sp_request *req, struct out *out)
{
	sp_part part;

	for (size_t i = 0; sp_part_at(req, i, &part) == 0; i++) {
		if (part.error != SP_OK)
			return sp_fail(req, part.error, "%.*s: %.*s", SP_ARG(part.function),
				       SP_ARG(part.body));
		if (out->len > 0)
			out_add(out, SP_S("&"));
		out_add(out, part.body);
	}
	return 0;
}

static sp_verdict assemble(sp_request *req, void *state)
{
	char joined[POST_RECORD_MAX], record[POST_RECORD_MAX];
	struct out join_out = out_start(joined, sizeof(joined));
	struct out out = out_start(record, sizeof(record));
	sp_verdict failed = parts_join(req, &join_out);

	(void)state;
	if (failed)
		return failed;
	/* The same order whatever the order of the branches, and nothing else. */
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char value[POST_RECORD_MAX / 2];
		int len = form_get(out_str(&join_out), fields[i], value, sizeof(value));

		if (len < 0)
			return sp_fail(req, SP_EUPSTREAM, "no branch answered with %s", fields[i]);
		form_put(&out, fields[i], (sp_str){ value, (size_t)len });
	}
	failed = out_finish(&out, req);
	return failed ? failed : SP_NEXT;
}

SP_FUNCTION(.name = "assemble", .version = "1", .on_request = assemble);
