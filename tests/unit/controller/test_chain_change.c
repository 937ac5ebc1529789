/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chain_change.c - two versions of a chain: what is said to differ, and whether one
 * kernel table serves both.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/chain_compare.h"
#include "controller/tables.h"

#define FRAME                                                                          \
	"apiVersion: sprocket.dev/v1alpha1\nkind: Chain\nmetadata: {name: t}\nspec:\n" \
	"  ingress: [{http: {path: /}}]\n  pool: {bufferSizes: [2Ki]}\n  functions:\n"
#define OTHERS                                                                        \
	"  - {name: b, image: x}\n  - {name: c, image: x}\n  - {name: d, image: x}\n" \
	"  - {name: e, image: x}\n  routes:\n  - {from: ingress, to: a}\n"            \
	"  - {from: a.rest, to: {all: [b, c, d, e]}, join: {at: e}}\n"

static struct chain *load(const char *a, const char *routes)
{
	struct chain *chain;
	char text[2048];

	snprintf(text, sizeof(text), FRAME "  - {name: a, image: x%s}\n" OTHERS "%s", a, routes);
	assert_int_equal(chain_parse("t.yaml", text, strlen(text), CHAIN_NO_DESCRIBE, stderr,
				     &chain, NULL),
			 0);
	return chain;
}

struct version {
	const char *a;
	const char *routes;
	const char *differs; /* path of the only difference to versions[0]; NULL: none */
	const char *text;
};

static const struct version versions[] = {
	{ ", calls: {x: b, y: c}", "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [e]}\n",
	  NULL, NULL },
	{ ", calls: {x: b, y: d}", "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [e]}\n",
	  "calls/a", "other calls" },
	{ ", calls: {x: b, y: c}, maxInFlight: 7",
	  "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [e]}\n", "functions/a",
	  "another maxInFlight" },
	{ ", calls: {x: b, y: c}, idempotent: true",
	  "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [e]}\n", "functions/a",
	  "idempotent" },
	{ ", calls: {x: b, y: c}",
	  "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [e]}\n"
	  "  overload: {maxQueue: 9}\n",
	  "overload", "other bounds" },
	{ ", calls: {x: b}", "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [e]}\n",
	  "calls/a", "other calls" },
	{ ", calls: {x: b, y: c}", "  - {from: a, to: {all: [c, b]}, join: {at: d}, tee: [e]}\n",
	  "routes/a", "other routes" },
	{ ", calls: {x: b, y: c}", "  - {from: a, to: {all: [b, c]}, join: {at: e}, tee: [e]}\n",
	  "routes/a", "other routes" },
	{ ", calls: {x: b, y: c}", "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [d]}\n",
	  "routes/a", "other routes" },
	{ ", calls: {x: b, y: c}", "  - {from: a, to: {all: [b, c]}, join: {at: d}}\n", "routes/a",
	  "other routes" },
	{ ", calls: {x: b, y: c}",
	  "  - {from: a, to: {all: [b, c]}, join: {at: d, wait: any}, tee: [e]}\n", "routes/a",
	  "other routes" },
	{ ", calls: {x: b, y: c}",
	  "  - {from: a, to: {all: [b, c]}, join: {at: d, onTimeout: partial}, tee: [e]}\n",
	  "routes/a", "other routes" },
	{ ", calls: {x: b, y: c}",
	  "  - {from: a, to: {all: [b, c]}, join: {at: d, timeout: 9ms}, tee: [e]}\n", "routes/a",
	  "other routes" },
	{ ", calls: {x: b, y: c}, workers: 3",
	  "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [e]}\n", "functions/a",
	  "workers 3 instead of 1" },
	{ ", calls: {x: b, y: c}",
	  "  - {from: a, to: {all: [b, c]}, join: {at: d}, tee: [e]}\n  spin: 20us\n", "spin",
	  "another time before workers sleep" },
};
#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

static void test_differences(void **state)
{
	(void)state;
	for (size_t i = 0; i < VERSIONS; i++) {
		const struct version *v = &versions[i];
		struct chain *old = load(versions[0].a, versions[0].routes);
		struct chain *next = load(v->a, v->routes);
		json_t *changes = json_array();
		const json_t *item;

		assert_int_equal(chain_compare(old, next, 0, changes),
				 v->differs ? CHAIN_CHANGE_LIVE : CHAIN_CHANGE_NONE);
		assert_int_equal(json_array_size(changes), v->differs != NULL);
		item = json_array_get(changes, 0);
		if (v->differs) {
			assert_string_equal(json_string_value(json_object_get(item, "path")),
					    v->differs);
			assert_string_equal(json_string_value(json_object_get(item, "change")),
					    v->text);
		}
		json_decref(changes);
		chain_free(old);
		chain_free(next);
	}
}

