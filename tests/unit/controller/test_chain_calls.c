/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chain_calls.c - calls, fan-outs, joins and tees of a chain file become the tables that
 * say where they lead.
 *
 * Arguments: the folder of chain files, the path of describe_fixture.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/controller/chain_files.h"

static char data_folder[PATH_MAX];

static const struct sp_route *call_target(const struct chain_function *function, uint32_t call)
{
	return &function->targets[function->rules.calls[call].edge];
}

/* The code knows its calls by index, whatever the order of the file. */
static void test_calls_are_in_the_order_of_the_code(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "calls.yaml");
	const struct chain *chain = outcome.chain;
	const struct chain_function *front, *cart;

	(void)state;
	assert_non_null(chain);
	front = &chain->functions[0];
	cart = &chain->functions[1];
	assert_int_equal(front->workers, 4);
	assert_int_equal(cart->workers, 1);
	assert_string_equal(front->calls[0], "rates");
	assert_int_equal(front->rules.calls[0].fn, 3);
	assert_int_equal(front->rules.calls[1].fn, 4);
	assert_int_equal(call_target(front, 1)->kind, SP_ROUTE_CALL);
	assert_int_equal(call_target(front, 1)->fn, 4);
	assert_int_equal(cart->rules.calls[0].fn, 5);
	assert_int_equal(cart->rules.calls[1].fn, 6);
	/* Whom only calls reach; an answer of `ads` goes to who called `rates`, too. */
	assert_false(front->called_only);
	assert_false(cart->called_only);
	for (uint32_t i = 2; i < 6; i++)
		assert_true(chain->functions[i].called_only);
	chain_outcome_done(&outcome);
}

static void test_two_calls_of_one_function_share_an_edge(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "recursion.yaml");
	const struct rule_table *rules;

	(void)state;
	assert_non_null(outcome.chain);
	rules = &outcome.chain->functions[1].rules;
	assert_int_equal(rules->call_count, 2);
	assert_int_equal(rules->calls[0].edge, rules->calls[1].edge);
	chain_outcome_done(&outcome);
}

static void test_joins_and_tees(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "joins.yaml");
	const struct chain_function *split, *sum;
	const struct rule_group *groups;
	const struct rule *rules;

	(void)state;
	assert_non_null(outcome.chain);
	split = &outcome.chain->functions[0];
	sum = &outcome.chain->functions[4];
	rules = split->rules.rules;
	groups = split->rules.groups;
	assert_int_equal(split->rules.count, 5);
	/* The first and the third wait for the same: one group. */
	assert_int_equal(split->rules.group_count, 3);
	assert_int_equal(rules[0].group, 1);
	assert_int_equal(rules[1].group, 2);
	assert_int_equal(rules[2].group, 1);
	assert_int_equal(rules[3].group, 3);
	assert_int_equal(rules[4].group, 0);
	assert_int_equal(groups[0].count, 3);
	assert_int_equal(groups[0].need, 3);
	assert_int_equal(groups[0].timeout_ns, 0);
	assert_int_equal(groups[1].need, 1);
	assert_int_equal(groups[1].timeout_ns, 50000000);
	assert_int_equal(groups[1].partial, 0);
	assert_int_equal(groups[2].need, 2);
	assert_int_equal(groups[2].partial, 1);
	assert_int_equal(groups[2].members[1].fn, 4);
	assert_int_equal(split->targets[groups[2].members[1].edge].kind, SP_ROUTE_CALL);
	assert_int_equal(split->targets[groups[2].members[1].edge].fn, 4);
	assert_int_equal(split->targets[rules[0].wire_edge].fn, 5);
	assert_int_equal(split->targets[rules[0].wire_edge].kind, SP_ROUTE_FUNCTION);
	assert_int_equal(rules[4].wire_edge, rules[0].wire_edge);
	assert_int_equal(rules[0].tee_count, 0);
	assert_int_equal(rules[4].tee_count, 2);
	assert_int_equal(split->targets[rules[4].tees[1]].fn, 2);
	assert_int_equal(sum->rules.rules[0].tee_count, 1);
	assert_int_equal(sum->targets[sum->rules.rules[0].tees[0]].fn, 6);
	/* `a` is called and teed to, `b` only called. */
	assert_false(outcome.chain->functions[1].called_only);
	assert_true(outcome.chain->functions[2].called_only);
	assert_false(sum->called_only);
	chain_outcome_done(&outcome);
}

