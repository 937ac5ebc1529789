/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chain.c - chain files: the good ones become the tables they describe, the bad ones
 * give the errors written beside them.
 *
 * Arguments: the folder of chain files (a bad one has its errors in FILE.expected), the
 * path of describe_fixture.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sproxy/filter.h"
#include "tests/unit/controller/chain_files.h"

static char data_folder[PATH_MAX];

static char *read_data(const char *name, size_t *ret_len)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", data_folder, name);
	return chain_files_read(path, ret_len);
}

static void replay_file(const char *name)
{
	struct chain_outcome outcome;
	char expected_name[NAME_MAX + 16];
	char *text, *expected;
	size_t len, expected_len = 0;

	text = read_data(name, &len);
	assert_non_null(text);
	snprintf(expected_name, sizeof(expected_name), "%s.expected", name);
	expected = read_data(expected_name, &expected_len);
	outcome = chain_files_parse(name, text, len, 0);
	assert_string_equal(outcome.text, expected ? expected : "");
	assert_int_equal(outcome.err, expected ? -EINVAL : 0);
	if (outcome.chain)
		chain_files_check(outcome.chain);
	chain_outcome_done(&outcome);
	free(text);
	free(expected);
}

static void test_files_give_what_is_expected(void **state)
{
	DIR *dir = opendir(data_folder);
	unsigned count = 0;
	struct dirent *entry;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot && !strcmp(dot, ".yaml")) {
			replay_file(entry->d_name);
			count++;
		}
	}
	closedir(dir);
	assert_true(count >= 30);
}

static void test_parking(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "parking.yaml");
	const struct chain *chain = outcome.chain;
	const struct chain_function *search;
	char exec[PATH_MAX];

	(void)state;
	assert_non_null(chain);
	assert_string_equal(chain->name, "parking");
	assert_string_equal(chain->file, "parking.yaml");
	assert_int_equal(chain->timeout_ns, 2000000000);
	assert_int_equal(chain->max_hops, 32);
	assert_int_equal(chain->spin_ns, 0);
	assert_int_equal(chain->hugepages, SHM_HUGEPAGES_AUTO);
	assert_int_equal(chain->layout.class_count, 2);
	assert_int_equal(chain->layout.classes[1].size, 65536);
	assert_int_equal(chain->ingress_count, 1);
	assert_null(chain->listen);
	assert_string_equal(chain->ingress[0].path, "/snapshot");
	assert_string_equal(chain->ingress[0].methods[0], "POST");
	assert_int_equal(chain->ingress[0].max_body, 65536);
	assert_int_equal(chain->ingress_rules.rules[0].wire_edge, 1);
	assert_int_equal(chain->function_count, 4);
	assert_int_equal(chain->functions[0].concurrency, 4);
	assert_int_equal(chain->functions[0].instances, 2);
	assert_string_equal(chain->functions[0].config.items[0].key, "threshold");
	assert_string_equal(chain->functions[0].config.items[0].value, "0.8");
	assert_non_null(getcwd(exec, sizeof(exec) - 8));
	assert_string_equal(chain->functions[0].exec, strcat(exec, "/detect"));
	search = &chain->functions[1];
	assert_int_equal(search->concurrency, 32);
	assert_int_equal(search->instances, 0);
	assert_int_equal(search->edge_count, 1);
	assert_string_equal(search->edges[0], "unknown_plate");
	assert_int_equal(search->rules.count, 2);
	assert_int_equal(search->rules.rules[0].from_edge, 1);
	assert_int_equal(search->targets[search->rules.rules[0].wire_edge].fn, 3);
	assert_int_equal(search->rules.rules[1].from_edge, 0);
	assert_int_equal(search->targets[search->rules.rules[1].wire_edge].fn, 4);
	assert_int_equal(chain->functions[3].targets[0].kind, SP_ROUTE_REPLY);
	chain_outcome_done(&outcome);
}

