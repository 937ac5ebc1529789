// SPDX-License-Identifier: Apache-2.0
/*
 * test_front.c - the daemon's tables of the front: routes, and files that change.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/daemon/front_files.h"
#include "controller/daemon/front_routes.h"

static char a_example[] = "a.example", slash[] = "/*", x[] = "/x";
static const struct chain_ingress both[] = { { .path = slash, .max_body = 1 },
					     { .host = a_example, .path = x, .max_body = 2 } };

static void test_routes_are_replaced_by_chain(void **state)
{
	struct front_routes routes = { NULL, 0 };
	struct front_route read_back[2];
	int fd;

	(void)state;
	assert_int_equal(front_routes_add(&routes, "one", "/1.sock", both, 2), 0);
	assert_int_equal(front_routes_add(&routes, "two", "/2.sock", both, 1), 0);
	assert_int_equal(front_routes_add(&routes, "one", "/3.sock", both + 1, 1), 0);
	assert_int_equal(routes.count, 2);
	fd = front_routes_memfd(&routes);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, read_back, sizeof(read_back), 0), sizeof(read_back));
	close(fd);
	assert_string_equal(read_back[0].chain, "two");
	assert_string_equal(read_back[0].host, "");
	assert_string_equal(read_back[1].socket, "/3.sock");
	assert_string_equal(read_back[1].host, "a.example");
	assert_int_equal(read_back[1].max_body, 2);
	assert_true(front_routes_remove(&routes, "one"));
	assert_false(front_routes_remove(&routes, "one"));
	assert_int_equal(routes.count, 1);
	front_routes_done(&routes);
}

static void test_a_route_that_does_not_fit_changes_nothing(void **state)
{
	struct front_routes routes = { NULL, 0 };
	struct chain_ingress *many = calloc(FRONT_ROUTE_MAX, sizeof(*many));
	char longest[200];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	for (uint32_t i = 0; i < FRONT_ROUTE_MAX; i++)
		many[i].path = x;
	assert_int_equal(front_routes_add(&routes, "one", "/1.sock", both, 1), 0);
	assert_int_equal(front_routes_add(&routes, "two", longest, both, 1), -ENAMETOOLONG);
	assert_int_equal(front_routes_add(&routes, "two", "/2", many, FRONT_ROUTE_MAX), -ENOSPC);
	assert_int_equal(routes.count, 1);
	assert_int_equal(front_routes_add(&routes, "one", "/2", many, FRONT_ROUTE_MAX), 0);
	front_routes_done(&routes);
	free(many);
}

static void test_two_chains_with_one_path_conflict(void **state)
{
	struct front_routes routes = { NULL, 0 };
	char why[256] = "";

	(void)state;
	front_routes_add(&routes, "one", "/1.sock", both + 1, 1);
	assert_false(front_routes_conflict(&routes, "two", both, 1, why, sizeof(why)));
	assert_false(front_routes_conflict(&routes, "one", both, 2, why, sizeof(why)));
	assert_true(front_routes_conflict(&routes, "two", both, 2, why, sizeof(why)));
	assert_string_equal(why,
			    "path \"/x\" of host a.example is taken by chain \"one\": give the "
			    "ingress another host or path");
	front_routes_done(&routes);
}

/* ---- files ---- */

struct changes {
	struct loop loop;
	struct loop_timer deadline;
	int count;
};

static void on_change(void *arg)
{
	struct changes *c = arg;

	c->count++;
	loop_stop(&c->loop);
}

static void on_deadline(void *arg)
{
	loop_stop(&((struct changes *)arg)->loop);
}

static void changes_wait(struct changes *c)
{
	c->count = 0;
	loop_arm(&c->loop, &c->deadline, 5000000000ULL);
	assert_int_equal(loop_run(&c->loop), 0);
	loop_disarm(&c->loop, &c->deadline);
	assert_int_equal(c->count, 1);
}

static void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_files_are_read_again_when_they_change(void **state)
{
	char folder[] = "/tmp/front-XXXXXX", cert[64], key[64], other[64];
	const char *paths[FRONT_FILES] = { cert, key, NULL }, *bad = NULL;
	struct front_files files;
	struct changes c = { .deadline = { .on_time = on_deadline, .arg = &c } };
	int fds[FRONT_FILES];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(cert, sizeof(cert), "%s/cert", folder);
	snprintf(key, sizeof(key), "%s/key", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	file_write(cert, "C");
	assert_int_equal(loop_init(&c.loop), 0);
	assert_int_equal(front_files_init(&files, &c.loop, paths, on_change, &c), 0);
	assert_int_equal(front_files_read(&files, &bad), -ENOENT);
	assert_string_equal(bad, key);
	file_write(key, "K");
	changes_wait(&c);
	assert_int_equal(front_files_read(&files, &bad), 1);
	assert_int_equal(front_files_read(&files, &bad), 0);
	assert_int_equal(front_files_memfds(&files, fds), 2);
	close(fds[0]);
	close(fds[1]);
	file_write(other, "C2"); /* in place by a rename */
	assert_int_equal(rename(other, cert), 0);
	changes_wait(&c);
	assert_int_equal(front_files_read(&files, &bad), 1);
	assert_memory_equal(files.bytes[0].data, "C2", 2);
	unlink(key);
	assert_int_equal(front_files_read(&files, &bad), -ENOENT);
	assert_memory_equal(files.bytes[1].data, "K", 1);
	front_files_done(&files);
	loop_done(&c.loop);
	unlink(cert);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_are_replaced_by_chain),
		cmocka_unit_test(test_a_route_that_does_not_fit_changes_nothing),
		cmocka_unit_test(test_two_chains_with_one_path_conflict),
		cmocka_unit_test(test_files_are_read_again_when_they_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
