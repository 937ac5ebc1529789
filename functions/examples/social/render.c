/* SPDX-License-Identifier: Apache-2.0 */
/* render.c - see render.h. */
#include "render.h"

#include <stdbool.h>
#include <string.h>

#include "form.h"
#include "post.h"

/* A field; empty when it cannot be read. */
static sp_str field(sp_str record, const char *name, char *ret, size_t size)
{
	int len = form_get(record, name, ret, size);

	return (sp_str){ ret, len > 0 ? (size_t)len : 0 };
}

static void put_names(struct out *out, const struct users *users, sp_str numbers)
{
	bool first = true;
	uint64_t number;
	sp_str item;

	while (list_next(&numbers, ',', &item) == 0) {
		if (number_read(item, &number) < 0 || number > users->count)
			continue;
		if (!first)
			out_add(out, SP_S(","));
		out_json(out, users_name(users, (uint32_t)number));
		first = false;
	}
}

static void put_media(struct out *out, sp_str list)
{
	bool first = true;
	sp_str item;

	for (; list_next(&list, ',', &item) == 0; first = false) {
		if (!first)
			out_add(out, SP_S(","));
		out_json(out, item);
	}
}

void render_post(struct out *out, const struct users *users, sp_str record)
{
	char value[POST_RECORD_MAX / 2];
	uint64_t author;

	if (form_number(record, "author", &author) < 0 || author > users->count)
		return;
	out_add(out, SP_S("{\"id\":"));
	out_json(out, field(record, "id", value, sizeof(value)));
	out_add(out, SP_S(",\"author\":"));
	out_json(out, users_name(users, (uint32_t)author));
	out_add(out, SP_S(",\"text\":"));
	out_json(out, field(record, "text", value, sizeof(value)));
	out_add(out, SP_S(",\"mentions\":["));
	put_names(out, users, field(record, "mentions", value, sizeof(value)));
	out_add(out, SP_S("],\"media\":["));
	put_media(out, field(record, "media", value, sizeof(value)));
	out_add(out, SP_S("]}"));
}

void render_timeline(struct out *out, const struct users *users, sp_str name, sp_str records)
{
	sp_str record;
	size_t empty;

	out_add(out, SP_S("{\"user\":"));
	out_json(out, name);
	out_add(out, SP_S(",\"posts\":["));
	empty = out->len;
	while (list_next(&records, '\n', &record) == 0) {
		if (out->len > empty)
			out_add(out, SP_S(","));
		render_post(out, users, record);
	}
	out_add(out, SP_S("]}"));
}
