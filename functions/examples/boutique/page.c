/* SPDX-License-Identifier: Apache-2.0 */
/* page.c - what all pages of the shop have. */
#include <stdio.h>
#include <string.h>

#include "shop.h"

static const struct error_page {
	int status;
	const char *title;
} errors[SP_ERROR_COUNT] = {
#define ERROR_PAGE(name, status, title) [name] = { status, title },
	SP_ERRORS(ERROR_PAGE)
#undef ERROR_PAGE
};

bool codes_read(struct visit *visit, const sp_call *call, struct codes *ret)
{
	struct wire_in in = wire_of(call);
	bool known = false;

	ret->count = 0;
	while (wire_more(&in) && ret->count < CURRENCIES_MAX) {
		sp_str code = wire_text(&in, WIRE_LINE, 3, 3);

		ret->codes[ret->count++] = code;
		known = known || text_equals(code, visit_currency(visit));
	}
	if (!known)
		memcpy(visit->currency, "USD", sizeof("USD"));
	return call->error == SP_OK && wire_done(&in);
}

bool cart_read(const sp_call *call, struct line lines[LINES_MAX], size_t *ret_count)
{
	struct wire_in in = wire_of(call);

	*ret_count = lines_read(&in, lines);
	return call->error == SP_OK && wire_done(&in);
}

bool picks_read(const sp_call *call, struct picks *ret)
{
	struct wire_in in = wire_of(call);

	ret->count = 0;
	while (call->error == SP_OK && wire_more(&in) && ret->count < RECOMMENDATIONS_MAX)
		ret->ids[ret->count++] = wire_text(&in, WIRE_LINE, 1, ID_MAX);
	return call->error == SP_OK && wire_done(&in);
}

void picks_ask(struct batch *batch, const struct picks *picks)
{
	for (size_t i = 0; i < picks->count; i++)
		wire_put(batch_ask(batch, CATALOG, "get"), picks->ids[i], WIRE_LINE);
}

bool picks_products(const sp_call *calls, struct picks *picks)
{
	for (size_t i = 0; i < picks->count; i++)
		if (!call_product(&calls[i], &picks->products[i]))
			return false;
	return true;
}

void ask_convert(struct visit *visit, struct batch *batch, const struct money *money)
{
	struct wire_out *out = batch_ask(batch, CURRENCY, "convert");

	money_write(out, money, WIRE_TAB);
	wire_put(out, visit_currency(visit), WIRE_LINE);
}

struct view *page_begin(struct visit *visit)
{
	if (!sp_resize(visit->req, PAGE_ROOM).data) {
		sp_fail(visit->req, SP_EUNAVAILABLE, "no room for the page");
		return NULL;
	}
	view_reset(&visit->shop->view);
	return &visit->shop->view;
}

void page_head(struct visit *visit, const struct codes *codes, uint64_t cart_size)
{
	struct view *view = &visit->shop->view;

	view_number(view, NULL, K_cart_size, (long long)cart_size);
	for (size_t i = 0; i < codes->count; i++) {
		struct item *row = view_row(view, K_currencies);

		view_text(view, row, K_code, codes->codes[i]);
		if (text_equals(codes->codes[i], visit_currency(visit)))
			view_text(view, row, K_selected, SP_S(" selected"));
	}
}

/* A page without an advertisement is a page too. */
void page_ad(struct visit *visit, const sp_call *call, uint64_t choice)
{
	struct wire_in in = wire_of(call);
	sp_str products[4], texts[4];
	size_t count = 0;

	while (call->error == SP_OK && wire_more(&in) && count < 4) {
		products[count] = wire_text(&in, WIRE_TAB, 1, ID_MAX);
		texts[count++] = wire_text(&in, WIRE_LINE, 1, TEXT_MAX);
	}
	if (count == 0 || !wire_done(&in))
		return;
	view_text(&visit->shop->view, NULL, K_ad_product, products[choice % count]);
	view_text(&visit->shop->view, NULL, K_ad_text, texts[choice % count]);
}

