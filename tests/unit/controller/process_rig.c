// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/controller/process_rig.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000

char child_folder[] = "/tmp/sprocket-process-XXXXXX";
char child_file[64];
static const uint32_t cpu;

void child_write(const char *text)
{
	char path[80];
	FILE *out;

	snprintf(path, sizeof(path), "%s.new", child_file);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fchmod(fileno(out), 0755), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(rename(path, child_file), 0);
}

struct process_spec child_spec(void)
{
	return (struct process_spec){
		.path = child_file, .name = "child", .cpus = &cpu, .cpu_count = 1, .exec_fd = -1
	};
}

void child_wait(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

const char *child_line(int log)
{
	static char line[256];
	size_t used = 0;

	while (used < sizeof(line) - 1) {
		child_wait(log);
		if (read(log, line + used, 1) != 1 || line[used] == '\n')
			break;
		used++;
	}
	line[used] = '\0';
	return line;
}

int child_reap(struct process *process, char how[96])
{
	int status;

	child_wait(process->pidfd);
	status = process_reap(process, how, 96);
	process_done(process);
	return status;
}

void child_expect(struct process *process, const char *how)
{
	char text[96];

	child_reap(process, text);
	assert_string_equal(text, how);
}

int child_setup(void **state)
{
	(void)state;
	if (!mkdtemp(child_folder))
		return -1;
	snprintf(child_file, sizeof(child_file), "%s/child", child_folder);
	return 0;
}

int child_teardown(void **state)
{
	char command[80];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", child_folder);
	return system(command) == 0 ? 0 : -1;
}
