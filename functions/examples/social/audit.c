/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - reads every post along the way, and nobody waits for it: see `tee` in chain.yaml.
 *
 * It logs who posts, and remembers the last 64: `GET /audit` lists them, oldest first, and how
 * many there were. What the post says is nobody's business here, only how long it is.
 */
#include <errno.h>
#include <stdlib.h>

#include <sprocket.h>

#include "form.h"
#include "post.h"
#include "users.h"

#define AUDIT_MAX 64U
#define LINE_TEXT_MAX 64U /* bytes of a line of the list */

struct entry {
	char user[USER_NAME_MAX + 1];
	int text_len;
};

struct audit {
	uint64_t count;
	struct entry entries[AUDIT_MAX];
};

SP_COUNTER(posts_audited);

static int init(sp_worker *worker, void **state)
{
	(void)worker;
	*state = calloc(1, sizeof(struct audit));
	return *state ? 0 : -ENOMEM;
}

static sp_verdict take(sp_request *req, struct audit *audit)
{
	char text[POST_TEXT_MAX + 1];
	struct entry entry;
	int len = form_get(sp_view(req), "user", entry.user, sizeof(entry.user));

	entry.text_len = form_get(sp_view(req), "text", text, sizeof(text));
	if (len < 0 || entry.text_len < 0)
		return sp_fail(req, SP_EINPUT, "body is not a record of compose");
	audit->entries[audit->count++ % AUDIT_MAX] = entry;
	sp_count(&posts_audited, 1);
	sp_log(req, SP_INFO, "%s posts %d bytes", entry.user, entry.text_len);
	return SP_DROP;
}

static sp_verdict list(sp_request *req, const struct audit *audit)
{
	char text[(AUDIT_MAX + 1) * LINE_TEXT_MAX];
	struct out out = out_start(text, sizeof(text));
	sp_verdict failed;

	for (uint64_t i = audit->count > AUDIT_MAX ? audit->count - AUDIT_MAX : 0; i < audit->count;
	     i++) {
		const struct entry *entry = &audit->entries[i % AUDIT_MAX];

		out_number(&out, i + 1);
		out_add(&out, SP_S(" "));
		for (const char *c = entry->user; *c; c++)
			out_add(&out, (sp_str){ c, 1 });
		out_add(&out, SP_S(" "));
		out_number(&out, (uint64_t)entry->text_len);
		out_add(&out, SP_S("\n"));
	}
	failed = out_finish(&out, req);
	if (failed)
		return failed;
	if (sp_set_header(req, "content-type", SP_S("text/plain")) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return SP_REPLY;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	return str_is(sp_meta_of(req)->path, "/audit") ? list(req, state) : take(req, state);
}

SP_FUNCTION(.name = "audit", .version = "1", .init = init, .fini = free, .on_request = on_request);
