// SPDX-License-Identifier: Apache-2.0
/* Lines on disk: their form, rotation, the way back, and who follows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/logstore.h"
#include "tests/unit/fds.h"

#define T0 1767323045678901000ULL /* 2026-01-02T03:04:05.678901Z */

static char folder[] = "/tmp/sprocket-logstore-XXXXXX";
static struct logstore *store;
static uint64_t now = T0;

static int setup(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	now = T0;
	return logstore_open(folder, &store);
}

static int teardown(void **state)
{
	char command[80];

	(void)state;
	store = logstore_close(store);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void put(const char *source, const char *text)
{
	assert_int_equal(logstore_line(store, "shop", source, now, text, strlen(text)), 0);
	now += 1000;
}

static off_t file_size(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/shop/%s", folder, name);
	return stat(path, &st) < 0 ? -1 : st.st_size;
}

/* ---- what a tail gives, as one text ---- */

static char *got;
static size_t got_len;

static void collect(void *arg, const char *time, const char *source, const char *line)
{
	fprintf(arg, "%s %s %s\n", time + 20, source, line);
}

static const char *tail(const char *source, unsigned lines)
{
	FILE *out;

	free(got);
	out = open_memstream(&got, &got_len);
	assert_non_null(out);
	assert_int_equal(logstore_tail(store, "shop", source, lines, collect, out), 0);
	fclose(out);
	return got;
}

/* ---- tests ---- */

static void test_form_of_a_line(void **state)
{
	char path[128], line[128] = "";
	FILE *in;

	(void)state;
	put("detect-0", "hello");
	snprintf(path, sizeof(path), "%s/shop/detect-0.log", folder);
	in = fopen(path, "re");
	assert_non_null(in);
	assert_non_null(fgets(line, sizeof(line), in));
	fclose(in);
	assert_string_equal(line, "2026-01-02T03:04:05.678901Z hello\n");
}

static void test_garbage_is_made_harmless(void **state)
{
	static const char text[] =
		"\x1b[2J\r\n\0\x7f\t \xc3\xa4 \xc2\x9b \xff \xed\xa0\x80 \xf4\x90\x80\x80 "
		"\xe2\x82\xac \xf0\x9f\x98\x80 \xc0\xaf \xe2\x82";

	(void)state;
	assert_int_equal(logstore_line(store, "shop", "a", now, text, sizeof(text) - 1), 0);
	assert_string_equal(tail("a", 1),
			    "678901Z a \\x1b[2J\\x0d\\x0a\\x00\\x7f\t \xc3\xa4 \\xc2\\x9b \\xff "
			    "\\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \xe2\x82\xac \xf0\x9f\x98\x80 "
			    "\\xc0\\xaf \\xe2\\x82\n");
}

static void test_long_lines(void **state)
{
	static char text[LOGSTORE_TEXT_MAX + 100];

	(void)state;
	for (int fill = 1; fill < 256; fill += 64) {
		memset(text, fill, sizeof(text));
		for (int i = 0; i < 5; i++)
			assert_int_equal(logstore_line(store, "shop", "a", now, text, sizeof(text)),
					 0);
		tail("a", 3);
		assert_int_equal(got_len, 3 * (strlen("678901Z a ") + 1 +
					       LOGSTORE_TEXT_MAX * (fill == 65 ? 1 : 4)));
	}
}

static void test_names_are_checked(void **state)
{
	static const char *const bad[] = { "",  ".",   "..",    "a/b",     "../x",
					   "A", "a b", "a.log", "\xc3\xa4" };
	char longer[LOGSTORE_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(logstore_line(store, bad[i], "a", now, "x", 1), -EINVAL);
		assert_int_equal(logstore_line(store, "shop", bad[i], now, "x", 1), -EINVAL);
		assert_int_equal(logstore_tail(store, bad[i], "a", 1, collect, NULL), -EINVAL);
		assert_int_equal(logstore_tail(store, "shop", bad[i], 1, collect, NULL), -EINVAL);
		logstore_remove(store, bad[i]);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[LOGSTORE_NAME_MAX] = '\0';
	assert_int_equal(logstore_line(store, longer, "a", now, "x", 1), -EINVAL);
	longer[LOGSTORE_NAME_MAX - 1] = '\0';
	assert_int_equal(logstore_line(store, longer, longer, now, "x", 1), 0);
	assert_int_equal(logstore_lost(store), 0);
}

/* Lines of 1,024 bytes: 8,192 fill a file to its last byte. */
#define PER_FILE (LOGSTORE_FILE_MAX / 1024)

static void fill(const char *source, unsigned from, unsigned count)
{
	char text[1024 - 29 + 1];

	for (unsigned i = from; i < from + count; i++) {
		memset(text, '.', sizeof(text));
		text[sizeof(text) - 1] = '\0';
		text[snprintf(text, sizeof(text), "line %u", i)] = ' ';
		put(source, text);
	}
}

static unsigned expected, seen;

static void check_number(void *arg, const char *time, const char *source, const char *line)
{
	unsigned number;

	(void)arg;
	(void)time;
	(void)source;
	assert_int_equal(sscanf(line, "line %u ", &number), 1);
	assert_int_equal(number, expected);
	expected++;
	seen++;
}

static void expect_numbers(const char *source, unsigned lines, unsigned first, unsigned count)
{
	expected = first;
	seen = 0;
	assert_int_equal(logstore_tail(store, "shop", source, lines, check_number, NULL), 0);
	assert_int_equal(seen, count);
}

static void test_rotation_is_exact(void **state)
{
	(void)state;
	fill("a", 0, PER_FILE);
	assert_int_equal(file_size("a.log"), LOGSTORE_FILE_MAX);
	assert_int_equal(file_size("a.log.1"), -1);
	fill("a", PER_FILE, 1);
	assert_int_equal(file_size("a.log"), 1024);
	assert_int_equal(file_size("a.log.1"), LOGSTORE_FILE_MAX);
	expect_numbers("a", 1, PER_FILE, 1);
	expect_numbers("a", 2, PER_FILE - 1, 2);
	expect_numbers("a", 5000, PER_FILE + 1 - 5000, 5000);
	expect_numbers(NULL, 5000, PER_FILE + 1 - 5000, 5000);
	expect_numbers("a", UINT32_MAX, 0, PER_FILE + 1);
	fill("a", PER_FILE + 1, 4 * PER_FILE);
	assert_int_equal(file_size("a.log.2"), LOGSTORE_FILE_MAX);
	assert_int_equal(file_size("a.log.3"), LOGSTORE_FILE_MAX);
	assert_int_equal(file_size("a.log.4"), -1);
	expect_numbers("a", LOGSTORE_TAIL_MAX, 5 * PER_FILE + 1 - LOGSTORE_TAIL_MAX,
		       LOGSTORE_TAIL_MAX);
	assert_int_equal(logstore_lost(store), 0);
}

static void test_tail_of_all_is_in_order(void **state)
{
	(void)state;
	assert_string_equal(tail(NULL, 10), "");
	assert_string_equal(tail("none", 10), "");
	put("b", "1");
	put("a", "2");
	put("gateway", "3");
	put("a", "4");
	assert_string_equal(tail(NULL, 10),
			    "678901Z b 1\n678902Z a 2\n678903Z gateway 3\n678904Z a 4\n");
	assert_string_equal(tail(NULL, 2), "678903Z gateway 3\n678904Z a 4\n");
	assert_string_equal(tail("a", 1), "678904Z a 4\n");
	assert_string_equal(tail(NULL, 0), "");
}

/* What somebody else wrote there does no harm. */
static void test_foreign_files(void **state)
{
	char command[512];

	(void)state;
	put("a", "1");
	snprintf(
		command, sizeof(command),
		"cd %s/shop && printf '\\n\\nno time\\n\\0\\0' >>a.log && head -c 100000 /dev/zero "
		">zero.log && mkdir b.log && ln -s /dev/zero c.log && ln -s nothing d.log && "
		": >empty.log && printf x >x.log",
		folder);
	assert_int_equal(system(command), 0);
	put("a", "2");
	put("a", "3");
	assert_string_equal(tail(NULL, 10), "678901Z a 1\n678903Z a 3\n");
	assert_int_equal(logstore_line(store, "shop", "b", now, "x", 1), -EISDIR);
}

static void test_many_sources_few_fds(void **state)
{
	int before = fds_count();
	char name[16];

	(void)state;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "fn-%d", i);
			put(name, "x");
		}
	assert_int_equal(fds_count() - before, LOGSTORE_OPEN_MAX);
	tail(NULL, 600);
	assert_int_equal(fds_count() - before, LOGSTORE_OPEN_MAX);
	assert_int_equal(got[got_len - 1], '\n');
	assert_int_equal(logstore_lost(store), 0);
	logstore_remove(store, "shop");
	assert_int_equal(fds_count(), before);
	assert_string_equal(tail(NULL, 600), "");
	put("fn-0", "again");
}