/* Every edge of `next` leads where it did before the merge, and no place that both use leads
 * elsewhere than in `old`. */
static void check_row(const struct chain_function *old, const struct chain_function *next,
		      const struct chain_function *plain)
{
	const struct rule_table *a = &plain->rules, *b = &next->rules;

#define SAME(x, y) \
	assert_memory_equal(&plain->targets[x], &next->targets[y], sizeof(struct sp_route))
	for (uint32_t i = 0; i < a->count; i++) {
		SAME(a->rules[i].wire_edge, b->rules[i].wire_edge);
		for (uint8_t t = 0; t < a->rules[i].tee_count; t++)
			SAME(a->rules[i].tees[t], b->rules[i].tees[t]);
	}
	for (uint32_t i = 0; i < a->call_count; i++)
		SAME(a->calls[i].edge, b->calls[i].edge);
	for (uint32_t i = 0; i < a->group_count; i++)
		for (uint8_t m = 0; m < a->groups[i].count; m++)
			SAME(a->groups[i].members[m].edge, b->groups[i].members[m].edge);
#undef SAME
	for (uint32_t i = 0; i < old->target_count; i++)
		if (old->targets[i].kind && next->targets[i].kind)
			assert_memory_equal(&old->targets[i], &next->targets[i],
					    sizeof(struct sp_route));
}

static void test_one_row_serves_both(void **state)
{
	(void)state;
	for (size_t i = 0; i < VERSIONS; i++) {
		for (size_t j = 0; j < VERSIONS; j++) {
			struct chain *old = load(versions[i].a, versions[i].routes);
			struct chain *next = load(versions[j].a, versions[j].routes);
			struct chain *plain = load(versions[j].a, versions[j].routes);

			assert_int_equal(tables_merge(old, next), 0);
			check_row(&old->functions[0], &next->functions[0], &plain->functions[0]);
			/* Numbered otherwise, it is the same chain still. */
			assert_int_equal(chain_compare(plain, next, 0, NULL), CHAIN_CHANGE_NONE);
			chain_free(old);
			chain_free(next);
			chain_free(plain);
		}
	}
}

/* What is new does not find a place when the old row is full. */
static void test_a_full_row(void **state)
{
	struct chain *next = load(versions[0].a, versions[0].routes);
	struct chain_function *full = calloc(1, sizeof(*full));

	(void)state;
	assert_non_null(full);
	full->target_count = SP_EDGE_MAX;
	for (uint16_t i = 0; i < SP_EDGE_MAX; i++)
		full->targets[i] =
			(struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = (uint16_t)(i % 5 + 1) };
	assert_int_equal(tables_row_merge(full, &next->functions[0]), -ENOSPC);
	chain_free(next);
	free(full);
}

/* The gateway has to leave room for messages that functions make. */
static void test_the_gateway_is_told_of_messages(void **state)
{
	static const struct {
		const char *a, *more;
		uint32_t calls;
	} cases[] = {
		{ "", "  steps: [a]\n", 0 },
		{ ", calls: [b]", "  steps: [a]\n", 1 },
		{ "",
		  "  routes: [{from: ingress, to: a}, {from: a, to: {all: [b]}, join: {at: b}}]\n",
		  1 },
		{ "", "  routes: [{from: ingress, to: a}, {from: a, to: b, tee: [b]}]\n", 1 },
		{ "", "  routes: [{from: ingress, to: a}, {from: a, to: b}]\n", 0 },
	};
	struct wiring_gateway *wiring = malloc(sizeof(*wiring));

	(void)state;
	assert_non_null(wiring);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct chain *chain;
		char text[1024];
		int r;

		snprintf(text, sizeof(text), FRAME "  - {name: a, image: x%s}\n%s%s", cases[i].a,
			 strstr(cases[i].more, "b") || cases[i].calls ?
				 "  - {name: b, image: x}\n" :
				 "",
			 cases[i].more);
		r = chain_parse("t.yaml", text, strlen(text), CHAIN_NO_DESCRIBE, stderr, &chain,
				NULL);
		assert_int_equal(r, 0);
		assert_int_equal(tables_gateway(chain, wiring), 0);
		assert_int_equal(wiring->calls, cases[i].calls);
		chain_free(chain);
	}
	free(wiring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_one_row_serves_both),
		cmocka_unit_test(test_a_full_row),
		cmocka_unit_test(test_the_gateway_is_told_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
