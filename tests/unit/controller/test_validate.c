/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_validate.c - the command `sprocket validate`: exit codes, and what goes where.
 *
 * Arguments: the folder of chain files, the path of describe_fixture.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/cli/cli.h"
#include "tests/unit/controller/chain_files.h"

static char data_folder[PATH_MAX];

struct command {
	int code;
	char *out;
	char *err;
};

/* Points fd `fd` at a fresh file. Returns what it was. */
static int redirect(int fd, const char *path)
{
	int old = dup(fd), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(old >= 0 && file >= 0);
	dup2(file, fd);
	close(file);
	return old;
}

static void restore(int fd, int old)
{
	dup2(old, fd);
	close(old);
}

static struct command run(const char *a, const char *b, const char *c)
{
	char name[] = "validate";
	char *argv[] = { name, a ? strdup(a) : NULL, b ? strdup(b) : NULL, c ? strdup(c) : NULL,
			 NULL };
	struct command command;
	int out, err, argc = 1;
	size_t len;

	while (argv[argc])
		argc++;
	fflush(NULL);
	out = redirect(1, "out.txt");
	err = redirect(2, "err.txt");
	command.code = cli_validate(argc, argv);
	fflush(NULL);
	restore(1, out);
	restore(2, err);
	command.out = chain_files_read("out.txt", &len);
	command.err = chain_files_read("err.txt", &len);
	for (int i = 1; i < 4; i++)
		free(argv[i]);
	return command;
}

static void done(struct command *command)
{
	free(command->out);
	free(command->err);
}

/* Copies a chain file to where the executables are. */
static void copy_data(const char *name)
{
	char path[2 * PATH_MAX];
	size_t len;
	char *text;
	FILE *file = fopen(name, "w");

	snprintf(path, sizeof(path), "%s/%s", data_folder, name);
	text = chain_files_read(path, &len);
	assert_non_null(text);
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	fclose(file);
	free(text);
}

static void test_valid(void **state)
{
	struct command command = run("parking.yaml", NULL, NULL);

	(void)state;
	assert_int_equal(command.code, CLI_OK);
	assert_int_equal(strncmp(command.out,
				 "parking.yaml: valid: 4 functions, 6 routes, "
				 "pool 64Mi (",
				 54),
			 0);
	assert_string_equal(command.err, "");
	done(&command);
}

static void test_calls_and_joins_are_counted(void **state)
{
	struct command command = run("calls.yaml", "joins.yaml", NULL);

	(void)state;
	assert_int_equal(command.code, CLI_OK);
	assert_non_null(strstr(command.out,
			       "calls.yaml: valid: 6 functions, 6 routes, 4 calls, p"));
	assert_non_null(strstr(command.out,
			       "joins.yaml: valid: 6 functions, 7 routes, 3 joins, p"));
	done(&command);
}

static void test_invalid_among_valid(void **state)
{
	struct command command = run("parking.yaml", "route_names.yaml", "steps.yaml");

	(void)state;
	assert_int_equal(command.code, CLI_FAILED);
	assert_non_null(strstr(command.out, "parking.yaml: valid"));
	assert_non_null(strstr(command.out, "steps.yaml: valid"));
	assert_null(strstr(command.out, "route_names"));
	assert_non_null(strstr(command.err, "route_names.yaml:14:12: route from \"serch\": no such "
					    "function. Did you mean \"search\"?\n"));
	done(&command);
	command = run("missing.yaml", NULL, NULL);
	assert_int_equal(command.code, CLI_FAILED);
	done(&command);
}

static void test_no_describe(void **state)
{
	struct command command = run("describe.yaml", "--no-describe", NULL);

	(void)state;
	assert_int_equal(command.code, CLI_OK);
	assert_non_null(strstr(command.out, "describe.yaml: valid: 17 functions, 18 routes"));
	done(&command);
}

static void test_usage(void **state)
{
	struct command command = run(NULL, NULL, NULL);

	(void)state;
	assert_int_equal(command.code, CLI_USAGE);
	assert_non_null(strstr(command.err, "usage: sprocket validate"));
	done(&command);
	command = run("--no-such-option", "parking.yaml", NULL);
	assert_int_equal(command.code, CLI_USAGE);
	done(&command);
	command = run("--help", NULL, NULL);
	assert_int_equal(command.code, CLI_OK);
	assert_non_null(strstr(command.out, "usage: sprocket validate"));
	done(&command);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_calls_and_joins_are_counted),
		cmocka_unit_test(test_invalid_among_valid),
		cmocka_unit_test(test_no_describe),
		cmocka_unit_test(test_usage),
	};
	int failed;

	if (argc != 3 || !realpath(argv[1], data_folder)) {
		fprintf(stderr, "usage: test_validate CHAINS DESCRIBE_FIXTURE\n");
		return 2;
	}
	chain_files_enter(argv[2]);
	copy_data("calls.yaml");
	copy_data("joins.yaml");
	copy_data("parking.yaml");
	copy_data("steps.yaml");
	copy_data("route_names.yaml");
	copy_data("describe.yaml");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	chain_files_leave();
	return failed;
}
