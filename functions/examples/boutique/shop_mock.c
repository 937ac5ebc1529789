/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shop_mock.h"

extern const sp_function sp_function_registered;

static const char *const config[] = { "today", "2026-07", NULL };
const char *const cookies[] = { "cookie", "a=b; shop_session-id=ada; shop_currency=EUR",
				"content-type", FORM, NULL };

static void answer(struct shop_mock *m, const sp_test_call *call, sp_test_reply *reply)
{
	static const char products[] = "MUG\tMug <&> \"Co\"\tIt's\tmug.svg\tkitchen\tUSD\t8\t0\n"
				       "JAR\tJar\ttext\tjar.svg\tkitchen,home\tUSD\t5\t0\n"
				       "HAT\tHat\ttext\that.svg\t\tUSD\t5\t0\n";
	const char *name = call->call;

	if (strcmp(name, "productcatalog") == 0 && sp_test_equals(call->topic, "list"))
		reply->body = (sp_str){ products, sizeof(products) - 1 };
	else if (strcmp(name, "productcatalog") == 0)
		reply->body = SP_S("MUG\tMug <&> \"Co\"\tIt's\tmug.svg\tkitchen,home\tUSD\t8\t0\n");
	else if (strcmp(name, "currency") == 0)
		reply->body = sp_test_equals(call->topic, "list") ? SP_S("EUR\nUSD\n") :
								    SP_S("EUR\t7\t80000000\n");
	else if (strcmp(name, "recommendation") == 0)
		reply->body = SP_S("A\nB\nC\nD\nE\n");
	else if (strcmp(name, "ad") == 0)
		reply->body = SP_S("JAR\tJar for sale\n");
	else if (strcmp(name, "shipping") == 0)
		reply->body = SP_S("USD\t8\t990000000\n");
	else if (strcmp(name, "checkout") == 0)
		reply->body =
			SP_S("order-1\tAB-1\tada@example.com\nEUR\t7\t0\tEUR\t14\t80000000\n"
			     "1 Square\tLondon\t\tSW1Y 4JH\tUK\nMug\tEUR\t7\t80000000\tMUG\t1\n");
	else if (sp_test_equals(call->topic, "get"))
		reply->body = (sp_str){ m->cart, strlen(m->cart) };
}

static void on_call(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	struct shop_mock *m = arg;
	char name[64];

	if (strcmp(call->call, "currency") != 0 && strcmp(call->call, "productcatalog") != 0)
		snprintf(m->last, sizeof(m->last), "%.*s", SP_ARG(call->body));
	snprintf(name, sizeof(name), "%s.%.*s", call->call, SP_ARG(call->topic));
	if (m->fail && strcmp(m->fail, name) == 0) {
		reply->error = m->error;
		reply->text = "It says why.";
	} else if (m->garbage && strcmp(m->garbage, name) == 0) {
		reply->body = SP_S("?");
	} else {
		answer(m, call, reply);
	}
}

sp_test *start(struct shop_mock *m)
{
	sp_test *t = sp_test_new(&sp_function_registered, config);

	assert_non_null(t);
	for (const char *const *name = sp_function_registered.calls; *name; name++)
		sp_test_on_call(t, *name, on_call, m);
	return t;
}

void shows(const sp_test_result *r, int status, const char *text)
{
	if (r->status != status || !memmem(r->body.data, r->body.len, text, strlen(text)))
		fail_msg("%d, not %d with %s:\n%.*s", r->status, status, text, SP_ARG(r->body));
}