static void test_steps_and_what_knative_writes(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "steps.yaml");
	const struct chain *chain = outcome.chain;
	const struct chain_function *upper;

	(void)state;
	assert_non_null(chain);
	upper = &chain->functions[0];
	assert_int_equal(chain->timeout_ns, 5000000000);
	assert_int_equal(chain->ingress[0].method_count, 0);
	assert_int_equal(chain->ingress[0].max_body, 1 << 20);
	assert_int_equal(upper->concurrency, 65535);
	assert_int_equal(upper->env.count, 2);
	assert_string_equal(upper->env.items[1].key, "B");
	assert_string_equal(upper->env.items[1].value, "two words");
	assert_string_equal(chain->functions[1].env.items[0].value, "3");
	assert_int_equal(chain->ingress_rules.rules[0].wire_edge, 1);
	assert_int_equal(upper->targets[0].fn, 2);
	assert_int_equal(chain->functions[1].targets[0].kind, SP_ROUTE_REPLY);
	chain_outcome_done(&outcome);
}

static void test_conditions(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "conditions.yaml");
	const struct chain *chain = outcome.chain;
	const struct chain_function *a;

	(void)state;
	assert_non_null(chain);
	assert_int_equal(chain->max_hops, 8);
	assert_int_equal(chain->spin_ns, 20000);
	assert_int_equal(chain->hugepages, SHM_HUGEPAGES_NEVER);
	assert_int_equal(chain->ingress_rules.count, 3);
	assert_int_equal(chain->ingress_rules.rules[0].kind, RULE_PATH);
	assert_string_equal(chain->ingress_rules.rules[0].value, "/api/v1/*");
	assert_int_equal(chain->ingress_rules.rules[1].kind, RULE_METHOD);
	assert_int_equal(chain->ingress_rules.rules[1].wire_edge, 2);
	assert_int_equal(chain->ingress_rules.rules[2].kind, RULE_ALWAYS);
	a = &chain->functions[0];
	assert_int_equal(a->rules.count, 6);
	assert_int_equal(a->rules.rules[0].kind, RULE_HEADER);
	assert_string_equal(a->rules.rules[0].name, "x-kind");
	assert_string_equal(a->rules.rules[0].value, "slow");
	assert_int_equal(a->rules.rules[1].status, 404);
	assert_int_equal(a->rules.rules[2].kind, RULE_TOPIC);
	/* b, reply, a: one target for each place, in the order of the routes. */
	assert_int_equal(a->target_count, 3);
	assert_int_equal(a->rules.rules[0].wire_edge, a->rules.rules[2].wire_edge);
	assert_int_equal(a->targets[a->rules.rules[4].wire_edge].fn, 1);
	assert_int_equal(a->rules.rules[4].from_edge, 2);
	chain_outcome_done(&outcome);
}

#define FRAME                                                                          \
	"apiVersion: sprocket.dev/v1alpha1\nkind: Chain\nmetadata: {name: t}\nspec:\n" \
	"  ingress: [{http: {path: /}}]\n"

static struct chain_outcome parse_text(const char *text, unsigned flags)
{
	return chain_files_parse("t.yaml", text, strlen(text), flags);
}

static void test_without_asking_routes_declare_the_edges(void **state)
{
	struct chain_outcome outcome = parse_text(
		FRAME
		"  functions: [{name: a, exec: bin/a, config: {any: 1}}, {name: b, image: x}]\n"
		"  routes: [{from: ingress, to: a}, {from: a.two, to: b}, {from: a.one, to: reply},"
		" {from: a.two, to: reply, when: {status: 200}}]\n",
		CHAIN_NO_DESCRIBE);

	(void)state;
	assert_int_equal(outcome.err, -EINVAL);
	assert_non_null(strstr(outcome.text, "takes all that comes from \"a.two\""));
	assert_int_equal(outcome.errors, 1);
	chain_outcome_done(&outcome);
	outcome = parse_text(
		FRAME
		"  functions: [{name: a, exec: /x/a, config: {any: 1}}, {name: b, image: x}]\n"
		"  routes: [{from: ingress, to: a}, {from: a.two, to: b}, "
		"{from: a.one, to: reply}]\n",
		CHAIN_NO_DESCRIBE);
	assert_int_equal(outcome.err, 0);
	assert_string_equal(outcome.chain->functions[0].exec, "/x/a");
	assert_null(outcome.chain->functions[1].exec);
	assert_int_equal(outcome.chain->functions[0].edge_count, 2);
	assert_string_equal(outcome.chain->functions[0].edges[0], "two");
	assert_int_equal(outcome.chain->functions[0].rules.rules[1].from_edge, 2);
	chain_outcome_done(&outcome);
}

