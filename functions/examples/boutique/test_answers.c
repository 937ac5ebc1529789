/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_answers.c FILE - a function's answers, compared byte by byte with a file of golden/:
 *
 *     config KEY=VALUE ...     at most once, before all else
 *     # a remark
 *     > TOPIC
 *     the request, to the next line that begins with "< "
 *     < ok                     or the status and the text of an error
 *     the answer, to an empty line before "> ", "#" or the end
 *
 * A bar stands for a tab. All requests of a file go to one function, one after the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sprocket_test.h>

#define TEXT_SIZE 65536U
#define PAIRS_MAX 8

extern const sp_function sp_function_registered;

static char text[TEXT_SIZE];

struct answer_case {
	const char *topic;
	char *request;
	char *verdict;
	char *answer;
};

static void load(const char *name)
{
	FILE *file = fopen(name, "r");
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	assert_in_range(len, 1, sizeof(text) - 2);
	text[len] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '|')
			*p = '\t';
}

/* Ends the line and returns the next one; NULL at the text's end. */
static char *cut_line(char *line)
{
	char *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	return end[1] ? end + 1 : NULL;
}

static sp_test *start(char **at)
{
	static char *pairs[2 * PAIRS_MAX + 1];
	int count = 0;
	char *line = *at;

	if (strncmp(line, "config ", 7) == 0) {
		*at = cut_line(line);
		for (char *word = strtok(line + 7, " "); word; word = strtok(NULL, " ")) {
			char *equals = strchr(word, '=');

			assert_non_null(equals);
			assert_true(count < 2 * PAIRS_MAX);
			*equals = '\0';
			pairs[count++] = word;
			pairs[count++] = equals + 1;
		}
	}
	return sp_test_new(&sp_function_registered, (const char *const *)pairs);
}

/* Everything to where the next thing begins: `mark` at the start of a line. */
static char *until(char *at, const char *mark)
{
	char *found;

	if (strncmp(at, mark + 1, strlen(mark + 1)) == 0)
		return at;
	found = strstr(at, mark);
	assert_non_null(found);
	found[0] = '\0';
	return found + 1;
}

/* The case that begins at `*at`, which goes to the next one. False: there is none. */
static int next_case(char **at, struct answer_case *ret)
{
	static char none[] = "";
	char *line = *at, *end, *next;

	while (line && (*line == '#' || *line == '\0' || *line == '\n'))
		line = *line == '\0' ? NULL : cut_line(line);
	if (!line)
		return 0;
	assert_int_equal(strncmp(line, "> ", 2), 0);
	ret->topic = line + 2;
	ret->request = cut_line(line);
	assert_non_null(ret->request);
	ret->verdict = until(ret->request, "\n< ");
	if (ret->verdict == ret->request)
		ret->request = none;
	end = strstr(ret->verdict, "\n\n>");
	next = strstr(ret->verdict, "\n\n#");
	end = !end || (next && next < end) ? next : end;
	*at = NULL;
	if (end) {
		end[1] = '\0';
		*at = end + 2;
	}
	ret->answer = cut_line(ret->verdict);
	if (!ret->answer)
		ret->answer = none;
	return 1;
}

static void check(sp_test *t, const struct answer_case *c)
{
	char request[TEXT_SIZE / 4], have[TEXT_SIZE / 4];
	const sp_test_result *r;

	/* cut at its last newline, which belongs to it */
	snprintf(request, sizeof(request), "%s%s", c->request, *c->request ? "\n" : "");
	r = SP_TEST(t, .topic = c->topic, .body = { request, strlen(request) });
	if (r->error == SP_OK) {
		assert_int_equal(r->verdict, SP_REPLY);
		snprintf(have, sizeof(have), "< ok\n%.*s", SP_ARG(r->body));
	} else {
		snprintf(have, sizeof(have), "< %d %.*s\n", r->status, SP_ARG(r->error_text));
	}
	snprintf(request, sizeof(request), "%s\n%s", c->verdict, c->answer);
	if (strcmp(have, request) != 0)
		fail_msg("> %s\n%s\nexpected:\n%s\nhave:\n%s", c->topic, c->request, request, have);
}

static void test_answers(void **state)
{
	struct answer_case c;
	char *at = text;
	int count = 0;
	sp_test *t;

	load(*state);
	t = start(&at);
	assert_non_null(t);
	for (; at && next_case(&at, &c); count++)
		check(t, &c);
	assert_true(count > 3);
	sp_test_free(t);
}

/* Nothing that is cut short within a line is taken, and no byte that is changed does harm. */
static void mangle(sp_test *t, const struct answer_case *c)
{
	char request[TEXT_SIZE / 4];
	size_t len = (size_t)snprintf(request, sizeof(request), "%s\n", c->request);
	const sp_test_result *r;

	for (size_t i = 1; i < len; i++) {
		if (request[i - 1] == '\n')
			continue;
		r = SP_TEST(t, .topic = c->topic, .body = { request, i });
		if (r->error == SP_OK)
			fail_msg("> %s: taken: the first %zu bytes of\n%s", c->topic, i, request);
	}
	for (size_t i = 0; i < 8 * len; i++) {
		request[i / 8] ^= (char)(1 << i % 8);
		r = SP_TEST(t, .topic = c->topic, .body = { request, len });
		request[i / 8] ^= (char)(1 << i % 8);
		assert_true(r->error == SP_OK || r->error == SP_EINPUT ||
			    r->error == SP_ENOTFOUND || r->error == SP_ECONFLICT);
	}
}

static void test_garbage(void **state)
{
	struct answer_case c;
	char *at = text;
	sp_test *t;

	load(*state);
	t = start(&at);
	assert_non_null(t);
	while (at && next_case(&at, &c))
		if (*c.request)
			mangle(t, &c);
	sp_test_free(t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_answers, argc > 1 ? argv[1] : NULL),
		cmocka_unit_test_prestate(test_garbage, argc > 1 ? argv[1] : NULL),
	};

	return cmocka_run_group_tests_name(sp_function_registered.name, tests, NULL, NULL);
}
