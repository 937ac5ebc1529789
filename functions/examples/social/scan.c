/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c - see scan.h. */
#include "scan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "form.h"
#include "users.h"

/* Length of the URL that the text begins with; 0: none. */
static size_t url_length(sp_str text)
{
	size_t head = str_begins(text, "https://") ? 8 : str_begins(text, "http://") ? 7 : 0;
	size_t len = head;

	while (head > 0 && len < text.len && (unsigned char)text.data[len] > ' ')
		len++;
	while (len > head && strchr(".,;:!?)'\"", text.data[len - 1]))
		len--;
	return len > head ? len : 0;
}

static size_t name_length(sp_str text)
{
	size_t len = 0;

	while (len < text.len && user_name_char(text.data[len]))
		len++;
	return len <= USER_NAME_MAX ? len : 0;
}

static bool name_known(const struct scan *scan, sp_str name)
{
	for (size_t i = 0; i < scan->name_count; i++)
		if (scan->names[i].len == name.len &&
		    memcmp(scan->names[i].data, name.data, name.len) == 0)
			return true;
	return false;
}

static int take_name(struct scan *scan, sp_str name)
{
	if (name.len == 0 || name_known(scan, name))
		return 0;
	if (scan->name_count == POST_MENTION_COUNT)
		return -E2BIG;
	scan->names[scan->name_count++] = name;
	return 0;
}

int scan_text(sp_str text, struct scan *ret)
{
	bool word = false; /* the character before is part of one */

	ret->url_count = ret->name_count = 0;
	for (size_t i = 0; i < text.len; i++) {
		sp_str rest = { text.data + i, text.len - i };
		size_t len = word ? 0 : url_length(rest);

		if (len > 0) {
			if (ret->url_count == POST_LINK_COUNT)
				return -E2BIG;
			ret->urls[ret->url_count++] = (sp_str){ rest.data, len };
			i += len - 1;
		} else if (rest.data[0] == '@' && !word) {
			sp_str name = { rest.data + 1, rest.len - 1 };

			name.len = name_length(name);
			if (take_name(ret, name) < 0)
				return -E2BIG;
			i += name.len;
		}
		word = user_name_char(text.data[i]) ||
		       (text.data[i] >= 'A' && text.data[i] <= 'Z') ||
		       (unsigned char)text.data[i] >= 0x80;
	}
	return 0;
}
