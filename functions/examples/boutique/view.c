/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "view.h"

void view_reset(struct view *view)
{
	view->root = (struct item){ NULL, NULL };
	view->full = false;
	view->field_count = 0;
	view->row_count = 0;
	view->text_len = 0;
}

static struct field *field_new(struct view *view, struct item *row, enum key key)
{
	struct field *field;

	if (view->field_count == VIEW_FIELDS) {
		view->full = true;
		return NULL;
	}
	field = &view->fields[view->field_count++];
	row = row ? row : &view->root;
	*field = (struct field){ .next = row->fields, .key = key };
	row->fields = field;
	return field;
}

void view_text(struct view *view, struct item *row, enum key key, sp_str text)
{
	struct field *field = field_new(view, row, key);

	if (field)
		field->text = text;
}

void view_copy(struct view *view, struct item *row, enum key key, sp_str text)
{
	char *copy = view->text + view->text_len;

	if (text.len > VIEW_TEXT - view->text_len) {
		view->full = true;
		return;
	}
	if (text.len)
		memcpy(copy, text.data, text.len);
	view->text_len += text.len;
	view_text(view, row, key, (sp_str){ copy, text.len });
}

void view_number(struct view *view, struct item *row, enum key key, long long number)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lld", number);

	view_copy(view, row, key, (sp_str){ text, (size_t)len });
}

const struct field *view_find(const struct item *row, enum key key)
{
	for (const struct field *f = row->fields; f; f = f->next)
		if (f->key == key)
			return f;
	return NULL;
}

/* Rows of one list are made one after the other, so the last one of all is its last. */
struct item *view_row(struct view *view, enum key key)
{
	struct field *list = NULL;
	struct item *row;

	for (struct field *f = view->root.fields; f && !list; f = f->next)
		if (f->key == key)
			list = f;
	if (!list)
		list = field_new(view, NULL, key);
	if (!list || view->row_count == VIEW_ROWS) {
		view->full = true;
		return &view->rows[VIEW_ROWS - 1];
	}
	row = &view->rows[view->row_count++];
	*row = (struct item){ NULL, NULL };
	if (list->rows)
		row[-1].next = row;
	else
		list->rows = row;
	return row;
}