/* ---- followers ---- */

static struct logstore_listener followers[3];
static unsigned calls[3];

static void follow(void *arg, const char *chain, const char *source, const char *time,
		   const char *text)
{
	size_t i = (size_t)((struct logstore_listener *)arg - followers);

	assert_string_equal(chain, "shop");
	assert_string_equal(source, "a");
	assert_int_equal(strlen(time), 27);
	calls[i]++;
	if (strcmp(text, "go") == 0) { /* the first one called takes out the others */
		for (size_t k = 0; k < 3; k++)
			if (k != i)
				logstore_unlisten(store, &followers[k]);
	}
}

static void test_followers_come_and_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		followers[i] = (struct logstore_listener){ .line = follow, .arg = &followers[i] };
		logstore_listen(store, &followers[i]);
	}
	put("a", "one");
	assert_int_equal(calls[0] + calls[1] + calls[2], 3);
	put("a", "go");
	assert_int_equal(calls[0] + calls[1] + calls[2], 4);
	put("a", "two");
	assert_int_equal(calls[0] + calls[1] + calls[2], 5);
	for (size_t i = 0; i < 3; i++)
		logstore_unlisten(store, &followers[i]);
	put("a", "three");
	assert_int_equal(calls[0] + calls[1] + calls[2], 5);
}

static void test_sources_of_a_function(void **state)
{
	(void)state;
	put("detect-0", "one");
	put("detector-0", "two");
	put("detect-10", "three");
	put("detect-x-0", "four");
	put("gateway", "five");
	assert_string_equal(tail("detect", 10), "678901Z detect-0 one\n"
						"678903Z detect-10 three\n");
	assert_string_equal(tail("detect-10", 10), "678903Z detect-10 three\n");
	assert_string_equal(tail("gateway", 10), "678905Z gateway five\n");
	assert_string_equal(tail("det", 10), "");
}

#define STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE(test_form_of_a_line),       STORE(test_garbage_is_made_harmless),
		STORE(test_long_lines),           STORE(test_names_are_checked),
		STORE(test_rotation_is_exact),    STORE(test_tail_of_all_is_in_order),
		STORE(test_foreign_files),        STORE(test_sources_of_a_function),
		STORE(test_many_sources_few_fds), STORE(test_followers_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
