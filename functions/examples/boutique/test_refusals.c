/* SPDX-License-Identifier: Apache-2.0 */
/* test_refusals.c - what a browser is told when its request, or a part of the shop, is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shop_mock.h"

/* Requests that no browser of a customer sends, and what they are told. */
static void test_bad_input(void **state)
{
	struct shop_mock m = { .cart = "" };
	sp_test *t = start(&m);
	static const char *const json[] = { "content-type", "application/json", NULL };

	(void)state;
	shows(GET(t, "/nix"), 404, "There is no such page.");
	shows(GET(t, "/product/"), 404, "There is no such page.");
	shows(GET(t, "/product/a%20b"), 404, "There is no such product.");
	shows(GET(t, "/product/0123456789ABCDEF"), 404, "There is no such product.");
	shows(GET(t, "/static/../frontend"), 404, "There is no such file.");
	shows(POST(t, "/", ""), 404, "There is no such page.");
	shows(POST(t, "/cart", ""), 400, "product_id");
	shows(POST(t, "/cart", "product_id=MUG"), 400, "Quantity is a number from 1 to 9999.");
	shows(POST(t, "/cart", "product_id=MUG&quantity=0"), 400, "Quantity");
	shows(POST(t, "/cart", "product_id=MUG&quantity=10000"), 400, "Quantity");
	shows(POST(t, "/cart", "product_id=MUG&quantity=99999999999999999999"), 400, "Quantity");
	shows(POST(t, "/cart", "product_id=MUG&quantity=-1"), 400, "Quantity");
	shows(POST(t, "/cart", "product_id=MUG&quantity=1e3"), 400, "Quantity");
	shows(POST(t, "/cart", "product_id=MUG%0a&quantity=1"), 400, "The form cannot be read.");
	shows(POST(t, "/cart", "product_id=%ff&quantity=1"), 400, "The form cannot be read.");
	shows(POST(t, "/cart", "product_id=%4&quantity=1"), 400, "The form cannot be read.");
	shows(POST(t, "/cart",
		   "product_id=MUG&quantity=1&a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r&s&t"
		   "&u&v&w"),
	      400, "The form cannot be read.");
	shows(POST(t, "/setCurrency", "currency_code=euro"), 400, "three capitals");
	shows(POST(t, "/setCurrency", "currency_code=A%3bB"), 400, "three capitals");
	shows(SP_TEST(t, .path = "/cart", .headers = json, .body = SP_S("{}")), 415, "Send a form");
	assert_int_equal(sp_test_calls(t), 0);
	sp_test_free(t);
}

static void test_bad_checkout(void **state)
{
	static const char *const bad[][2] = {
		{ "ada%40example.com", "ada" },
		{ "ada%40example.com", "%40" },
		{ "1+Square", "+" },
		{ "London", "" },
		{ "4432-8015-6152-0454", "" },
		{ "month=01", "month=13" },
		{ "month=01", "month=" },
		{ "year=2039", "year=39" },
		{ "cvv=672", "cvv=67200" },
		{ "UK", "%00" },
		{ "SW1Y+4JH", "12345678901234567" },
		{ "&state=", "&state=1+2"
			     "345678901234567890"
			     "12345678901234567890123" },
	};
	struct shop_mock m = { .cart = "" };
	sp_test *t = start(&m);
	char form[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = strstr(CHECKOUT, bad[i][0]);

		snprintf(form, sizeof(form), "%.*s%s%s", (int)(at - CHECKOUT), CHECKOUT, bad[i][1],
			 at + strlen(bad[i][0]));
		shows(SP_TEST(t, .path = "/cart/checkout", .headers = cookies,
			      .body = { form, strlen(form) }),
		      400, "<p class=\"code\">400</p>");
		assert_int_equal(sp_test_calls(t), 0);
	}
	sp_test_free(t);
}

/* Each call that a page needs fails once, and once gives garbage; then the page is an error. */
static void test_failures(void **state)
{
	static const struct {
		const char *path;
		const char *call;
	} needed[] = {
		{ "/", "currency.list" },
		{ "/", "productcatalog.list" },
		{ "/", "cart.get" },
		{ "/", "currency.convert" },
		{ "/product/MUG", "currency.list" },
		{ "/product/MUG", "productcatalog.get" },
		{ "/product/MUG", "cart.get" },
		{ "/product/MUG", "currency.convert" },
		{ "/product/MUG", "recommendation.list" },
		{ "/cart", "currency.list" },
		{ "/cart", "productcatalog.get" },
		{ "/cart", "cart.get" },
		{ "/cart", "currency.convert" },
		{ "/cart", "recommendation.list" },
		{ "/cart", "shipping.quote" },
	};
	struct shop_mock m = { .cart = "MUG\t1\n" };
	sp_test *t = start(&m);

	(void)state;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		m.garbage = NULL;
		m.fail = needed[i].call;
		m.error = SP_ENOTFOUND;
		shows(GET(t, needed[i].path), 404, "It says why.");
		m.error = SP_EUNAVAILABLE;
		shows(GET(t, needed[i].path), 503, "It says why.");
		m.garbage = m.fail;
		m.fail = NULL;
		shows(GET(t, needed[i].path), 502, "no answer that can be read");
	}
	m = (struct shop_mock){ .cart = "", .fail = "checkout.place", .error = SP_EINPUT };
	shows(POST(t, "/cart/checkout", CHECKOUT), 400, "It says why.");
	m = (struct shop_mock){ .cart = "", .fail = "cart.add", .error = SP_ECONFLICT };
	shows(POST(t, "/cart", "product_id=MUG&quantity=1"), 409, "It says why.");
	/* Nobody waits any more: no page. */
	m.error = SP_ECANCELED;
	assert_int_equal(POST(t, "/cart", "product_id=MUG&quantity=1")->error, SP_ECANCELED);
	sp_test_free(t);
}

/* What a page can do without. */
static void test_optional(void **state)
{
	struct shop_mock m = { .cart = "", .fail = "ad.get", .error = SP_ETIMEOUT };
	sp_test *t = start(&m);

	(void)state;
	shows(GET(t, "/"), 200, "<span class=\"name\">Hat</span>");
	shows(GET(t, "/product/MUG"), 200, "Add to cart");
	m = (struct shop_mock){ .cart = "", .garbage = "ad.get" };
	shows(GET(t, "/"), 200, "<span class=\"name\">Hat</span>");
	m = (struct shop_mock){ .cart = "", .fail = "recommendation.list", .error = SP_EUPSTREAM };
	shows(POST(t, "/cart/checkout", CHECKOUT), 200, "<dd>order-1</dd>");
	m = (struct shop_mock){ .cart = "", .garbage = "productcatalog.get" };
	shows(POST(t, "/cart/checkout", CHECKOUT), 200, "<dd>order-1</dd>");
	m = (struct shop_mock){ .cart = "", .garbage = "currency.list" };
	shows(POST(t, "/cart/checkout", CHECKOUT), 200, "<dd>order-1</dd>");
	sp_test_free(t);
}

static void test_no_room(void **state)
{
	struct shop_mock m = { .cart = "" };
	sp_test *t = start(&m);

	(void)state;
	sp_test_deny(t, 1);
	assert_int_equal(GET(t, "/nix")->error, SP_EUNAVAILABLE);
	sp_test_deny(t, 0);
	assert_int_equal(GET(t, "/nix")->status, 404);
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_input), cmocka_unit_test(test_bad_checkout),
		cmocka_unit_test(test_failures),  cmocka_unit_test(test_optional),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
