/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chain_limits.c - chain files at and over the limits, files that are none, files made
 * to be slow, and what the fuzzer found: an error or a chain, soon, and nothing else.
 *
 * Arguments: the folder of the fuzzer's corpus, the path of describe_fixture.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/controller/chain_files.h"

#define LARGE_SECONDS_MAX 20 /* of one file, also under a sanitizer on a busy machine */

static char corpus_folder[PATH_MAX];

static char *read_corpus(const char *name, size_t *ret_len)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", corpus_folder, name);
	return chain_files_read(path, ret_len);
}

#define FRAME                                                                          \
	"apiVersion: sprocket.dev/v1alpha1\nkind: Chain\nmetadata: {name: t}\nspec:\n" \
	"  ingress: [{http: {path: /}}]\n"

static struct chain_outcome parse_text(const char *text, unsigned flags)
{
	return chain_files_parse("t.yaml", text, strlen(text), flags);
}

/* A chain of `functions` one-way steps. */
static struct chain_outcome parse_many(unsigned functions)
{
	struct chain_outcome outcome;
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	fprintf(file, FRAME "  maxHops: 64\n  pool: {bufferSizes: [2Ki]}\n  functions:\n");
	for (unsigned i = 1; i <= functions; i++)
		fprintf(file, "  - {name: f%u, exec: f}\n", i);
	fprintf(file, "  steps:\n");
	for (unsigned i = 1; i <= functions; i++)
		fprintf(file, "  - f%u\n", i);
	fclose(file);
	outcome = chain_files_parse("t.yaml", text, len, CHAIN_NO_DESCRIBE);
	free(text);
	return outcome;
}

static void test_limit_of_functions(void **state)
{
	struct chain_outcome outcome = parse_many(SP_FN_MAX - 1);

	(void)state;
	assert_int_equal(outcome.err, 0);
	chain_files_check(outcome.chain);
	chain_outcome_done(&outcome);
	outcome = parse_many(SP_FN_MAX);
	assert_non_null(strstr(outcome.text, "functions has 64 items; the limit is 63"));
	chain_outcome_done(&outcome);
}

/* `count` conditional routes and a default from one function. */
static struct chain_outcome parse_rules(unsigned count)
{
	struct chain_outcome outcome;
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	fprintf(file, FRAME "  functions: [{name: a, exec: f}]\n  routes:\n"
			    "  - {from: ingress, to: a}\n");
	for (unsigned i = 0; i < count; i++)
		fprintf(file, "  - {from: a, to: reply, when: {topic: t%u}}\n", i);
	fprintf(file, "  - {from: a, to: reply}\n");
	fclose(file);
	outcome = chain_files_parse("t.yaml", text, len, CHAIN_NO_DESCRIBE);
	free(text);
	return outcome;
}

static void test_limit_of_rules(void **state)
{
	struct chain_outcome outcome = parse_rules(RULE_MAX - 1);

	(void)state;
	assert_int_equal(outcome.err, 0);
	assert_int_equal(outcome.chain->functions[0].rules.count, RULE_MAX);
	chain_outcome_done(&outcome);
	outcome = parse_rules(RULE_MAX);
	assert_non_null(strstr(outcome.text, "more than 64 routes from \"a\""));
	chain_outcome_done(&outcome);
}

static void test_errors_are_counted_and_capped(void **state)
{
	struct chain_outcome outcome;
	char text[4096] = "";

	(void)state;
	for (int i = 0; i < 150; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "k%d: 1\n", i);
	outcome = parse_text(text, 0);
	assert_int_equal(outcome.errors, 100);
	assert_non_null(strstr(outcome.text, "t.yaml: there are more errors; 100 are shown\n"));
	chain_outcome_done(&outcome);
}

/* Loads a file that cannot be a chain; what is said goes to `text`. */
static int load(const char *path, char *text, size_t size)
{
	struct chain *chain = NULL;
	unsigned errors = 77;
	FILE *out = fmemopen(text, size, "w");
	int err;

	assert_non_null(out);
	err = chain_load(path, 0, out, &chain, &errors);
	fclose(out);
	assert_null(chain);
	assert_int_equal(errors, err == -EINVAL ? 1 : 77);
	return err;
}

static void test_files_that_cannot_be_loaded(void **state)
{
	char text[512];
	FILE *big;

	(void)state;
	assert_int_equal(load("missing.yaml", text, sizeof(text)), -ENOENT);
	assert_string_equal(text, "missing.yaml: cannot be read: No such file or directory\n");
	assert_int_equal(load(".", text, sizeof(text)), -ENOENT);
	assert_string_equal(text, "./chain.yaml: cannot be read: No such file or directory\n");
	assert_int_equal(load("/dev/zero", text, sizeof(text)), -EINVAL);
	assert_non_null(strstr(text, "larger than 1 MiB"));
	big = fopen("big.yaml", "w");
	assert_non_null(big);
	for (int i = 0; i < 10 << 20; i += 8)
		fputs("a: bcde\n", big);
	fclose(big);
	assert_int_equal(load("big.yaml", text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "big.yaml: is larger than 1 MiB, the limit of a chain file\n");
}

/* Just below the limit of size, shapes that make naive readers slow or large. */
static void test_large_files_end_soon(void **state)
{
	static const char *const units[] = { "[",    "{",      "a: ",           "- ",
					     "? ",   "a,",     "&a x\n",        "x\n",
					     "\"\\", "a: b\n", "- {from: x}\n", "!!a ",
					     "#\n" };
	size_t size = 1 << 20;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i]);
		struct chain_outcome outcome;
		time_t start = time(NULL);

		for (size_t at = 0; at < size; at++)
			text[at] = units[i][at % len];
		if (!strcmp(units[i], "a,"))
			text[0] = '[';
		outcome = chain_files_parse("t.yaml", text, size, CHAIN_NO_DESCRIBE);
		assert_int_equal(outcome.err, -EINVAL);
		assert_true(outcome.errors > 0);
		assert_true(time(NULL) - start <= LARGE_SECONDS_MAX);
		chain_outcome_done(&outcome);
	}
	free(text);
}

static void replay_corpus(const char *name)
{
	struct chain_outcome outcome;
	size_t len;
	char *text = read_corpus(name, &len);

	assert_non_null(text);
	outcome = chain_files_parse("t.yaml", text, len, CHAIN_NO_DESCRIBE);
	if (outcome.err)
		assert_true(outcome.err == -EINVAL && outcome.errors > 0);
	else
		chain_files_check(outcome.chain);
	chain_outcome_done(&outcome);
	free(text);
}

static void test_corpus(void **state)
{
	DIR *dir = opendir(corpus_folder);
	struct dirent *entry;
	unsigned count = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		replay_corpus(entry->d_name);
		count++;
	}
	closedir(dir);
	assert_true(count > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_of_functions),
		cmocka_unit_test(test_limit_of_rules),
		cmocka_unit_test(test_errors_are_counted_and_capped),
		cmocka_unit_test(test_files_that_cannot_be_loaded),
		cmocka_unit_test(test_large_files_end_soon),
		cmocka_unit_test(test_corpus),
	};
	int failed;

	if (argc != 3 || !realpath(argv[1], corpus_folder)) {
		fprintf(stderr, "usage: test_chain_limits CORPUS DESCRIBE_FIXTURE\n");
		return 2;
	}
	chain_files_enter(argv[2]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	chain_files_leave();
	return failed;
}
