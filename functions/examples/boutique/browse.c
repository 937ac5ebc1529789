/* SPDX-License-Identifier: Apache-2.0 */
/* browse.c - the pages that show what there is: all products, and one. */
#include <string.h>

#include "shop.h"

static uint64_t size_of(const struct line *lines, size_t count)
{
	uint64_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += lines[i].quantity;
	return size;
}

static void product_row(struct visit *visit, struct item *row, const struct product *product,
			const struct money *price)
{
	struct view *view = &visit->shop->view;

	view_text(view, row, K_id, product->id);
	view_text(view, row, K_name, product->name);
	view_text(view, row, K_picture, product->picture);
	page_price(visit, row, K_price, price);
}

/* 13 calls for nine products: four at once, then what each price is in the user's currency. */
sp_verdict shop_home(struct visit *visit)
{
	struct product products[PRODUCTS_MAX];
	struct line lines[LINES_MAX];
	size_t count, line_count;
	struct wire_in in;
	struct codes codes;
	struct money price;
	struct batch batch;
	sp_call ad;

	batch_init(&batch);
	batch_ask(&batch, CURRENCY, "list");
	batch_ask(&batch, CATALOG, "list");
	wire_put(batch_ask(&batch, CART, "get"), visit_user(visit), WIRE_LINE);
	wire_put(batch_ask(&batch, AD, "get"), visit_user(visit), WIRE_LINE);
	if (batch_run(&batch, visit->req, 3) != SP_OK)
		return page_failed(visit, &batch);
	in = wire_of(&batch.calls[1]);
	count = products_read(&in, products);
	if (!wire_done(&in) || !codes_read(visit, &batch.calls[0], &codes) ||
	    !cart_read(&batch.calls[2], lines, &line_count))
		return page_failed(visit, &batch);
	ad = batch.calls[3];

	batch_init(&batch);
	for (size_t i = 0; i < count; i++)
		ask_convert(visit, &batch, &products[i].price);
	if (batch_run(&batch, visit->req, count) != SP_OK)
		return page_failed(visit, &batch);

	if (!page_begin(visit))
		return SP_FAILED;
	page_head(visit, &codes, size_of(lines, line_count));
	page_ad(visit, &ad, 0);
	for (size_t i = 0; i < count; i++) {
		if (!call_money(&batch.calls[i], &price))
			return page_failed(visit, &batch);
		product_row(visit, view_row(&visit->shop->view, K_products), &products[i], &price);
	}
	return page_end(visit, PAGE_HOME, 200);
}

/* Categories come with commas between them; the advertisements want lines. */
static void ask_ad(struct visit *visit, struct batch *batch, sp_str categories)
{
	struct wire_out *out = batch_ask(batch, AD, "get");
	const char *at = categories.data, *end = at + categories.len, *next;

	wire_put(out, visit_user(visit), WIRE_LINE);
	for (; at < end; at = next + 1) {
		next = memchr(at, ',', (size_t)(end - at));
		next = next ? next : end;
		if (next > at)
			wire_put(out, (sp_str){ at, (size_t)(next - at) }, WIRE_LINE);
	}
}

struct product_page {
	struct product product;
	struct money price;
	struct codes codes;
	struct picks picks;
	struct line lines[LINES_MAX];
	size_t line_count;
	sp_call ad;
};

/* 12 calls: four at once, of which recommendation makes one; then the price, the products
 * recommended, and the advertisement. */
static bool product_ask(struct visit *visit, struct batch *batch, sp_str id,
			struct product_page *page)
{
	struct wire_out *out;

	batch_init(batch);
	wire_put(batch_ask(batch, CATALOG, "get"), id, WIRE_LINE);
	batch_ask(batch, CURRENCY, "list");
	wire_put(batch_ask(batch, CART, "get"), visit_user(visit), WIRE_LINE);
	out = batch_ask(batch, RECOMMENDATION, "list");
	wire_put(out, visit_user(visit), WIRE_LINE);
	wire_put(out, id, WIRE_LINE);
	if (batch_run(batch, visit->req, 4) != SP_OK ||
	    !call_product(&batch->calls[0], &page->product) ||
	    !codes_read(visit, &batch->calls[1], &page->codes) ||
	    !cart_read(&batch->calls[2], page->lines, &page->line_count) ||
	    !picks_read(&batch->calls[3], &page->picks))
		return false;

	batch_init(batch);
	ask_convert(visit, batch, &page->product.price);
	picks_ask(batch, &page->picks);
	ask_ad(visit, batch, page->product.categories);
	if (batch_run(batch, visit->req, batch->count - 1) != SP_OK ||
	    !call_money(&batch->calls[0], &page->price) ||
	    !picks_products(batch->calls + 1, &page->picks))
		return false;
	page->ad = batch->calls[batch->count - 1];
	return true;
}

sp_verdict shop_product(struct visit *visit, sp_str id)
{
	struct product_page page;
	struct batch batch;
	struct view *view;

	if (!product_ask(visit, &batch, id, &page))
		return page_failed(visit, &batch);
	view = page_begin(visit);
	if (!view)
		return SP_FAILED;
	page_head(visit, &page.codes, size_of(page.lines, page.line_count));
	product_row(visit, NULL, &page.product, &page.price);
	view_text(view, NULL, K_description, page.product.description);
	page_picks(visit, &page.picks);
	page_ad(visit, &page.ad, text_hash(page.product.id, text_hash(visit_user(visit), 0)));
	return page_end(visit, PAGE_PRODUCT, 200);
}