#define FRAME                                                                          \
	"apiVersion: sprocket.dev/v1alpha1\nkind: Chain\nmetadata: {name: t}\nspec:\n" \
	"  ingress: [{http: {path: /}}]\n"

static struct chain_outcome parse_text(const char *text, unsigned flags)
{
	return chain_files_parse("t.yaml", text, strlen(text), flags);
}

static void test_without_asking_the_file_declares_the_calls(void **state)
{
	struct chain_outcome outcome = parse_text(
		FRAME "  functions: [{name: a, image: x, calls: {second: b, first: a}}, {name: b,"
		      " image: x, calls: [a]}]\n  steps: [a]\n",
		CHAIN_NO_DESCRIBE);
	const struct chain_function *a;

	(void)state;
	assert_int_equal(outcome.err, 0);
	a = &outcome.chain->functions[0];
	assert_int_equal(a->call_count, 2);
	assert_string_equal(a->calls[1], "first");
	assert_int_equal(a->rules.calls[1].fn, 1);
	chain_outcome_done(&outcome);
	outcome = parse_text(
		FRAME "  functions: [{name: a, image: x, calls: {\"a b\": a}}]\n  steps: [a]\n",
		CHAIN_NO_DESCRIBE);
	assert_non_null(strstr(outcome.text, "call \"a b\" must be 1 to 63 letters"));
	chain_outcome_done(&outcome);
}

/* Far more ways out of one function than a row of the kernel's table has. */
static void test_too_many_ways_out(void **state)
{
	struct chain_outcome outcome;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	fprintf(out, FRAME "  functions:\n  - {name: a, image: x, calls: {c0: f0");
	for (int i = 1; i < 32; i++)
		fprintf(out, ", c%d: f%d", i, i);
	fprintf(out, "}}\n");
	for (int i = 0; i < 60; i++)
		fprintf(out, "  - {name: f%d, image: x}\n", i);
	fprintf(out, "  routes:\n  - {from: ingress, to: a}\n");
	for (int i = 0; i < 60; i++)
		fprintf(out, "  - {from: a, to: f%d, when: {topic: t%d}}\n", i, i);
	fprintf(out, "  - {from: a, to: reply}\n");
	fclose(out);
	outcome = parse_text(text, CHAIN_NO_DESCRIBE);
	assert_int_equal(outcome.err, -EINVAL);
	assert_non_null(strstr(outcome.text, "\"a\" has more than 64 ways out"));
	chain_outcome_done(&outcome);
	free(text);
}

static void test_too_many_joins(void **state)
{
	struct chain_outcome outcome;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	fprintf(out, FRAME "  functions: [{name: a, image: x}, {name: b, image: x}]\n"
			   "  routes:\n  - {from: ingress, to: a}\n");
	for (int i = 1; i <= 9; i++)
		fprintf(out,
			"  - {from: a, to: {all: [b]}, join: {at: b, timeout: %dms}, "
			"when: {topic: t%d}}\n",
			i, i);
	fprintf(out, "  - {from: a, to: reply}\n");
	fclose(out);
	outcome = parse_text(text, CHAIN_NO_DESCRIBE);
	assert_string_equal(outcome.text, "t.yaml:17:12: more than 8 joins after \"a\"\n");
	chain_outcome_done(&outcome);
	free(text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_are_in_the_order_of_the_code),
		cmocka_unit_test(test_two_calls_of_one_function_share_an_edge),
		cmocka_unit_test(test_joins_and_tees),
		cmocka_unit_test(test_without_asking_the_file_declares_the_calls),
		cmocka_unit_test(test_too_many_ways_out),
		cmocka_unit_test(test_too_many_joins),
	};
	int failed;

	if (argc != 3 || !realpath(argv[1], data_folder)) {
		fprintf(stderr, "usage: test_chain_calls CHAINS DESCRIBE_FIXTURE\n");
		return 2;
	}
	chain_files_enter(argv[2]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	chain_files_leave();
	return failed;
}
