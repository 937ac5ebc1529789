/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frontend.c - the shop as browsers see it: which page is asked for, by whom.
 *
 * config `today` (YYYY-MM) stands for the clock in the checkout form, for tests.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assets.h"
#include "shop.h"

static const char *const calls[] = { "ad",       "cart",           "productcatalog", "checkout",
				     "currency", "recommendation", "shipping",       NULL };

static const char *const config[] = { "today=", NULL };

static const char *const page_files[PAGE_COUNT] = {
	[PAGE_HOME] = "home.html",   [PAGE_PRODUCT] = "product.html", [PAGE_CART] = "cart.html",
	[PAGE_ORDER] = "order.html", [PAGE_ERROR] = "error.html",
};

static sp_str file_of(const char *folder, sp_str name)
{
	size_t len = strlen(folder);

	for (size_t i = 0; i < asset_count; i++)
		if (strncmp(assets[i].name, folder, len) == 0 &&
		    text_is(name, assets[i].name + len))
			return assets[i].data;
	return (sp_str){ NULL, 0 };
}

static sp_str page_source(const char *name)
{
	return file_of("pages/", text_of(name));
}

static void fini(void *state)
{
	struct shop *shop = state;

	for (int i = 0; i < PAGE_COUNT; i++)
		template_free(shop->pages[i]);
	free(shop);
}

static int init(sp_worker *worker, void **state)
{
	struct shop *shop = calloc(1, sizeof(*shop));
	int month;

	if (!shop)
		return -ENOMEM;
	shop->today = sp_config(worker, "today");
	if (month_of(shop->today, &month) < 0) {
		sp_log(NULL, SP_ERROR, "today %.*s: expected something like 2026-07",
		       SP_ARG(shop->today));
		fini(shop);
		return -EINVAL;
	}
	for (int i = 0; i < PAGE_COUNT; i++) {
		shop->pages[i] = template_new(page_files[i], page_source);
		if (!shop->pages[i]) {
			fini(shop);
			return -EINVAL;
		}
	}
	*state = shop;
	return 0;
}

static bool ends_with(sp_str text, const char *end)
{
	size_t len = strlen(end);

	return text.len > len && memcmp(text.data + text.len - len, end, len) == 0;
}

/* Style sheet and pictures. They change with the program alone. */
sp_verdict shop_static(struct visit *visit, sp_str path)
{
	sp_str file = file_of("static/", path);
	sp_str type =
		ends_with(path, ".css") ? SP_S("text/css; charset=utf-8") : SP_S("image/svg+xml");
	sp_request *req = visit->req;

	if (!file.data)
		return page_error(visit, SP_ENOTFOUND, SP_S("There is no such file."));
	if (sp_set_body(req, file.data, file.len) < 0 ||
	    sp_set_header(req, "content-type", type) < 0 ||
	    sp_set_header(req, "cache-control", SP_S("public, max-age=3600")) < 0 ||
	    sp_set_header(req, "x-content-type-options", SP_S("nosniff")) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the file");
	return SP_REPLY;
}

/* What follows `prefix`; {NULL, 0} when the path does not begin with it. */
static sp_str path_below(sp_str path, const char *prefix)
{
	size_t len = strlen(prefix);

	if (path.len <= len || memcmp(path.data, prefix, len) != 0)
		return (sp_str){ NULL, 0 };
	return (sp_str){ path.data + len, path.len - len };
}

/* Ids are letters and digits; nothing else goes further. */
static bool id_valid(sp_str id)
{
	for (size_t i = 0; i < id.len; i++)
		if (!((id.data[i] >= '0' && id.data[i] <= '9') ||
		      (id.data[i] >= 'A' && id.data[i] <= 'Z')))
			return false;
	return id.len >= 1 && id.len <= ID_MAX;
}

static sp_verdict not_found(struct visit *visit)
{
	return page_error(visit, SP_ENOTFOUND, SP_S("There is no such page."));
}

static sp_verdict show(struct visit *visit, sp_str path)
{
	sp_str below;

	if (text_is(path, "/"))
		return shop_home(visit);
	if (text_is(path, "/cart"))
		return shop_cart(visit);
	below = path_below(path, "/product/");
	if (below.data)
		return id_valid(below) ?
			       shop_product(visit, below) :
			       page_error(visit, SP_ENOTFOUND, SP_S("There is no such product."));
	below = path_below(path, "/static/");
	return below.data ? shop_static(visit, below) : not_found(visit);
}

static const struct post {
	const char *path;
	sp_verdict (*take)(struct visit *visit, const struct form *form);
} posts[] = {
	{ "/cart", shop_cart_add },
	{ "/cart/empty", shop_cart_empty },
	{ "/cart/checkout", shop_checkout },
	{ "/setCurrency", shop_currency },
};

static sp_verdict take(struct visit *visit, const struct post *post)
{
	sp_str type = sp_meta_of(visit->req)->content_type;
	static const char form_type[] = "application/x-www-form-urlencoded";
	struct form form;

	/* Without a type it is taken as what it must be. */
	if (type.len && (type.len < sizeof(form_type) - 1 ||
			 memcmp(type.data, form_type, sizeof(form_type) - 1) != 0))
		return page_error(visit, SP_EUNSUPPORTED,
				  SP_S("Send a form: application/x-www-form-urlencoded."));
	if (form_read(&form, sp_body(visit->req)) < 0)
		return page_error(visit, SP_EINPUT, SP_S("The form cannot be read."));
	return post->take(visit, &form);
}

static sp_verdict on_request(sp_request *req, void *state)
{
	const sp_meta *meta = sp_meta_of(req);
	struct visit visit = { .req = req, .shop = state };
	const struct post *post = NULL;

	for (size_t i = 0; i < sizeof(posts) / sizeof(posts[0]); i++)
		if (text_is(meta->path, posts[i].path))
			post = &posts[i];
	visit_read(&visit, &visit.shop->ids);
	if (text_is(meta->method, "POST") && post)
		return take(&visit, post);
	if (text_is(meta->method, "GET") || text_is(meta->method, "HEAD")) {
		if (!post || post->take == shop_cart_add)
			return show(&visit, meta->path);
		/* A form that was loaded again, without what was in it. */
		return page_redirect(&visit, SP_S("/cart"));
	}
	return not_found(&visit);
}

SP_FUNCTION(.name = "frontend", .version = "1", .init = init, .fini = fini,
	    .on_request = on_request, .calls = calls, .config = config);
