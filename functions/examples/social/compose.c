/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose.c - first function: is what the client sends a post?
 *
 * The body becomes a record of the client's three fields, which `unique-id`, `text`, `media`
 * and `user` then read where it lies, all at the same time.
 */
#include <errno.h>
#include <stdbool.h>

#include <sprocket.h>

#include "form.h"
#include "post.h"
#include "users.h"

SP_COUNTER(posts_composed);

/* Bytes that follow the first one of a character; -1 for none that a character begins with. */
static int utf8_more(unsigned char c)
{
	if (c < 0x80)
		return 0;
	if (c < 0xc2 || c > 0xf4)
		return -1;
	return c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
}

/* Text that JSON may carry and people can read. */
static bool text_valid(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		unsigned char first = *c;
		int more = utf8_more(first);

		if (more < 0 || (first < ' ' && first != '\n' && first != '\t') || first == 0x7f)
			return false;
		/* over-long forms, surrogates, beyond the last character */
		if ((first == 0xe0 && c[1] < 0xa0) || (first == 0xed && c[1] > 0x9f) ||
		    (first == 0xf0 && c[1] < 0x90) || (first == 0xf4 && c[1] > 0x8f))
			return false;
		for (; more > 0; more--)
			if ((*++c & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static sp_verdict compose(sp_request *req, void *state)
{
	sp_str view = sp_view(req);
	char user[USER_NAME_MAX + 1], text[POST_TEXT_MAX + 1], media[POST_MEDIA_MAX + 1];
	char record[POST_RECORD_MAX];
	struct out out = out_start(record, sizeof(record));
	int text_len = form_get(view, "text", text, sizeof(text));
	int user_len = form_get(view, "user", user, sizeof(user));
	int media_len = form_get(view, "media", media, sizeof(media));
	sp_verdict failed;

	(void)state;
	if (user_len <= 0)
		return sp_fail(req, SP_EINPUT, "user: expected a name of 1 to %u bytes",
			       USER_NAME_MAX);
	if (text_len <= 0 || !text_valid(text))
		return sp_fail(req, SP_EINPUT, "text: expected 1 to %u bytes of UTF-8",
			       POST_TEXT_MAX);
	if (media_len == -ENOENT)
		media_len = 0;
	if (media_len < 0)
		return sp_fail(req, SP_EINPUT, "media: at most %u bytes", POST_MEDIA_MAX);
	form_put(&out, "user", (sp_str){ user, (size_t)user_len });
	form_put(&out, "text", (sp_str){ text, (size_t)text_len });
	form_put(&out, "media", (sp_str){ media, (size_t)media_len });
	failed = out_finish(&out, req);
	if (failed)
		return failed;
	if (sp_set_topic(req, SP_S(TOPIC_POST)) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the topic");
	sp_count(&posts_composed, 1);
	return SP_NEXT;
}

SP_FUNCTION(.name = "compose", .version = "1", .on_request = compose);
