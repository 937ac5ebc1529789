/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph.c - who follows whom.
 *
 * `POST /follow` with user=ada&follow=grace; `POST /unfollow` likewise. A call with topic
 * "followers" and a user's number is answered with the numbers of those who follow, one a line.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sprocket.h>

#include "form.h"
#include "post.h"
#include "users.h"

static const char *const config[] = { USERS_CONFIG, NULL };

struct graph {
	struct users users;
	bool follows[USERS_MAX + 1][USERS_MAX + 1]; /* [who][whom] */
};

static int init(sp_worker *worker, void **state)
{
	struct graph *graph = calloc(1, sizeof(*graph));
	int r = graph ? users_init(&graph->users, worker) : -ENOMEM;

	if (r < 0)
		free(graph);
	else
		*state = graph;
	return r;
}

static uint32_t field_user(const struct graph *graph, sp_str form, const char *name)
{
	char text[USER_NAME_MAX + 1];
	int len = form_get(form, name, text, sizeof(text));

	return len > 0 ? users_find(&graph->users, (sp_str){ text, (size_t)len }) : 0;
}

static sp_verdict follow(sp_request *req, struct graph *graph, bool follows)
{
	sp_str form = sp_view(req);
	uint32_t who = field_user(graph, form, "user"), whom = field_user(graph, form, "follow");
	unsigned count = 0;

	if (who == 0 || whom == 0)
		return sp_fail(req, SP_ENOTFOUND, "expected user=NAME&follow=NAME of two users");
	if (who == whom)
		return sp_fail(req, SP_EINPUT, "who posts sees that anyway");
	graph->follows[who][whom] = follows;
	for (uint32_t i = 1; i <= graph->users.count; i++)
		count += graph->follows[i][whom];
	if (sp_print(req, "{\"user\":\"%s\",\"%s\":\"%s\",\"followers\":%u}\n",
		     graph->users.names[who], follows ? "follows" : "unfollows",
		     graph->users.names[whom], count) < 0 ||
	    sp_set_header(req, "content-type", SP_S("application/json")) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return SP_REPLY;
}

static sp_verdict followers(sp_request *req, const struct graph *graph)
{
	char numbers[USERS_MAX * 4];
	struct out out = out_start(numbers, sizeof(numbers));
	sp_verdict failed;
	uint64_t whom;

	if (number_read(sp_view(req), &whom) < 0 || whom > graph->users.count)
		return sp_fail(req, SP_ENOTFOUND, "expected a number of a user");
	for (uint32_t i = 1; i <= graph->users.count; i++) {
		if (!graph->follows[i][whom])
			continue;
		out_number(&out, i);
		out_add(&out, SP_S("\n"));
	}
	failed = out_finish(&out, req);
	return failed ? failed : SP_REPLY;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	const sp_meta *meta = sp_meta_of(req);

	if (str_is(meta->path, "/follow") || str_is(meta->path, "/unfollow"))
		return follow(req, state, str_is(meta->path, "/follow"));
	if (str_is(meta->topic, TOPIC_FOLLOWERS))
		return followers(req, state);
	return sp_fail(req, SP_EINPUT, "expected a call with topic " TOPIC_FOLLOWERS);
}

SP_FUNCTION(.name = "graph", .version = "1", .init = init, .fini = free, .on_request = on_request,
	    .config = config);
