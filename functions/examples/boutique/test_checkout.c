/* SPDX-License-Identifier: Apache-2.0 */
/* test_checkout.c - orders: 7 + 2 k calls, nothing charged before all is known, every failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sprocket_test.h>

#define PLACE                                                                                   \
	"ada\tEUR\tada@example.com\n1 St. James's Square\tLondon\t\tSW1Y 4JH\tUnited Kingdom\n" \
	"4432-8015-6152-0454\t672\t1\t2039\n"

extern const sp_function sp_function_registered;

static const char *const config[] = { "seed", "7", NULL };

/* What each of the others answers, and what it was asked, in order. */
struct others {
	const char *fail; /* call that fails */
	sp_error error;
	const char *garbage; /* call that answers with garbage */
	const char *cart;
	char log[2048];
};

static void say(struct others *o, const sp_test_call *call)
{
	size_t len = strlen(o->log);
	char body[512];

	snprintf(body, sizeof(body), "%.*s", SP_ARG(call->body));
	for (char *p = body; *p; p++)
		*p = *p == '\t' ? '|' : *p == '\n' ? ';' : *p;
	snprintf(o->log + len, sizeof(o->log) - len, "%s %.*s %s\n", call->call,
		 SP_ARG(call->topic), body);
}

static sp_str answer_of(const struct others *o, const sp_test_call *call)
{
	if (strcmp(call->call, "cart") == 0)
		return sp_test_equals(call->topic, "get") ? (sp_str){ o->cart, strlen(o->cart) } :
							    SP_S("");
	if (strcmp(call->call, "productcatalog") == 0)
		return sp_test_equals(call->body, "MUG\n") ?
			       SP_S("MUG\tMug\t\tmug.svg\tkitchen\tUSD\t8\t990000000\n") :
			       SP_S("JAR\tJar\t\tjar.svg\tkitchen\tUSD\t5\t490000000\n");
	if (strcmp(call->call, "currency") == 0) {
		if (sp_test_equals(call->body, "USD\t8\t990000000\tEUR\n"))
			return SP_S("EUR\t7\t950000000\n");
		return SP_S("EUR\t4\t860000000\n");
	}
	if (strcmp(call->call, "shipping") == 0)
		return sp_test_equals(call->topic, "quote") ? SP_S("USD\t8\t990000000\n") :
							      SP_S("AB-1-2\n");
	return strcmp(call->call, "payment") == 0 ? SP_S("transaction-1\n") : SP_S("a mail");
}

static void on_call(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	struct others *o = arg;
	char name[64];

	say(o, call);
	snprintf(name, sizeof(name), "%s.%.*s", call->call, SP_ARG(call->topic));
	if (o->fail && strcmp(o->fail, name) == 0) {
		reply->error = o->error;
		reply->text = "it says why";
	} else if (o->garbage && strcmp(o->garbage, name) == 0) {
		reply->body = SP_S("?");
	} else {
		reply->body = answer_of(o, call);
	}
}

static sp_test *start(struct others *o)
{
	sp_test *t = sp_test_new(&sp_function_registered, config);

	assert_non_null(t);
	for (const char *const *name = sp_function_registered.calls; *name; name++)
		sp_test_on_call(t, *name, on_call, o);
	return t;
}

static const sp_test_result *place(sp_test *t, struct others *o)
{
	o->log[0] = '\0';
	return SP_TEST(t, .topic = "place", .body = SP_S(PLACE));
}

static void test_order(void **state)
{
	struct others o = { .cart = "MUG\t2\nJAR\t1\n" };
	sp_test *t = start(&o);
	const sp_test_result *r;

	(void)state;
	r = place(t, &o);
	assert_int_equal(r->error, SP_OK);
	assert_int_equal(sp_test_calls(t), 7 + 2 * 2);
	assert_true(sp_test_equals(r->body,
				   "63cbe1e4-5932-4dd7-844c-3cd7f43c661c\tAB-1-2\tada@example.com\n"
				   "EUR\t7\t950000000\tEUR\t28\t710000000\n"
				   "1 St. James's Square\tLondon\t\tSW1Y 4JH\tUnited Kingdom\n"
				   "Mug\tEUR\t7\t950000000\tMUG\t2\n"
				   "Jar\tEUR\t4\t860000000\tJAR\t1\n"));
	assert_string_equal(
		o.log,
		"cart get ada;\n"
		"productcatalog get MUG;\n"
		"productcatalog get JAR;\n"
		"shipping quote MUG|2;JAR|1;\n"
		"currency convert USD|8|990000000|EUR;\n"
		"currency convert USD|5|490000000|EUR;\n"
		"currency convert USD|8|990000000|EUR;\n"
		"payment charge EUR|28|710000000;4432-8015-6152-0454|672|1|2039;\n"
		"shipping ship 1 St. James's Square|London||SW1Y 4JH|United Kingdom;MUG|2;JAR|1;\n"
		"cart empty ada;\n"
		"email send 63cbe1e4-5932-4dd7-844c-3cd7f43c661c|AB-1-2|ada@example.com;"
		"EUR|7|950000000|EUR|28|710000000;"
		"1 St. James's Square|London||SW1Y 4JH|United Kingdom;"
		"Mug|EUR|7|950000000|MUG|2;Jar|EUR|4|860000000|JAR|1;\n");
	assert_int_equal(sp_test_counter(t, "orders_placed"), 1);
	sp_test_free(t);
}

