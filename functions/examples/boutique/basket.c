/* SPDX-License-Identifier: Apache-2.0 */
/* basket.c - the cart: its page with the checkout form, putting products in, emptying it. */
#include <stdio.h>

#include "shop.h"

struct cart_page {
	struct codes codes;
	struct line lines[LINES_MAX];
	struct product products[LINES_MAX];
	struct money prices[LINES_MAX]; /* of one */
	struct money shipping;
	struct money total;
	struct picks picks;
	size_t count;
};

static void ask_picks(struct visit *visit, struct batch *batch, const struct cart_page *page)
{
	struct wire_out *out = batch_ask(batch, RECOMMENDATION, "list");

	wire_put(out, visit_user(visit), WIRE_LINE);
	for (size_t i = 0; i < page->count; i++)
		wire_put(out, page->lines[i].id, WIRE_LINE);
}

/* For k products 11 + 2 k calls, of which recommendation makes one, in three steps: what is in
 * the cart; the products, what goes with them, and the shipping; all prices in the user's
 * currency, and what goes with them. */
static bool cart_ask(struct visit *visit, struct batch *batch, struct cart_page *page)
{
	struct wire_out *out;
	size_t n;

	batch_init(batch);
	batch_ask(batch, CURRENCY, "list");
	wire_put(batch_ask(batch, CART, "get"), visit_user(visit), WIRE_LINE);
	if (batch_run(batch, visit->req, 2) != SP_OK ||
	    !codes_read(visit, &batch->calls[0], &page->codes) ||
	    !cart_read(&batch->calls[1], page->lines, &page->count))
		return false;
	n = page->count;

	batch_init(batch);
	for (size_t i = 0; i < n; i++)
		wire_put(batch_ask(batch, CATALOG, "get"), page->lines[i].id, WIRE_LINE);
	out = batch_ask(batch, SHIPPING, "quote");
	for (size_t i = 0; i < n; i++)
		line_write(out, &page->lines[i]);
	ask_picks(visit, batch, page);
	if (batch_run(batch, visit->req, n + 2) != SP_OK ||
	    !call_money(&batch->calls[n], &page->shipping) ||
	    !picks_read(&batch->calls[n + 1], &page->picks))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!call_product(&batch->calls[i], &page->products[i]))
			return false;

	batch_init(batch);
	for (size_t i = 0; i < n; i++)
		ask_convert(visit, batch, &page->products[i].price);
	ask_convert(visit, batch, &page->shipping);
	picks_ask(batch, &page->picks);
	if (batch_run(batch, visit->req, batch->count) != SP_OK ||
	    !call_money(&batch->calls[n], &page->shipping) ||
	    !picks_products(batch->calls + n + 1, &page->picks))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!call_money(&batch->calls[i], &page->prices[i]))
			return false;
	return true;
}

/* Months and years to choose from in the form. */
static void fill_dates(struct visit *visit)
{
	static const char *const months[] = { "January",   "February", "March",    "April",
					      "May",       "June",     "July",     "August",
					      "September", "October",  "November", "December" };
	struct view *view = &visit->shop->view;
	int today = 0;

	for (int i = 0; i < 12; i++) {
		struct item *row = view_row(view, K_months);

		view_number(view, row, K_number, i + 1);
		view_text(view, row, K_name, text_of(months[i]));
	}
	month_of(visit->shop->today, &today);
	for (int i = 0; i < 8; i++) {
		struct item *row = view_row(view, K_years);

		view_number(view, row, K_number, today / 12 + i);
		/* Next year is none that has passed already, whatever the month. */
		if (i == 1)
			view_text(view, row, K_selected, SP_S(" selected"));
	}
}

static int fill_items(struct visit *visit, struct cart_page *page, uint64_t *ret_size)
{
	struct view *view = &visit->shop->view;
	struct money cost;

	page->total = page->shipping;
	*ret_size = 0;
	for (size_t i = 0; i < page->count; i++) {
		struct item *row = view_row(view, K_items);
		int r = money_times(&page->prices[i], page->lines[i].quantity, &cost);

		if (r < 0 || (r = money_add(&page->total, &cost)) < 0)
			return r;
		view_text(view, row, K_id, page->products[i].id);
		view_text(view, row, K_name, page->products[i].name);
		view_text(view, row, K_picture, page->products[i].picture);
		view_number(view, row, K_quantity, page->lines[i].quantity);
		page_price(visit, row, K_price, &page->prices[i]);
		page_price(visit, row, K_cost, &cost);
		*ret_size += page->lines[i].quantity;
	}
	return 0;
}

sp_verdict shop_cart(struct visit *visit)
{
	struct cart_page page;
	struct batch batch;
	uint64_t size;

	if (!cart_ask(visit, &batch, &page))
		return page_failed(visit, &batch);
	if (!page_begin(visit))
		return SP_FAILED;
	if (fill_items(visit, &page, &size) < 0)
		return page_failed(visit, &batch);
	page_head(visit, &page.codes, size);
	if (page.count) {
		page_price(visit, NULL, K_shipping, &page.shipping);
		page_price(visit, NULL, K_total, &page.total);
		fill_dates(visit);
	}
	page_picks(visit, &page.picks);
	return page_end(visit, PAGE_CART, 200);
}

/* 2 calls: is there such a product, and into the cart with it. */
sp_verdict shop_cart_add(struct visit *visit, const struct form *form)
{
	sp_str id = form_get(form, "product_id");
	struct wire_out *out;
	struct batch batch;
	int64_t quantity;
	char text[80];

	if (id.len == 0 || id.len > ID_MAX)
		return page_error(visit, SP_EINPUT, SP_S("Say which product: product_id."));
	if (form_number(form, "quantity", 1, QUANTITY_MAX, &quantity) < 0) {
		snprintf(text, sizeof(text), "Quantity is a number from 1 to %u.", QUANTITY_MAX);
		return page_error(visit, SP_EINPUT, text_of(text));
	}
	batch_init(&batch);
	wire_put(batch_ask(&batch, CATALOG, "get"), id, WIRE_LINE);
	if (batch_run(&batch, visit->req, 1) != SP_OK)
		return page_failed(visit, &batch);

	batch_init(&batch);
	out = batch_ask(&batch, CART, "add");
	wire_put(out, visit_user(visit), WIRE_TAB);
	wire_put(out, id, WIRE_TAB);
	wire_put_number(out, quantity, WIRE_LINE);
	if (batch_run(&batch, visit->req, 1) != SP_OK)
		return page_failed(visit, &batch);
	return page_redirect(visit, SP_S("/cart"));
}

sp_verdict shop_cart_empty(struct visit *visit, const struct form *form)
{
	struct batch batch;

	(void)form;
	batch_init(&batch);
	wire_put(batch_ask(&batch, CART, "empty"), visit_user(visit), WIRE_LINE);
	if (batch_run(&batch, visit->req, 1) != SP_OK)
		return page_failed(visit, &batch);
	return page_redirect(visit, SP_S("/"));
}
