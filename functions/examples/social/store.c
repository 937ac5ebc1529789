/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - keeps posts by id: config `capacity` of them, the oldest goes first.
 *
 * A record that comes along the chain is kept and goes on as it is. A call with topic "read"
 * and ids, one a line, is answered with the records of those that are there, one a line.
 */
#include <errno.h>
#include <string.h>

#include <sprocket.h>

#include "cache.h"
#include "form.h"
#include "post.h"

static const char *const config[] = { "capacity=10000", NULL };

SP_COUNTER(posts_stored);
SP_COUNTER(posts_forgotten);

static sp_verdict keep(sp_request *req, struct cache *cache)
{
	sp_str record = sp_view(req);
	uint64_t id;
	int r;

	if (record.len > POST_RECORD_MAX || form_number(record, "id", &id) < 0)
		return sp_fail(req, SP_EINPUT, "body is not a record of assemble");
	if (cache_find(cache, id).data)
		return sp_fail(req, SP_ECONFLICT, "post %llu is there already",
			       (unsigned long long)id);
	r = cache_put(cache, id, record);
	if (r < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no memory");
	sp_count(&posts_stored, 1);
	sp_count(&posts_forgotten, (uint64_t)r);
	return SP_NEXT;
}

/* Appends a record and a line's end to the body. */
static int add(sp_request *req, sp_str record)
{
	size_t old = sp_body(req).len;
	sp_buf body = sp_resize(req, old + record.len + 1);

	if (!body.data)
		return -ENOSPC;
	memcpy(body.data + old, record.data, record.len);
	body.data[old + record.len] = '\n';
	return 0;
}

/* A larger buffer may have to be waited for; posts that came and went meanwhile are no harm,
 * as each is looked up and copied in one go. */
static sp_verdict read_posts(sp_request *req, const struct cache *cache)
{
	uint64_t ids[64];
	sp_str list = sp_view(req), text;
	size_t count = 0;

	while (list_next(&list, '\n', &text) == 0)
		if (count == sizeof(ids) / sizeof(ids[0]) || number_read(text, &ids[count++]) < 0)
			return sp_fail(req, SP_EINPUT, "expected at most 64 ids, one a line");
	if (sp_set_body(req, "", 0) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	for (size_t i = 0; i < count; i++) {
		char copy[POST_RECORD_MAX];
		sp_str record = cache_find(cache, ids[i]);

		if (!record.data)
			continue;
		memcpy(copy, record.data, record.len);
		if (add(req, (sp_str){ copy, record.len }) < 0)
			return sp_fail(req, SP_ETOOBIG, "the posts need more than any buffer");
	}
	return SP_REPLY;
}

static sp_verdict store(sp_request *req, void *state)
{
	sp_str topic = sp_meta_of(req)->topic;

	if (str_is(topic, TOPIC_POST))
		return keep(req, state);
	if (str_is(topic, TOPIC_READ))
		return read_posts(req, state);
	return sp_fail(req, SP_EINPUT, "expected topic " TOPIC_POST " or " TOPIC_READ);
}

SP_FUNCTION(.name = "store", .version = "1", .init = cache_new, .fini = cache_free,
	    .on_request = store, .config = config);
