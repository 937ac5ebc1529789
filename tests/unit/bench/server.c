// SPDX-License-Identifier: Apache-2.0
/* server.c - see server.h. */
#include "tests/unit/bench/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/target/process.h"

static char folder[] = "/tmp/test target-XXXXXX"; /* with a blank */
char server_chain[64];

static void path_of(char path[128], const char *file)
{
	snprintf(path, 128, "%s/%s", folder, file);
}

void server_write(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *file;

	path_of(path, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

void server_read(const char *name, char text[256])
{
	char path[128];

	path_of(path, name);
	assert_true(bench_proc_read(path, text, 256) > 0);
	text[strcspn(text, "\n")] = '\0';
}

bool server_has(const char *name)
{
	char path[128];

	path_of(path, name);
	return access(path, F_OK) == 0;
}

unsigned server_left(void)
{
	char command[256], line[32] = "";
	FILE *list;

	snprintf(command, sizeof(command),
		 "grep -lz '^" BENCH_MARK "=%d-' /proc/[0-9]*/environ 2>/dev/null | wc -l",
		 (int)getpid());
	list = popen(command, "r");
	assert_non_null(list);
	assert_non_null(fgets(line, sizeof(line), list));
	pclose(list);
	return (unsigned)atoi(line);
}

int server_setup(void **state)
{
	char path[128];

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	path_of(path, "controller");
	mkdir(path, 0755);
	server_write("chain.yaml", "# read by nobody\n", 0644);
	snprintf(server_chain, sizeof(server_chain), "%s/chain.yaml", folder);
	return setenv("SPROCKET_BUILD", folder, 1);
}

int server_teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

int server_start(const char *script, const struct bench_target_options *options,
		 struct bench_target *ret, char error[BENCH_ERROR_TEXT])
{
	char text[2048];

	snprintf(text, sizeof(text), "#!/bin/sh\nF='%s'\n%s", folder, script);
	server_write("controller/sprocket", text, 0755);
	return bench_target_start(server_chain, options, ret, error);
}

void server_start_good(const char *script, struct bench_target *ret)
{
	struct bench_target_options options = { .stop_timeout_s = 1 };
	char error[BENCH_ERROR_TEXT];

	if (server_start(script, &options, ret, error) < 0)
		fail_msg("%s", error);
}

void server_start_bad(const char *script, int code, const char *words)
{
	struct bench_target_options options = { .start_timeout_s = 1 };
	struct bench_target t = { .pid = 1 };
	char error[BENCH_ERROR_TEXT];

	assert_int_equal(server_start(script, &options, &t, error), code);
	if (!strstr(error, words))
		fail_msg("expected \"%s\" in \"%s\"", words, error);
	assert_int_equal(t.pid, 1); /* untouched */
	assert_int_equal(server_left(), 0);
}

void server_stop_bad(struct bench_target *t, int code, const char *words)
{
	char error[BENCH_ERROR_TEXT];

	assert_int_equal(bench_target_stop(t, error), code);
	if (!strstr(error, words))
		fail_msg("expected \"%s\" in \"%s\"", words, error);
	assert_int_equal(server_left(), 0);
}

void server_stop_good(struct bench_target *t)
{
	char error[BENCH_ERROR_TEXT];

	if (bench_target_stop(t, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(server_left(), 0);
}