static void test_hosts_and_an_address(void **state)
{
	struct chain_outcome outcome = parse_text(
		"apiVersion: sprocket.dev/v1alpha1\nkind: Chain\nmetadata: {name: t}\nspec:\n"
		"  listen: '[::1]:9001'\n"
		"  ingress: [{http: {path: /}}, {http: {path: /, host: a.example}},\n"
		"    {http: {path: /, host: '*.a.example'}}]\n"
		"  functions: [{name: a, image: x}]\n  steps: [a]\n",
		CHAIN_NO_DESCRIBE);

	(void)state;
	assert_int_equal(outcome.err, 0);
	assert_string_equal(outcome.chain->listen, "[::1]:9001");
	assert_null(outcome.chain->ingress[0].host);
	assert_string_equal(outcome.chain->ingress[1].host, "a.example");
	assert_string_equal(outcome.chain->ingress[2].host, "*.a.example");
	chain_outcome_done(&outcome);
}

static void test_an_executable_is_asked_once(void **state)
{
	struct chain_outcome outcome;
	size_t len;
	char *log;

	(void)state;
	chain_files_link("count");
	outcome = parse_text(
		FRAME
		"  functions: [{name: a, exec: ./count}, {name: b, exec: count}]\n"
		"  routes: [{from: ingress, to: a}, {from: a.e, to: b}, {from: b.e, to: reply}]\n",
		0);
	assert_int_equal(outcome.err, 0);
	assert_string_equal(outcome.chain->functions[1].edges[0], "e");
	log = chain_files_read("count.log", &len);
	assert_string_equal(log, "x");
	free(log);
	chain_outcome_done(&outcome);
}

static void test_security_goes_over_the_chains_key_by_key(void **state)
{
	struct chain_outcome outcome = chain_files_parse_data(data_folder, "security.yaml");
	const struct chain_function *f = outcome.chain->functions;

	(void)state;
	assert_true(f[0].security.host_network);
	assert_int_equal(f[0].security.user_kind, CHAIN_USER_AUTO);
	assert_int_equal(f[0].security.calls, 1U << FILTER_PERF | 1U << FILTER_KEYS);
	assert_int_equal(f[0].security.read.count, 2);
	assert_string_equal(f[0].security.read.items[1], "/srv/b");
	assert_false(f[1].security.host_network);
	assert_int_equal(f[1].security.user_kind, CHAIN_USER_KEEP);
	assert_int_equal(f[1].security.calls, 0);
	assert_int_equal(f[1].security.read.count, 0);
	assert_string_equal(f[1].security.write.items[0], "/srv/c");
	assert_string_equal(f[2].security.user, "12");
	assert_int_equal(f[2].secrets.count, 2);
	assert_string_equal(f[2].secrets.items[0].key, "db.key");
	assert_string_equal(f[2].secrets.items[0].value, "/etc/key");
	assert_int_equal(f[3].security.user_kind, CHAIN_USER_NAMED);
	assert_int_equal(f[3].security.calls, 1U << FILTER_SOCKET);
	chain_outcome_done(&outcome);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_give_what_is_expected),
		cmocka_unit_test(test_parking),
		cmocka_unit_test(test_steps_and_what_knative_writes),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_without_asking_routes_declare_the_edges),
		cmocka_unit_test(test_hosts_and_an_address),
		cmocka_unit_test(test_security_goes_over_the_chains_key_by_key),
		cmocka_unit_test(test_an_executable_is_asked_once),
	};
	int failed;

	if (argc != 3 || !realpath(argv[1], data_folder)) {
		fprintf(stderr, "usage: test_chain CHAINS DESCRIBE_FIXTURE\n");
		return 2;
	}
	chain_files_enter(argv[2]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	chain_files_leave();
	return failed;
}