/* What fails before the parcel fails the order, with what that one said; what comes later in
 * the order of steps is not asked. */
static void test_failures(void **state)
{
	static const struct {
		const char *name;
		const char *never;
	} steps[] = {
		{ "cart.get", "productcatalog" },      { "productcatalog.get", "currency" },
		{ "shipping.quote", "currency" },      { "currency.convert", "payment" },
		{ "payment.charge", "shipping ship" }, { "shipping.ship", "cart empty" },
	};
	struct others o = { .cart = "MUG\t2\n", .error = SP_EINPUT };
	sp_test *t = start(&o);
	const sp_test_result *r;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		o.fail = steps[i].name;
		o.garbage = NULL;
		r = place(t, &o);
		assert_int_equal(r->error, SP_EINPUT);
		assert_true(sp_test_equals(r->error_text, "it says why"));
		assert_null(strstr(o.log, steps[i].never));
		o.garbage = o.fail;
		o.fail = NULL;
		r = place(t, &o);
		if (r->error != SP_EUPSTREAM)
			fail_msg("garbage of %s: error %d", steps[i].name, r->error);
		assert_null(strstr(o.log, steps[i].never));
	}
	assert_non_null(strstr(sp_test_log(t), "transaction transaction-1 was charged"));
	assert_int_equal(sp_test_counter(t, "orders_placed"), 0);
	sp_test_free(t);
}

static void test_order_stands(void **state)
{
	struct others o = { .cart = "MUG\t1\n", .fail = "email.send", .error = SP_ETIMEOUT };
	sp_test *t = start(&o);

	(void)state;
	assert_int_equal(place(t, &o)->error, SP_OK);
	assert_non_null(strstr(sp_test_log(t), "stands, but email failed: it says why"));
	o.fail = "cart.empty";
	assert_int_equal(place(t, &o)->error, SP_OK);
	assert_non_null(strstr(sp_test_log(t), "stands, but cart failed"));
	sp_test_free(t);
}

static void test_empty_cart(void **state)
{
	struct others o = { .cart = "" };
	sp_test *t = start(&o);
	const sp_test_result *r = place(t, &o);

	(void)state;
	assert_int_equal(r->error, SP_ECONFLICT);
	assert_true(sp_test_equals(r->error_text, "Your cart is empty."));
	assert_int_equal(sp_test_calls(t), 1);
	sp_test_free(t);
}

static void test_garbage(void **state)
{
	struct others o = { .cart = "MUG\t1\n" };
	sp_test *t = start(&o);
	static const char good[] = PLACE;

	(void)state;
	for (size_t len = 0; len < sizeof(good) - 1; len++)
		if (SP_TEST(t, .topic = "place", .body = { good, len })->error != SP_EINPUT)
			fail_msg("taken: the first %zu bytes", len);
	assert_int_equal(SP_TEST(t, .topic = "pay", .body = SP_S(PLACE))->error, SP_EINPUT);
	assert_int_equal(sp_test_calls(t), 0);
	sp_test_free(t);
}

static void test_bad_config(void **state)
{
	static const char *const bad[] = { "x", "-1", "1234567890123456789", "0x7" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *pairs[] = { "seed", bad[i], NULL };

		if (sp_test_new(&sp_function_registered, pairs))
			fail_msg("taken: %s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),        cmocka_unit_test(test_failures),
		cmocka_unit_test(test_order_stands), cmocka_unit_test(test_empty_cart),
		cmocka_unit_test(test_garbage),      cmocka_unit_test(test_bad_config),
	};

	return cmocka_run_group_tests_name("checkout", tests, NULL, NULL);
}
