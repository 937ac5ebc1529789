/* SPDX-License-Identifier: Apache-2.0 */
/* test_edges.c - what the edges of a chain are called, and what they are said to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/runtime_stats.h"

static const char text[] =
	"apiVersion: sprocket.dev/v1alpha1\nkind: Chain\nmetadata: {name: t}\nspec:\n"
	"  ingress: [{http: {path: /}}]\n  functions:\n"
	"  - {name: front, image: x, calls: {rates: currency, more: currency}}\n"
	"  - {name: currency, image: x}\n  - {name: advert, image: x}\n"
	"  - {name: sum, image: x}\n  - {name: audit, image: x}\n"
	"  routes:\n  - {from: ingress, to: front}\n"
	"  - {from: front.cheap, to: sum}\n"
	"  - {from: front.plain, to: {all: [currency]}, join: {at: audit}}\n"
	"  - {from: front, to: {all: [currency, advert]}, join: {at: sum}, tee: [advert]}\n"
	"  - {from: sum, to: reply, tee: [audit]}\n"
	"  - {from: currency, to: reply}\n";

static void check(const struct chain *chain, uint32_t fn, enum sp_route_kind kind, uint16_t to,
		  const char *name, enum edge_kind is)
{
	const struct chain_function *f = &chain->functions[fn - 1];
	char got[RUNTIME_STATS_EDGE_NAME_MAX];
	uint32_t edge = 0;

	while (edge < f->target_count &&
	       (f->targets[edge].kind != kind || f->targets[edge].fn != to))
		edge++;
	assert_true(edge < f->target_count);
	runtime_stats_edge_name(chain, fn, edge, got);
	assert_string_equal(got, name);
	assert_int_equal(runtime_stats_edge_kind(chain, fn, edge), is);
}

static void test_what_edges_are(void **state)
{
	struct chain *chain;
	char name[RUNTIME_STATS_EDGE_NAME_MAX];

	(void)state;
	assert_int_equal(chain_parse("t.yaml", text, strlen(text), CHAIN_NO_DESCRIBE, stderr,
				     &chain, NULL),
			 0);
	check(chain, 1, SP_ROUTE_CALL, 2, "call,all", EDGE_CALL);
	check(chain, 1, SP_ROUTE_CALL, 3, "all", EDGE_CALL);
	check(chain, 1, SP_ROUTE_FUNCTION, 3, "tee", EDGE_TEE);
	check(chain, 1, SP_ROUTE_FUNCTION, 4, "cheap,join", EDGE_ROUTE);
	check(chain, 1, SP_ROUTE_FUNCTION, 5, "join", EDGE_JOIN);
	check(chain, 4, SP_ROUTE_REPLY, 0, "next", EDGE_ROUTE);
	check(chain, 4, SP_ROUTE_FUNCTION, 5, "tee", EDGE_TEE);
	/* Nobody but callers comes to currency. */
	check(chain, 2, SP_ROUTE_REPLY, 0, "next", EDGE_RETURN);
	assert_int_equal(runtime_stats_edge_kind(chain, 2, SP_EDGE_REPLY), EDGE_RETURN);
	assert_int_equal(runtime_stats_edge_kind(chain, 1, SP_EDGE_REPLY), EDGE_ROUTE);
	assert_int_equal(runtime_stats_edge_kind(chain, SP_GATEWAY_FN, 1), EDGE_ROUTE);
	runtime_stats_edge_name(chain, 1, SP_EDGE_CANCEL, name);
	assert_string_equal(name, "cancel");
	runtime_stats_edge_name(chain, SP_GATEWAY_FN, 1, name);
	assert_string_equal(name, "ingress");
	chain_free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_edges_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
