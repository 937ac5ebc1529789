/* SPDX-License-Identifier: Apache-2.0 */
/* buy.c - the checkout form, and the page that says that there is an order. */
#include <stdio.h>

#include "shop.h"

/* What the form must have. NULL: it has; else what is wrong with it. */
static const char *form_order(const struct form *form, sp_str *ret_email, struct address *address,
			      struct card *card)
{
	int64_t month, year;
	bool at = false;

	*ret_email = form_get(form, "email");
	for (size_t i = 1; i + 1 < ret_email->len; i++)
		at = at || ret_email->data[i] == '@';
	if (!at || ret_email->len > EMAIL_MAX)
		return "Say where to send the confirmation: an e-mail address.";
	address->street = form_get(form, "street_address");
	address->city = form_get(form, "city");
	address->state = form_get(form, "state");
	address->zip = form_get(form, "zip_code");
	address->country = form_get(form, "country");
	if (!address->street.len || !address->city.len || !address->zip.len ||
	    !address->country.len)
		return "Say where to send the parcel: street, zip code, city and country.";
	if (address->street.len > TEXT_MAX || address->city.len > TEXT_MAX ||
	    address->country.len > TEXT_MAX || address->state.len > STATE_MAX ||
	    address->zip.len > ZIP_MAX)
		return "A line of the address is too long.";
	card->number = form_get(form, "credit_card_number");
	card->cvv = form_get(form, "credit_card_cvv");
	if (!card->number.len || card->number.len > CARD_NUMBER_MAX || !card->cvv.len ||
	    card->cvv.len > CVV_MAX)
		return "Say which card pays: its number, and three digits of its back.";
	if (form_number(form, "credit_card_expiration_month", 1, 12, &month) < 0 ||
	    form_number(form, "credit_card_expiration_year", 2000, YEAR_MAX, &year) < 0)
		return "Say until when the card is good: month and year.";
	card->month = (int)month;
	card->year = (int)year;
	return NULL;
}

static void fill_order(struct visit *visit, const struct order *order)
{
	struct view *view = &visit->shop->view;
	struct money cost;

	view_text(view, NULL, K_order_id, order->id);
	view_text(view, NULL, K_tracking, order->tracking);
	view_text(view, NULL, K_email, order->email);
	view_text(view, NULL, K_street, order->address.street);
	view_text(view, NULL, K_city, order->address.city);
	view_text(view, NULL, K_state, order->address.state);
	view_text(view, NULL, K_zip, order->address.zip);
	view_text(view, NULL, K_country, order->address.country);
	page_price(visit, NULL, K_shipping, &order->shipping);
	page_price(visit, NULL, K_total, &order->total);
	for (size_t i = 0; i < order->count; i++) {
		struct item *row = view_row(view, K_items);

		view_text(view, row, K_id, order->items[i].line.id);
		view_text(view, row, K_name, order->items[i].name);
		view_number(view, row, K_quantity, order->items[i].line.quantity);
		/* checkout has made their sum, so each of them is no larger */
		if (money_times(&order->items[i].cost, order->items[i].line.quantity, &cost) == 0)
			page_price(visit, row, K_cost, &cost);
	}
}

/* For k products 16 + 2 k calls: checkout, which makes 7 + 2 k, recommendation, which makes
 * one, and the currencies at once; then the five products recommended. */
sp_verdict shop_checkout(struct visit *visit, const struct form *form)
{
	struct picks picks = { .count = 0 };
	struct address address;
	const char *wrong;
	struct wire_out *out;
	struct wire_in in;
	struct order order;
	struct batch batch;
	struct codes codes;
	struct card card;
	sp_str email;

	wrong = form_order(form, &email, &address, &card);
	if (wrong)
		return page_error(visit, SP_EINPUT, text_of(wrong));
	batch_init(&batch);
	out = batch_ask(&batch, CHECKOUT, "place");
	wire_put(out, visit_user(visit), WIRE_TAB);
	wire_put(out, visit_currency(visit), WIRE_TAB);
	wire_put(out, email, WIRE_LINE);
	address_write(out, &address);
	card_write(out, &card);
	batch_ask(&batch, CURRENCY, "list");
	wire_put(batch_ask(&batch, RECOMMENDATION, "list"), visit_user(visit), WIRE_LINE);
	if (batch_run(&batch, visit->req, 1) != SP_OK)
		return page_failed(visit, &batch);
	in = wire_of(&batch.calls[0]);
	order_read(&in, &order);
	if (!wire_done(&in))
		return page_failed(visit, &batch);
	/* The order stands; from here on nothing may hide it from the customer. */
	if (!codes_read(visit, &batch.calls[1], &codes))
		codes.count = 0;
	if (!picks_read(&batch.calls[2], &picks))
		picks.count = 0;

	batch_init(&batch);
	picks_ask(&batch, &picks);
	if (picks.count && (batch_run(&batch, visit->req, batch.count) != SP_OK ||
			    !picks_products(batch.calls, &picks)))
		picks.count = 0;
	if (!page_begin(visit))
		return SP_FAILED;
	page_head(visit, &codes, 0);
	fill_order(visit, &order);
	page_picks(visit, &picks);
	return page_end(visit, PAGE_ORDER, 200);
}

/* The page that the form was on: a path of this shop, and one that GET shows. */
static sp_str path_back(sp_request *req)
{
	sp_str referer = sp_header(req, "referer");
	size_t at = 0, slashes = 0;

	while (at < referer.len && (slashes += referer.data[at] == '/') < 3)
		at++;
	if (at == referer.len)
		return SP_S("/");
	referer.data += at;
	referer.len -= at;
	for (size_t i = 0; i < referer.len; i++) {
		if (referer.data[i] == '?' || referer.data[i] == '#') {
			referer.len = i;
			break;
		}
	}
	if (text_is(referer, "/cart"))
		return referer;
	if (referer.len > 9 && referer.len <= 9 + ID_MAX &&
	    text_is((sp_str){ referer.data, 9 }, "/product/"))
		return referer;
	return SP_S("/");
}

/* No call: the currency's code goes into a cookie, and pages look whether there is such one. */
sp_verdict shop_currency(struct visit *visit, const struct form *form)
{
	sp_str code = form_get(form, "currency_code");
	char path[32];

	if (!money_code_valid(code))
		return page_error(visit, SP_EINPUT,
				  SP_S("Say which currency: currency_code, three capitals."));
	/* Setting the body may move what the request's header fields lie in. */
	snprintf(path, sizeof(path), "%.*s", SP_ARG(path_back(visit->req)));
	if (visit_set_cookie(visit, COOKIE_CURRENCY, code) < 0)
		return sp_fail(visit->req, SP_EUNAVAILABLE, "no room for the answer");
	return page_redirect(visit, text_of(path));
}
