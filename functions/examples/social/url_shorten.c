/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url_shorten.c - a short key for each URL, and back: `GET /s/KEY` redirects.
 *
 * Called with URLs, one a line, it answers with as many keys. A key is the URL's hash, so the
 * same URL has the same key; should two URLs have one hash, the later one takes the next that
 * is free. Config `capacity` URLs are kept, the oldest goes first.
 */
#include <errno.h>
#include <string.h>

#include <sprocket.h>

#include "cache.h"
#include "form.h"
#include "post.h"

#define KEY_MAX 11U /* digits of a 64-bit number to base 62 */
#define PATH_PREFIX "/s/"

static const char *const config[] = { "capacity=4096", NULL };
static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

SP_COUNTER(urls_shortened);
SP_COUNTER(urls_forgotten);

/* FNV-1a, and a final mix so that similar URLs have keys that differ at first sight. */
static uint64_t hash(sp_str url)
{
	uint64_t h = 0xcbf29ce484222325U;

	for (size_t i = 0; i < url.len; i++)
		h = (h ^ (unsigned char)url.data[i]) * 0x100000001b3U;
	h = (h ^ h >> 32) * 0xd6e8feb86659fd93U;
	return h ^ h >> 32;
}

static void put_key(struct out *out, uint64_t key)
{
	char text[KEY_MAX];

	for (size_t i = KEY_MAX; i-- > 0; key /= 62)
		text[i] = digits[key % 62];
	out_add(out, (sp_str){ text, KEY_MAX });
}

/* Returns 0 and *ret, or -ENOENT for what is no key. */
static int key_read(sp_str text, uint64_t *ret)
{
	uint64_t key = 0;

	if (text.len != KEY_MAX)
		return -ENOENT;
	for (size_t i = 0; i < KEY_MAX; i++) {
		const char *digit = text.data[i] ? strchr(digits, text.data[i]) : NULL;

		/* beyond 64 bits a key wraps round to another one's number, which is harmless */
		if (!digit)
			return -ENOENT;
		key = key * 62 + (uint64_t)(digit - digits);
	}
	*ret = key;
	return 0;
}

static int url_add(struct cache *cache, sp_str url, uint64_t *ret_key)
{
	uint64_t key = hash(url);
	sp_str there = cache_find(cache, key);
	int r;

	while (there.data && (there.len != url.len || memcmp(there.data, url.data, url.len) != 0))
		there = cache_find(cache, ++key);
	*ret_key = key;
	if (there.data)
		return 0;
	r = cache_put(cache, key, url);
	if (r < 0)
		return r;
	sp_count(&urls_shortened, 1);
	sp_count(&urls_forgotten, (uint64_t)r);
	return 0;
}

static sp_verdict shorten(sp_request *req, struct cache *cache)
{
	char keys[POST_LINK_COUNT * (KEY_MAX + 1)];
	struct out out = out_start(keys, sizeof(keys));
	sp_str list = sp_view(req), url;
	sp_verdict failed;
	uint64_t key;

	while (list_next(&list, '\n', &url) == 0) {
		if (url_add(cache, url, &key) < 0)
			return sp_fail(req, SP_EUNAVAILABLE, "no memory");
		put_key(&out, key);
		out_add(&out, SP_S("\n"));
	}
	failed = out_finish(&out, req);
	return failed ? failed : SP_REPLY;
}

static sp_verdict resolve(sp_request *req, const struct cache *cache)
{
	sp_str path = sp_meta_of(req)->path;
	sp_str text = { path.data + strlen(PATH_PREFIX), path.len - strlen(PATH_PREFIX) }, url;
	uint64_t key;

	url = key_read(text, &key) == 0 ? cache_find(cache, key) : (sp_str){ NULL, 0 };
	if (!url.data)
		return sp_fail(req, SP_ENOTFOUND, "no such short URL, or it was forgotten");
	if (sp_set_header(req, "location", url) < 0 || sp_set_body(req, "", 0) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	sp_set_status(req, 302);
	return SP_REPLY;
}

static sp_verdict url_shorten(sp_request *req, void *state)
{
	const sp_meta *meta = sp_meta_of(req);

	if (str_begins(meta->path, PATH_PREFIX))
		return resolve(req, state);
	if (str_is(meta->topic, TOPIC_SHORTEN))
		return shorten(req, state);
	return sp_fail(req, SP_EINPUT, "expected a call with topic " TOPIC_SHORTEN);
}

SP_FUNCTION(.name = "url-shorten", .version = "1", .init = cache_new, .fini = cache_free,
	    .on_request = url_shorten, .config = config);
