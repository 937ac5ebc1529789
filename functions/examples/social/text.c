/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - the text of a post: short URLs, and whom it mentions.
 *
 * It calls `url-shorten` and `user-mention`, both at once, and waits for both. Meanwhile this
 * thread works on other posts, so nothing is kept in a state here: all is on the handler's
 * stack.
 */
#include <errno.h>

#include <sprocket.h>

#include "form.h"
#include "post.h"
#include "scan.h"

#define PREFIX_MAX 64U

static const char *const calls[] = { "url-shorten", "user-mention", NULL };
enum { URL_SHORTEN, USER_MENTION };

static const char *const config[] = { "prefix=/s/", NULL };

static void put_lines(struct out *out, const sp_str *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		out_add(out, lines[i]);
		out_add(out, SP_S("\n"));
	}
}

/* The text with a short URL in each URL's place. Returns 0, or -1 when an answer is missing. */
static int put_text(struct out *out, sp_str text, const struct scan *scan, sp_str keys,
		    sp_str prefix)
{
	const char *at = text.data;
	sp_str key;

	for (size_t i = 0; i < scan->url_count; i++) {
		const sp_str *url = &scan->urls[i];

		if (list_next(&keys, '\n', &key) < 0 || key.len == 0)
			return -1;
		out_add(out, (sp_str){ at, (size_t)(url->data - at) });
		out_add(out, prefix);
		out_add(out, key);
		at = url->data + url->len;
	}
	out_add(out, (sp_str){ at, (size_t)(text.data + text.len - at) });
	return 0;
}

/* Numbers of the users that exist, with commas between. */
static int put_mentions(struct out *out, const struct scan *scan, sp_str numbers)
{
	sp_str number;

	for (size_t i = 0; i < scan->name_count; i++) {
		if (list_next(&numbers, '\n', &number) < 0)
			return -1;
		if (str_is(number, "0"))
			continue;
		if (out->len > 0)
			out_add(out, SP_S(","));
		out_add(out, number);
	}
	return 0;
}

static sp_verdict answer(sp_request *req, sp_str text, const struct scan *scan, sp_call batch[2])
{
	sp_str prefix = sp_config(sp_worker_of(req), "prefix");
	char shortened[POST_TEXT_MAX + POST_LINK_COUNT * (PREFIX_MAX + 16)], mentions[128];
	char record[POST_RECORD_MAX];
	struct out short_out = out_start(shortened, sizeof(shortened));
	struct out mention_out = out_start(mentions, sizeof(mentions));
	struct out out = out_start(record, sizeof(record));
	sp_str keys = { batch[URL_SHORTEN].reply.data, batch[URL_SHORTEN].reply.len };
	sp_str numbers = { batch[USER_MENTION].reply.data, batch[USER_MENTION].reply.len };
	sp_verdict failed;

	if (put_text(&short_out, text, scan, keys, prefix) < 0 ||
	    put_mentions(&mention_out, scan, numbers) < 0 || mention_out.full || short_out.full)
		return sp_fail(req, SP_EUPSTREAM,
			       "url-shorten or user-mention answered too little");
	form_put(&out, "text", out_str(&short_out));
	form_put(&out, "mentions", out_str(&mention_out));
	failed = out_finish(&out, req);
	return failed ? failed : SP_REPLY;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	char text[POST_TEXT_MAX + 1], urls[POST_TEXT_MAX + POST_LINK_COUNT],
		names[POST_TEXT_MAX + POST_MENTION_COUNT];
	int len = form_get(sp_view(req), "text", text, sizeof(text));
	struct out url_out = out_start(urls, sizeof(urls));
	struct out name_out = out_start(names, sizeof(names));
	sp_call batch[2] = { { .fn = URL_SHORTEN, .topic = SP_S(TOPIC_SHORTEN) },
			     { .fn = USER_MENTION, .topic = SP_S(TOPIC_RESOLVE) } };
	struct scan scan;
	size_t first, count;

	(void)state;
	if (len < 0)
		return sp_fail(req, SP_EINPUT, "body is not a record of compose");
	if (scan_text((sp_str){ text, (size_t)len }, &scan) < 0)
		return sp_fail(req, SP_EINPUT, "more than %u URLs or %u mentions", POST_LINK_COUNT,
			       POST_MENTION_COUNT);
	put_lines(&url_out, scan.urls, scan.url_count);
	put_lines(&name_out, scan.names, scan.name_count);
	batch[URL_SHORTEN].body = out_str(&url_out);
	batch[USER_MENTION].body = out_str(&name_out);
	/* Who has nothing to do is not asked. */
	first = scan.url_count > 0 ? URL_SHORTEN : USER_MENTION;
	count = (scan.url_count > 0) + (scan.name_count > 0);
	if (count > 0 && sp_call_all(req, batch + first, count) != SP_OK)
		return sp_fail(req, SP_EUPSTREAM, "%s: %.*s",
			       batch[URL_SHORTEN].error ? "url-shorten" : "user-mention",
			       SP_ARG(batch[batch[URL_SHORTEN].error ? URL_SHORTEN : USER_MENTION]
					      .reply));
	return answer(req, (sp_str){ text, (size_t)len }, &scan, batch);
}

static int init(sp_worker *worker, void **state)
{
	sp_str prefix = sp_config(worker, "prefix");

	*state = NULL;
	if (prefix.len <= PREFIX_MAX && prefix.len > 0)
		return 0;
	sp_log(NULL, SP_ERROR, "prefix %.*s: expected 1 to %u bytes", SP_ARG(prefix), PREFIX_MAX);
	return -EINVAL;
}

SP_FUNCTION(.name = "text", .version = "1", .init = init, .on_request = on_request, .calls = calls,
	    .config = config);
