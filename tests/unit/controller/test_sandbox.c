/* SPDX-License-Identifier: Apache-2.0 */
/* What sandboxes are made of: users that are nobody else's, paths, and when another is needed. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/sandbox.h"
#include "controller/sandbox_paths.h"
#include "controller/sandbox_user.h"

static unsigned resolved; /* paths */

char *__real_realpath(const char *path, char *ret);
char *__wrap_realpath(const char *path, char *ret);

char *__wrap_realpath(const char *path, char *ret)
{
	resolved++;
	return __real_realpath(path, ret);
}

static char folder[] = "/tmp/sprocket-sandbox-XXXXXX";
static struct chain *chain;

static void file_write(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "we");
	assert_non_null(out);
	fputs(text, out);
	fchmod(fileno(out), mode);
	fclose(out);
}

static int setup(void **state)
{
	char text[1024], data[128];

	(void)state;
	if (geteuid() != 0 || !mkdtemp(folder))
		return -1;
	chmod(folder, 0755);
	snprintf(data, sizeof(data), "%s/data", folder);
	mkdir(data, 0700);
	file_write("run", "#!/bin/sh\nexit 0\n", 0755);
	file_write("key", "one", 0400);
	snprintf(text, sizeof(text),
		 "apiVersion: sprocket.dev/v1alpha1\nkind: Chain\nmetadata: {name: s}\nspec:\n"
		 "  ingress: [{http: {path: /}}]\n"
		 "  functions: [{name: f, exec: %s/run, secrets: {k: %s/key}},\n"
		 "              {name: g, exec: %s/run, security: {files: {write: [%s]}}}]\n"
		 "  steps: [f, g]\n",
		 folder, folder, folder, data);
	return chain_parse("s.yaml", text, strlen(text), CHAIN_NO_DESCRIBE, stderr, &chain, NULL);
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	chain_free(chain);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

static void test_user_is_nobody_elses(void **state)
{
	uid_t a, b, c;
	int one = sandbox_user_take("same", &a), two = sandbox_user_take("same", &b), copy, three;

	(void)state;
	assert_true(one >= 0 && two >= 0);
	assert_true(a >= SANDBOX_UID_FIRST && b >= SANDBOX_UID_FIRST);
	assert_int_not_equal(a, b);
	/* A copy holds it. */
	copy = fcntl(one, F_DUPFD_CLOEXEC, 3);
	close(one);
	three = sandbox_user_take("same", &c);
	assert_int_not_equal(c, a);
	close(three);
	close(copy);
	three = sandbox_user_take("same", &c);
	assert_int_equal(c, a);
	close(two);
	close(three);
}

static void test_user_is_ended(void **state)
{
	uid_t user;
	int fd = sandbox_user_take("ended", &user), status, ready[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		setsid();
		if (setresuid(user, user, user) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	sandbox_user_end(user);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ready[0]);
	close(ready[1]);
	close(fd);
}

#define ROUNDS 20

/* One that stops whoever comes to end it, as fast as it can: landlock, which would keep its signals
 * back, is not everywhere. */
static void stopper_end(const int ready[2], uid_t user)
{
	int status;
	char byte;
	pid_t pid = fork();

	if (pid == 0) {
		if (setresuid(user, user, user) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			kill(-1, SIGSTOP);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	sandbox_user_end(user);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_user_that_stops_others_is_ended(void **state)
{
	int fd, ready[2];
	uid_t user;

	(void)state;
	fd = sandbox_user_take("stops", &user);
	assert_true(fd >= 0);
	assert_int_equal(pipe(ready), 0);
	alarm(20); /* waiting for ever is what must not be */
	for (int i = 0; i < ROUNDS; i++)
		stopper_end(ready, user);
	alarm(0);
	close(ready[0]);
	close(ready[1]);
	close(fd);
}

static struct sandbox *sandbox_make(void)
{
	char why[SANDBOX_WHY_MAX];
	struct sandbox *sandbox = NULL;

	assert_int_equal(sandbox_new(chain, SANDBOX_UID_FIRST, NULL, &sandbox, why), 0);
	return sandbox;
}

static void test_another_is_needed_when_something_changed(void **state)
{
	struct sandbox *sandbox = sandbox_make();
	struct chain_security *security = &chain->functions[0].security;

	(void)state;
	assert_string_equal(sandbox_lacks(sandbox), "");
	assert_true(sandbox_fits(sandbox, chain));
	file_write("run", "#!/bin/sh\nexit 1\n", 0755); /* another program is no reason */
	assert_true(sandbox_fits(sandbox, chain));
	security->calls = 1;
	assert_false(sandbox_fits(sandbox, chain));
	security->calls = 0;
	security->host_network = true;
	assert_false(sandbox_fits(sandbox, chain));
	security->host_network = false;
	assert_true(sandbox_fits(sandbox, chain));
	file_write("key", "another", 0400);
	assert_false(sandbox_fits(sandbox, chain));
	sandbox_free(sandbox);
}

static const struct sandbox_path *path_find(const struct sandbox_paths *paths, const char *path)
{
	for (size_t i = 0; i < paths->count; i++)
		if (!strcmp(paths->items[i].path, path))
			return &paths->items[i];
	return NULL;
}

static void test_paths_of_programs(void **state)
{
	const struct sandbox_path *program, *data;
	struct sandbox_paths paths;
	char path[128];

	(void)state;
	assert_int_equal(sandbox_paths_find(chain, &paths), 0);
	program = path_find(&paths, folder);
	assert_non_null(program);
	assert_int_equal(program->users, 3);
	assert_int_equal(program->writers, 0);
	snprintf(path, sizeof(path), "%s/data", folder);
	data = path_find(&paths, path);
	assert_non_null(data);
	assert_int_equal(data->users, 2);
	assert_int_equal(data->writers, 2);
	assert_null(path_find(&paths, "/tmp"));
	sandbox_paths_free(&paths);
}

static unsigned resolved_for(uint32_t functions)
{
	struct sandbox_paths paths;
	uint32_t all = chain->function_count;

	chain->function_count = functions;
	resolved = 0;
	assert_int_equal(sandbox_paths_find(chain, &paths), 0);
	sandbox_paths_free(&paths);
	chain->function_count = all;
	return resolved;
}

/* The starts of all of them wait for it. */
static void test_program_of_many_is_looked_at_once(void **state)
{
	unsigned of_one = resolved_for(1);

	(void)state;
	assert_true(of_one > 0);
	assert_int_equal(resolved_for(2), of_one + 1); /* what it writes */
}

/* The thread sanitizer has a thread of its own in each process: that cannot change its root. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREADED
#endif
#endif

#ifndef THREADED
/* In a child, as what is entered is not left. */
static int entered(const struct sandbox_child *c)
{
	char path[128];
	FILE *in;

	if (sandbox_enter(c) || sandbox_rights_drop(c) || sandbox_close(c, -1))
		return 1;
	snprintf(path, sizeof(path), "%s/k", c->secrets);
	in = fopen(path, "re");
	if (!in || fgetc(in) == EOF)
		return 2;
	fclose(in);
	snprintf(path, sizeof(path), "%s/run", folder);
	if (access(path, R_OK) < 0 || access(path, W_OK) == 0)
		return 3;
	snprintf(path, sizeof(path), "%s/key", folder); /* of root, 0400 */
	if (access(path, R_OK) == 0 || access("/root", F_OK) == 0)
		return 4;
	return getuid() == SANDBOX_UID_FIRST && getgid() == SANDBOX_UID_FIRST ? 0 : 5;
}

static void test_entered(void **state)
{
	struct sandbox *sandbox;
	int status;
	pid_t pid;

	(void)state;
	sandbox = sandbox_make();
	pid = fork();
	if (pid == 0)
		_exit(entered(sandbox_child(sandbox, 0)));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	sandbox_free(sandbox);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user_is_nobody_elses),
		cmocka_unit_test(test_user_is_ended),
		cmocka_unit_test(test_user_that_stops_others_is_ended),
		cmocka_unit_test(test_another_is_needed_when_something_changed),
		cmocka_unit_test(test_paths_of_programs),
		cmocka_unit_test(test_program_of_many_is_looked_at_once),
#ifndef THREADED
		cmocka_unit_test(test_entered),
#endif
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP namespaces need root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
