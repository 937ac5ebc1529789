/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_document.c - a declared chain as JSON and back, and the chain in it without executables.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/daemon/document.h"

static const char yaml[] = "apiVersion: sprocket.dev/v1alpha1\n"
			   "kind: Chain\n"
			   "metadata: {name: shop}\n"
			   "spec:\n"
			   "  ingress:\n"
			   "  - {http: {path: \"/*\"}}\n"
			   "  functions:\n"
			   "  - {name: first, exec: ./gone/first}\n"
			   "  - {name: again, exec: /gone/second}\n"
			   "  - {name: third, exec: gone/first}\n"
			   "  routes:\n"
			   "  - {from: ingress, to: first}\n"
			   "  - {from: first.found, to: again}\n"
			   "  - {from: first, to: reply}\n"
			   "  - {from: again, to: third}\n"
			   "  - {from: third, to: reply}\n"
			   "  - {from: third.found, to: reply}\n";

/* On the heap, as document_free() wants it. */
static struct document *make(void)
{
	static const char said[] = "{\"abi\":2,\"edges\":[\"found\"]}";
	static const char *const execs[] = { "/srv/shop/gone/first", "/gone/second" };
	struct document *document = calloc(1, sizeof(*document));

	assert_non_null(document);
	document->name = strdup("shop");
	document->file = strdup("/srv/shop/chain.yaml");
	document->yaml = strdup(yaml);
	document->yaml_len = strlen(yaml);
	document->generation = 7;
	document->created_s = 1767225600;
	document->drained = true;
	document->declared.items = calloc(2, sizeof(*document->declared.items));
	document->declared.count = 2;
	for (size_t i = 0; i < 2; i++) {
		document->declared.items[i].exec = strdup(execs[i]);
		document->declared.items[i].text = strdup(i ? "{\"abi\":2}" : said);
		document->declared.items[i].len = strlen(i ? "{\"abi\":2}" : said);
	}
	return document;
}

static void check(const struct document *document)
{
	struct chain *chain;

	assert_string_equal(document->name, "shop");
	assert_string_equal(document->file, "/srv/shop/chain.yaml");
	assert_int_equal(document->yaml_len, strlen(yaml));
	assert_string_equal(document->yaml, yaml);
	assert_int_equal(document->generation, 7);
	assert_int_equal(document->created_s, 1767225600);
	assert_true(document->drained);
	assert_int_equal(document_chain(document, stderr, &chain), 0);
	assert_int_equal(chain->function_count, 3);
	assert_string_equal(chain->functions[0].exec, "/srv/shop/gone/first");
	assert_int_equal(chain->functions[0].edge_count, 1);
	assert_int_equal(chain->functions[1].edge_count, 0);
	chain_free(chain);
}

static void test_json_and_back(void **state)
{
	struct document *document = make(), *read;
	size_t len;
	char *text = document_text(document, &len);

	(void)state;
	assert_non_null(text);
	assert_int_equal(document_parse(text, len, &read), 0);
	check(read);
	document_free(read);
	document_free(document);
	free(text);
}

static void test_an_executable_not_asked_is_an_error(void **state)
{
	struct document *document = make();
	struct chain *chain = NULL;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	document->declared.items[1].error = -EBADMSG;
	document->declared.items[1].why = strdup("it said nothing");
	assert_int_equal(document_chain(document, out, &chain), -EINVAL);
	fclose(out);
	assert_null(chain);
	/* It is not there: that is what is said, before what it said. */
	assert_non_null(strstr(text, "/srv/shop/chain.yaml:9:25: exec \"/gone/second\": no such"));
	free(text);
	document_free(document);
}

static void test_execs(void **state)
{
	size_t count;
	char **execs;

	(void)state;
	assert_int_equal(chain_execs("/srv/shop/chain.yaml", yaml, strlen(yaml), &execs, &count),
			 0);
	assert_int_equal(count, 2);
	assert_string_equal(execs[0], "/srv/shop/gone/first");
	assert_string_equal(execs[1], "/gone/second");
	free(execs[0]);
	free(execs[1]);
	free(execs);
	assert_int_equal(chain_execs("/x", "{", 1, &execs, &count), 0);
	assert_int_equal(count, 0);
	free(execs);
}

/* Every cut, and every byte changed, is refused or is a whole document. */
static void test_damage(void **state)
{
	static const char *const texts[] = {
		"",
		"null",
		"{}",
		"{\"version\":1}",
		"{\"version\":2,\"name\":\"a\",\"file\":\"/a\",\"yaml\":\"\",\"generation\":1,"
		"\"created\":1,\"declared\":[]}",
		"{\"version\":1,\"name\":\"../a\",\"file\":\"/a\",\"yaml\":\"\",\"generation\":1,"
		"\"created\":1,\"declared\":[]}",
		"{\"version\":1,\"name\":\"a\",\"file\":\"/a\",\"yaml\":\"\",\"generation\":-1,"
		"\"created\":1,\"declared\":[]}",
		"{\"version\":1,\"name\":\"a\",\"file\":\"/a\",\"yaml\":\"\",\"generation\":1,"
		"\"created\":1,\"declared\":[{\"exec\":\"/x\",\"error\":0}]}",
	};
	struct document *document = make(), *read = NULL;
	size_t len;
	char *text = document_text(document, &len);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(document_parse(texts[i], strlen(texts[i]), &read), -EBADMSG);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(document_parse(text, i, &read), -EBADMSG);
	assert_null(read);
	for (size_t i = 0; i < len; i++) {
		char was = text[i];

		text[i] = '\x01';
		assert_int_equal(document_parse(text, len, &read), -EBADMSG);
		text[i] = was == '1' ? '2' : '1';
		if (document_parse(text, len, &read) == 0)
			read = document_free(read);
		text[i] = was;
	}
	free(text);
	document_free(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_and_back),
		cmocka_unit_test(test_an_executable_not_asked_is_an_error),
		cmocka_unit_test(test_execs),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
