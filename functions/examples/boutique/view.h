/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.h - what a page shows: names with texts or lists, to be put into a template.
 *
 *     view_reset(view);
 *     view_text(view, NULL, K_name, name);
 *     struct item *row = view_row(view, K_items);
 *     view_text(view, row, K_quantity, ...);
 *
 * How: names are numbers (KEYS below), so that a name that no template may use does not
 * compile and one that a template misspells stops the function's start. Everything lies in
 * struct view; nothing is allocated, and what does not fit is an error at the end.
 * Ownership: a text is not copied, and must stay until the page is rendered; view_copy copies.
 */
#ifndef BOUTIQUE_VIEW_H
#define BOUTIQUE_VIEW_H

#include <stdbool.h>

#include <sprocket.h>

#define KEYS(X)            \
	X(ad_product)      \
	X(ad_text)         \
	X(also)            \
	X(cart_size)       \
	X(city)            \
	X(code)            \
	X(cost)            \
	X(country)         \
	X(currencies)      \
	X(description)     \
	X(email)           \
	X(error)           \
	X(id)              \
	X(items)           \
	X(months)          \
	X(name)            \
	X(number)          \
	X(order_id)        \
	X(picture)         \
	X(price)           \
	X(products)        \
	X(quantity)        \
	X(recommendations) \
	X(request_id)      \
	X(selected)        \
	X(shipping)        \
	X(state)           \
	X(status)          \
	X(street)          \
	X(title)           \
	X(total)           \
	X(tracking)        \
	X(years)           \
	X(zip)

#define KEY_(name) K_##name,
enum key { KEYS(KEY_) KEY_COUNT };
#undef KEY_

#define VIEW_FIELDS 512U
#define VIEW_ROWS 160U
#define VIEW_TEXT 6144U

struct field {
	struct field *next;
	enum key key;
	sp_str text;
	struct item *rows; /* a list; NULL: a text */
};

struct item {
	struct item *next;
	struct field *fields;
};

struct view {
	struct item root;
	bool full;
	unsigned field_count;
	unsigned row_count;
	size_t text_len;
	struct field fields[VIEW_FIELDS];
	struct item rows[VIEW_ROWS];
	char text[VIEW_TEXT];
};

void view_reset(struct view *view);
/* `row` NULL: of the page itself. */
void view_text(struct view *view, struct item *row, enum key key, sp_str text);
void view_copy(struct view *view, struct item *row, enum key key, sp_str text);
void view_number(struct view *view, struct item *row, enum key key, long long number);
/* One more row at the end of the list `key` of the page; the rows of one list are made one after
 * the other. Never NULL. */
struct item *view_row(struct view *view, enum key key);
/* NULL: `row` has no such name. */
const struct field *view_find(const struct item *row, enum key key);

#endif