void page_picks(struct visit *visit, const struct picks *picks)
{
	if (picks->count)
		view_text(&visit->shop->view, NULL, K_also, SP_S("1"));
	for (size_t i = 0; i < picks->count; i++) {
		struct item *row = view_row(&visit->shop->view, K_recommendations);

		view_text(&visit->shop->view, row, K_id, picks->products[i].id);
		view_text(&visit->shop->view, row, K_name, picks->products[i].name);
		view_text(&visit->shop->view, row, K_picture, picks->products[i].picture);
	}
}

void page_price(struct visit *visit, struct item *row, enum key key, const struct money *money)
{
	char text[MONEY_TEXT_MAX];

	view_copy(&visit->shop->view, row, key, money_text(money, text));
}

static int page_headers(struct visit *visit)
{
	sp_request *req = visit->req;

	if (visit->fresh && visit_set_cookie(visit, COOKIE_USER, visit_user(visit)) < 0)
		return -1;
	if (sp_set_header(req, "cache-control", SP_S("no-store")) < 0 ||
	    sp_set_header(req, "content-security-policy",
			  SP_S("default-src 'self'; frame-ancestors 'none'")) < 0)
		return -1;
	return sp_set_header(req, "x-content-type-options", SP_S("nosniff"));
}

sp_verdict page_end(struct visit *visit, enum page page, int status)
{
	sp_request *req = visit->req;
	sp_buf body = sp_body(req);
	long len;

	if (!body.data)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the page");
	len = template_render(visit->shop->pages[page], &visit->shop->view, body.data, body.len);
	if (len < 0)
		return sp_fail(req, SP_EINTERNAL, "the page is larger than %u bytes", PAGE_ROOM);
	if (!sp_resize(req, (size_t)len).data || page_headers(visit) < 0 ||
	    sp_set_header(req, "content-type", SP_S("text/html; charset=utf-8")) < 0 ||
	    sp_set_status(req, status) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the page");
	return SP_REPLY;
}

sp_verdict page_error(struct visit *visit, sp_error error, sp_str text)
{
	struct view *view;
	char copy[256];
	int len;

	/* Nobody reads the page, and a page would make it a success. */
	if (error == SP_ECANCELED || error == SP_OK || error >= SP_ERROR_COUNT)
		return sp_fail(visit->req, error == SP_ECANCELED ? error : SP_EINTERNAL, "%.*s",
			       SP_ARG(text));
	/* It may lie in the body, which the page takes the place of. */
	len = snprintf(copy, sizeof(copy), "%.*s", SP_ARG(text));
	if (len >= (int)sizeof(copy))
		len = sizeof(copy) - 1;
	view = page_begin(visit);
	if (!view)
		return SP_FAILED;
	if (text_clean((sp_str){ copy, (size_t)len }))
		view_text(view, NULL, K_error, (sp_str){ copy, (size_t)len });
	view_number(view, NULL, K_status, errors[error].status);
	view_text(view, NULL, K_title, text_of(errors[error].title));
	view_text(view, NULL, K_request_id, sp_meta_of(visit->req)->id);
	return page_end(visit, PAGE_ERROR, errors[error].status);
}

sp_verdict page_failed(struct visit *visit, const struct batch *batch)
{
	const sp_call *call = batch_failed(batch);

	if (!call)
		return page_error(visit, SP_EUPSTREAM,
				  SP_S("A part of the shop gave no answer "
				       "that can be read."));
	if (call->reply.len == 0)
		return page_error(visit, call->error, SP_S("A part of the shop does not answer."));
	return page_error(visit, call->error, (sp_str){ call->reply.data, call->reply.len });
}

sp_verdict page_redirect(struct visit *visit, sp_str path)
{
	sp_request *req = visit->req;

	if (sp_set_header(req, "location", path) < 0 || sp_set_body(req, "", 0) < 0 ||
	    page_headers(visit) < 0 || sp_set_status(req, 302) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return SP_REPLY;
}
