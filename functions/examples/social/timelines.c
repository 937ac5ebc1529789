/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timelines.c - last function: whose timelines a post stands in, and what stands in one.
 *
 * A post stands in its author's own timeline, and in the home timelines of those who follow
 * the author (asked of `graph`) and of those it mentions. `GET /timeline/NAME` and `GET
 * /home/NAME` answer with the newest 10, or as many as `?limit=N` says; their content is asked
 * of `store`. Each timeline keeps 64 ids, the oldest goes first.
 *
 * While a call is out this thread handles other requests: ids are copied before, and a
 * timeline is changed only where nothing waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sprocket.h>

#include "form.h"
#include "post.h"
#include "render.h"
#include "timeline.h"
#include "users.h"

#define LIMIT_DEFAULT 10U
#define LIMIT_MAX 20U
#define USER_PATH "/timeline/"
#define HOME_PATH "/home/"

static const char *const calls[] = { "store", "graph", NULL };
enum { STORE, GRAPH };

static const char *const config[] = { USERS_CONFIG, NULL };

struct timelines {
	struct users users;
	struct timeline own[USERS_MAX + 1];
	struct timeline home[USERS_MAX + 1];
};

SP_COUNTER(timelines_written);
SP_COUNTER(timelines_read);

static int init(sp_worker *worker, void **state)
{
	struct timelines *timelines = calloc(1, sizeof(*timelines));
	int r = timelines ? users_init(&timelines->users, worker) : -ENOMEM;

	if (r < 0)
		free(timelines);
	else
		*state = timelines;
	return r;
}

/* Adds the post to the home timelines of a list of users, but not to its author's. */
static void home_add(struct timelines *timelines, sp_str list, char mark, uint64_t author,
		     uint64_t id)
{
	uint64_t number;
	sp_str text;

	while (list_next(&list, mark, &text) == 0)
		if (number_read(text, &number) == 0 && number <= timelines->users.count &&
		    number != author)
			sp_count(&timelines_written, timeline_add(&timelines->home[number], id));
}

static sp_verdict answer(sp_request *req, const struct timelines *timelines, sp_str records,
			 sp_str name, int status)
{
	/* JSON of a record is less than twice as long, but for names in it. */
	size_t size = 2 * records.len + RENDER_EXTRA * LIMIT_MAX;
	char *text = malloc(size);
	struct out out = out_start(text, text ? size : 0);
	sp_verdict failed;

	if (name.data)
		render_timeline(&out, &timelines->users, name, records);
	else
		render_post(&out, &timelines->users, records);
	out_add(&out, SP_S("\n"));
	failed = out_finish(&out, req);
	free(text);
	if (failed)
		return failed;
	if (sp_set_header(req, "content-type", SP_S("application/json")) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	sp_set_status(req, status);
	return SP_REPLY;
}

static sp_verdict post_add(sp_request *req, struct timelines *timelines)
{
	char copy[POST_RECORD_MAX], author_text[NUMBER_TEXT_MAX + 1], mentions[128];
	sp_str record = sp_view(req);
	sp_call followers = { .fn = GRAPH, .topic = SP_S(TOPIC_FOLLOWERS) };
	int len = form_get(record, "mentions", mentions, sizeof(mentions));
	int author_len = form_get(record, "author", author_text, sizeof(author_text));
	uint64_t id, author;

	if (record.len > sizeof(copy) || len < 0 || author_len < 0 ||
	    form_number(record, "id", &id) < 0 || form_number(record, "author", &author) < 0 ||
	    author > timelines->users.count)
		return sp_fail(req, SP_EINPUT, "body is not a record of store");
	memcpy(copy, record.data, record.len);
	record.data = copy;
	followers.body = (sp_str){ author_text, (size_t)author_len };
	if (sp_call_one(req, &followers) != SP_OK)
		return sp_fail(req, SP_EUPSTREAM, "graph: %.*s", SP_ARG(followers.reply));
	sp_count(&timelines_written, timeline_add(&timelines->own[author], id));
	home_add(timelines, (sp_str){ followers.reply.data, followers.reply.len }, '\n', author,
		 id);
	home_add(timelines, (sp_str){ mentions, (size_t)len }, ',', author, id);
	return answer(req, timelines, record, (sp_str){ NULL, 0 }, 201);
}

static sp_verdict timeline_read(sp_request *req, const struct timelines *timelines,
				const struct timeline *all, const char *prefix)
{
	const sp_meta *meta = sp_meta_of(req);
	sp_str name = { meta->path.data + strlen(prefix), meta->path.len - strlen(prefix) };
	uint32_t user = users_find(&timelines->users, name);
	char ids[LIMIT_MAX * (NUMBER_TEXT_MAX + 1)];
	struct out out = out_start(ids, sizeof(ids));
	sp_call posts = { .fn = STORE, .topic = SP_S(TOPIC_READ) };
	uint64_t limit = LIMIT_DEFAULT;

	if (user == 0)
		return sp_fail(req, SP_ENOTFOUND, "there is no such user");
	if (meta->query.len > 0 &&
	    (form_number(meta->query, "limit", &limit) < 0 || limit > LIMIT_MAX))
		return sp_fail(req, SP_EINPUT, "limit: expected 1 to %u", LIMIT_MAX);
	for (uint32_t i = 0; i < limit && i < all[user].count; i++) {
		out_number(&out, timeline_at(&all[user], i));
		out_add(&out, SP_S("\n"));
	}
	posts.body = out_str(&out);
	if (out.len > 0 && sp_call_one(req, &posts) != SP_OK)
		return sp_fail(req, SP_EUPSTREAM, "store: %.*s", SP_ARG(posts.reply));
	sp_count(&timelines_read, 1);
	return answer(req, timelines, (sp_str){ posts.reply.data, posts.reply.len },
		      users_name(&timelines->users, user), 200);
}

static sp_verdict on_request(sp_request *req, void *state)
{
	struct timelines *timelines = state;
	const sp_meta *meta = sp_meta_of(req);

	if (str_begins(meta->path, USER_PATH))
		return timeline_read(req, timelines, timelines->own, USER_PATH);
	if (str_begins(meta->path, HOME_PATH))
		return timeline_read(req, timelines, timelines->home, HOME_PATH);
	if (str_is(meta->topic, TOPIC_POST))
		return post_add(req, timelines);
	return sp_fail(req, SP_EINPUT, "expected topic " TOPIC_POST);
}

SP_FUNCTION(.name = "timelines", .version = "1", .init = init, .fini = free,
	    .on_request = on_request, .calls = calls, .config = config);
