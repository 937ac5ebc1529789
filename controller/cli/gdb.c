// SPDX-License-Identifier: Apache-2.0
#include "controller/cli/gdb.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/cli.h"
#include "controller/programs.h"

#define OURS_MAX 16

static const char hint[] =
	"echo Requests that wait for calls: sprocket requests; where: sprocket bt NUMBER\\n\\n";

static bool is_program(const char *name)
{
	const char *folders = getenv("PATH");
	char path[4096];

	while (folders && *folders) {
		size_t len = strcspn(folders, ":");

		snprintf(path, sizeof(path), "%.*s/%s", (int)len, folders, name);
		if (access(path, X_OK) == 0)
			return true;
		folders += len + (folders[len] == ':');
	}
	return false;
}

int gdb_check(const char *command)
{
	if (!is_program("gdb")) {
		fprintf(stderr, "sprocket %s: there is no gdb here: apt-get install gdb\n",
			command);
		return CLI_FAILED;
	}
	if (geteuid() != 0) {
		fprintf(stderr, "sprocket %s: functions can be debugged by root alone: use sudo\n",
			command);
		return CLI_UNPRIVILEGED;
	}
	return CLI_OK;
}

void gdb_exec(pid_t pid, const char *const *ours, char **more, int more_count)
{
	char number[16], script[CHAIN_PATH_MAX];
	/* The SIGSTOP that the process waits in is no news. */
	const char *begin[] = {
		"gdb",  "-q",
		"-iex", "set confirm off",
		"-iex", "set breakpoint pending on",
		"-iex", "handle SIGSTOP nostop noprint nopass",
		"-p",   number,
	};
	const char *args[sizeof(begin) / sizeof(begin[0]) + OURS_MAX + GDB_ARGS_MAX + 5];
	int count = sizeof(begin) / sizeof(begin[0]);

	snprintf(number, sizeof(number), "%d", (int)pid);
	memcpy(args, begin, sizeof(begin));
	for (int i = 0; i < OURS_MAX && ours[i]; i++)
		args[count++] = ours[i];
	/* The script is text in a package: gdb does without when somebody removed it. */
	if (programs_gdb_script(script) == 0) {
		args[count++] = "-x";
		args[count++] = script;
		args[count++] = "-ex";
		args[count++] = hint;
	}
	for (int i = 0; i < GDB_ARGS_MAX && i < more_count; i++)
		args[count++] = more[i];
	args[count] = NULL;
	execvp("gdb", (char **)(uintptr_t)args); /* takes no const, changes nothing */
	perror("sprocket: gdb");
}
