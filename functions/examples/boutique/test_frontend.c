/* SPDX-License-Identifier: Apache-2.0 */
/* test_frontend.c - the pages: who is asked how often, what is shown and escaped, and cookies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shop_mock.h"

static void test_pages(void **state)
{
	struct shop_mock m = { .cart = "MUG\t3\nJAR\t2\n" };
	sp_test *t = start(&m);
	const sp_test_result *r;

	(void)state;
	r = GET(t, "/");
	shows(r, 200, "<b>5</b>");
	shows(r, 200,
	      "<span class=\"price\">\xe2\x82\xac"
	      "7.08</span>");
	shows(r, 200, "Mug &lt;&amp;&gt; &quot;Co&quot;");
	shows(r, 200, "<option selected>EUR</option>\n<option>USD</option>");
	shows(r, 200, "<a href=\"/product/JAR\">Jar for sale</a>");
	assert_int_equal(sp_test_calls(t), 4 + 3);
	assert_true(sp_test_equals(sp_test_header(t, "content-type"), "text/html; charset=utf-8"));
	assert_null(sp_test_header(t, "set-cookie").data);

	r = GET(t, "/product/MUG");
	shows(r, 200, "<p>It&#39;s</p>");
	shows(r, 200, "name=\"product_id\" value=\"MUG\"");
	assert_int_equal(sp_test_calls(t), 11); /* and one of recommendation */
	assert_string_equal(m.last, "ada\nkitchen\nhome\n");

	r = GET(t, "/cart");
	shows(r, 200,
	      "<span class=\"fine\">3 &times; \xe2\x82\xac"
	      "7.08</span>");
	shows(r, 200,
	      "<dt>Total</dt><dd>\xe2\x82\xac"
	      "42.48</dd>");
	shows(r, 200, "<option>2026</option>\n<option selected>2027</option>");
	assert_int_equal(sp_test_calls(t), 10 + 2 * 2);
	assert_string_equal(m.last, "ada\nMUG\nJAR\n");
	m.cart = "";
	r = GET(t, "/cart");
	shows(r, 200, "Your cart is empty");
	assert_null(memmem(r->body.data, r->body.len, "Checkout", 8));
	assert_int_equal(sp_test_calls(t), 10);

	r = POST(t, "/cart/checkout", CHECKOUT);
	shows(r, 200, "<dd>order-1</dd>");
	shows(r, 200,
	      "<th scope=\"row\">Total paid</th><td></td><td>\xe2\x82\xac"
	      "14.08</td>");
	assert_int_equal(sp_test_calls(t), 3 + 5); /* recommendation 1, checkout 7 + 2 k */
	sp_test_free(t);
}

static void redirects(sp_test *t, const sp_test_result *r, const char *where, size_t calls)
{
	assert_int_equal(r->status, 302);
	assert_int_equal(r->body.len, 0);
	assert_true(sp_test_equals(sp_test_header(t, "location"), where));
	assert_int_equal(sp_test_calls(t), calls);
}

static void test_forms(void **state)
{
	struct shop_mock m = { .cart = "" };
	sp_test *t = start(&m);

	(void)state;
	redirects(t, POST(t, "/cart", "product_id=MUG&quantity=3"), "/cart", 2);
	assert_string_equal(m.last, "ada\tMUG\t3\n");
	redirects(t, POST(t, "/cart", "quantity=%309&product_id=+MUG+"), "/cart", 2);
	assert_string_equal(m.last, "ada\tMUG\t9\n");
	redirects(t, POST(t, "/cart/empty", ""), "/", 1);
	assert_string_equal(m.last, "ada\n");
	redirects(t, POST(t, "/setCurrency", "currency_code=JPY"), "/", 0);
	assert_true(sp_test_equals(sp_test_header(t, "set-cookie"),
				   "shop_currency=JPY; Path=/; Max-Age=172800; HttpOnly; "
				   "SameSite=Lax"));
	redirects(t, GET(t, "/cart/checkout"), "/cart", 0);
	POST(t, "/cart/checkout", CHECKOUT);
	sp_test_free(t);
}

static void test_back(void **state)
{
	static const struct {
		const char *from;
		const char *to;
	} ways[] = {
		{ "http://shop.example/cart", "/cart" },
		{ "https://shop.example:8443/product/MUG?x=1#y", "/product/MUG" },
		{ "http://shop.example/", "/" },
		{ "http://shop.example", "/" },
		{ "http://shop.example/cart/checkout", "/" },
		{ "http://shop.example//evil.example/", "/" },
		{ "http://shop.example/product/", "/" },
		{ "http://shop.example/product/0123456789abcdef", "/" },
		{ "x", "/" },
		{ "", "/" },
	};
	struct shop_mock m = { .cart = "" };
	sp_test *t = start(&m);

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const char *headers[] = { "Referer", ways[i].from, NULL };

		redirects(t,
			  SP_TEST(t, .path = "/setCurrency", .headers = headers,
				  .body = SP_S("currency_code=USD")),
			  ways[i].to, 0);
	}
	sp_test_free(t);
}

static void test_cookies(void **state)
{
	static const char *const bad[] = { "",
					   "shop_session-id=",
					   "shop_session-id=a b",
					   "shop_session-id=a%2f",
					   "shop_session-id=0123456789012345678901234567890123456",
					   "xshop_session-id=ada",
					   "shop_session-id" };
	static const char *const split[] = { "cookie", "shop_session-id=ada", "cookie",
					     "shop_currency=XYZ", NULL };
	struct shop_mock m = { .cart = "" };
	sp_test *t = start(&m);
	char first[64], user[64], line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *headers[] = { "cookie", bad[i], NULL };
		sp_str cookie;

		SP_TEST(t, .method = "GET", .path = "/", .headers = headers);
		cookie = sp_test_header(t, "set-cookie");
		snprintf(line, sizeof(line), "%.*s", SP_ARG(cookie));
		if (sscanf(line, "shop_session-id=%36[0-9a-f-];", user) != 1 || strlen(user) != 36)
			fail_msg("%s: %s", bad[i], line);
		assert_int_equal(strncmp(m.last, user, 36), 0);
		if (i > 0)
			assert_string_not_equal(user, first);
		snprintf(first, sizeof(first), "%s", user);
	}
	/* Each in a field of its own; a currency that there is not is none. */
	shows(SP_TEST(t, .method = "GET", .path = "/", .headers = split), 200,
	      "<option selected>USD</option>");
	assert_null(sp_test_header(t, "set-cookie").data);
	sp_test_free(t);
}

static void test_static(void **state)
{
	struct shop_mock m = { .cart = "" };
	sp_test *t = start(&m);

	(void)state;
	shows(GET(t, "/static/shop.css"), 200, "@media");
	assert_true(sp_test_equals(sp_test_header(t, "content-type"), "text/css; charset=utf-8"));
	shows(GET(t, "/static/products/mug.svg"), 200, "<svg");
	assert_true(sp_test_equals(sp_test_header(t, "content-type"), "image/svg+xml"));
	shows(GET(t, "/static/products/none.svg"), 404, "There is no such file.");
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),  cmocka_unit_test(test_forms),
		cmocka_unit_test(test_back),   cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_static),
	};

	return cmocka_run_group_tests_name("frontend", tests, NULL, NULL);
}
