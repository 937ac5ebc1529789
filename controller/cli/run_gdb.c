// SPDX-License-Identifier: Apache-2.0
#include "controller/cli/run_gdb.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/cli.h"
#include "controller/cli/gdb.h"

static const char hint[] =
	"echo \\nEvery function is loaded, each is a thread (info threads). Set breakpoints, then:\\n"
	"    (gdb) continue\\nThe run ends when gdb does.\\n\\n";

static void gone(struct run_gdb *gdb)
{
	while (waitpid(gdb->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	if (gdb->is_terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &gdb->terminal);
	close(gdb->on_exit.fd);
	gdb->pid = 0;
}

static void on_exit(void *arg, uint32_t events)
{
	struct run_gdb *gdb = arg;
	int fd = gdb->on_exit.fd;

	(void)events;
	loop_remove(gdb->loop, &gdb->on_exit);
	gdb->on_exit.fd = fd;
	gone(gdb);
	gdb->on_end(gdb->arg);
}

static _Noreturn void child(struct run_gdb *gdb, pid_t on)
{
	const char *const ours[] = { "-ex", hint, NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	gdb_exec(on, ours, gdb->args, gdb->arg_count);
	_exit(CLI_FAILED);
}

int run_gdb_start(struct run_gdb *gdb, pid_t on)
{
	int r = 0;

	gdb->is_terminal = tcgetattr(STDIN_FILENO, &gdb->terminal) == 0;
	fflush(NULL);
	gdb->pid = fork();
	if (gdb->pid == 0)
		child(gdb, on);
	if (gdb->pid < 0)
		r = -errno;
	gdb->on_exit = (struct loop_source){ -1, on_exit, gdb };
	if (r == 0) {
		gdb->on_exit.fd = pidfd_open(gdb->pid, 0);
		r = gdb->on_exit.fd < 0 ? -errno : loop_add(gdb->loop, &gdb->on_exit, EPOLLIN);
	}
	if (r == 0)
		return 0;
	fprintf(stderr, "sprocket run: cannot start gdb: %s\n", strerror(-r));
	run_gdb_stop(gdb);
	return r;
}

void run_gdb_stop(struct run_gdb *gdb)
{
	if (gdb->pid <= 0)
		return;
	kill(gdb->pid, SIGKILL);
	gone(gdb);
}
