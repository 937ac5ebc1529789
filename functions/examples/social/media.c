/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.c - pictures and films of a post: at most four, each the number of an upload and its
 * type, as in "17.png,18.mp4".
 */
#include <errno.h>
#include <stdbool.h>

#include <sprocket.h>

#include "form.h"
#include "post.h"

/* Number, a point, a type. */
static bool item_valid(sp_str item)
{
	static const char *const types[] = { "png", "jpg", "gif", "mp4" };
	sp_str number;
	uint64_t value;

	if (list_next(&item, '.', &number) < 0 || number_read(number, &value) < 0)
		return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_is(item, types[i]))
			return true;
	return false;
}

static sp_verdict media(sp_request *req, void *state)
{
	char field[POST_MEDIA_MAX + 1], record[POST_RECORD_MAX];
	int len = form_get(sp_view(req), "media", field, sizeof(field));
	struct out out = out_start(record, sizeof(record));
	sp_str list = { field, len > 0 ? (size_t)len : 0 }, item;
	size_t count = 0;
	sp_verdict failed;

	(void)state;
	if (len < 0)
		return sp_fail(req, SP_EINPUT, "body is not a record of compose");
	while (list_next(&list, ',', &item) == 0)
		if (!item_valid(item) || ++count > POST_MEDIA_COUNT)
			return sp_fail(req, SP_EUNSUPPORTED,
				       "expected at most %u of NUMBER.TYPE, with png, jpg, "
				       "gif or mp4",
				       POST_MEDIA_COUNT);
	form_put(&out, "media", (sp_str){ field, (size_t)len });
	failed = out_finish(&out, req);
	return failed ? failed : SP_REPLY;
}

SP_FUNCTION(.name = "media", .version = "1", .on_request = media);
