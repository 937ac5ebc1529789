/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shop.h - the parts of the frontend: pages, and what they are made of.
 *
 * A page asks the other functions first; page_begin makes room for it, names are put into the
 * view, page_end renders it. Between page_begin and page_end nothing waits, so that one view
 * serves all requests of a thread.
 */
#ifndef BOUTIQUE_SHOP_H
#define BOUTIQUE_SHOP_H

#include "batch.h"
#include "form.h"
#include "order.h"
#include "template.h"
#include "visit.h"

enum { AD, CART, CATALOG, CHECKOUT, CURRENCY, RECOMMENDATION, SHIPPING };

enum page { PAGE_HOME, PAGE_PRODUCT, PAGE_CART, PAGE_ORDER, PAGE_ERROR, PAGE_COUNT };

#define RECOMMENDATIONS_MAX 5U
#define PAGE_ROOM 16000U /* bytes of a page; a buffer of the chain file holds them */

struct shop {
	struct template *pages[PAGE_COUNT];
	struct ids ids;
	sp_str today;
	struct view view;
};

struct codes {
	sp_str codes[CURRENCIES_MAX];
	size_t count;
};

struct picks {
	sp_str ids[RECOMMENDATIONS_MAX];
	struct product products[RECOMMENDATIONS_MAX];
	size_t count;
};

/* ---- page.c: what all pages have ---- */

/* What "list" of currency answered. A currency that it does not have becomes USD. */
bool codes_read(struct visit *visit, const sp_call *call, struct codes *ret);
bool cart_read(const sp_call *call, struct line lines[LINES_MAX], size_t *ret_count);
/* What "list" of recommendation answered; then one call for each product, and theirs. */
bool picks_read(const sp_call *call, struct picks *ret);
void picks_ask(struct batch *batch, const struct picks *picks);
bool picks_products(const sp_call *calls, struct picks *picks);

void ask_convert(struct visit *visit, struct batch *batch, const struct money *money);

/* NULL: there is no room; the request has failed. */
struct view *page_begin(struct visit *visit);
void page_head(struct visit *visit, const struct codes *codes, uint64_t cart_size);
void page_ad(struct visit *visit, const sp_call *call, uint64_t choice);
void page_picks(struct visit *visit, const struct picks *picks);
void page_price(struct visit *visit, struct item *row, enum key key, const struct money *money);
sp_verdict page_end(struct visit *visit, enum page page, int status);

/* The page that says what went wrong; its status is the error's. */
sp_verdict page_error(struct visit *visit, sp_error error, sp_str text);
/* It, for the first call that failed; or, when none has, for an answer of no known form. */
sp_verdict page_failed(struct visit *visit, const struct batch *batch);
sp_verdict page_redirect(struct visit *visit, sp_str path);

/* ---- the pages ---- */

sp_verdict shop_home(struct visit *visit);
sp_verdict shop_product(struct visit *visit, sp_str id);
sp_verdict shop_cart(struct visit *visit);
sp_verdict shop_cart_add(struct visit *visit, const struct form *form);
sp_verdict shop_cart_empty(struct visit *visit, const struct form *form);
sp_verdict shop_checkout(struct visit *visit, const struct form *form);
sp_verdict shop_currency(struct visit *visit, const struct form *form);
sp_verdict shop_static(struct visit *visit, sp_str path);

#endif
