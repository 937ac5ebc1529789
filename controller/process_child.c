// SPDX-License-Identifier: Apache-2.0
#include "controller/process_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/chain_run.h"
#include "controller/privilege.h"
#include "controller/sandbox.h"
#include "sproxy/wiring.h"

static void child_pin(const struct process_spec *spec)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (uint32_t i = 0; i < spec->cpu_count; i++)
		CPU_SET(spec->cpus[i], &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void child_environment(const struct process_spec *spec, int wiring)
{
	char number[16];

	for (size_t i = 0; spec->env && i < spec->env->count; i++)
		setenv(spec->env->items[i].key, spec->env->items[i].value, 1);
	snprintf(number, sizeof(number), "%d", wiring);
	setenv(WIRING_ENV, number, 1);
	if (spec->sandbox && spec->sandbox->secrets[0])
		setenv(SANDBOX_SECRETS_ENV, spec->sandbox->secrets, 1);
}

static void child_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

/* No child needs a right: the kernel's objects come to it as fds. */
static void child_rights_drop(const struct process_spec *spec)
{
	uint64_t keep = spec->read_only ? 0 : PRIVILEGE_FILES;

	if (spec->changes_user)
		keep |= UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID |
			UINT64_C(1) << CAP_SETPCAP; /* these end with root, by its own hand */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	privilege_bound(keep);
}

static void child_cgroups_join(const struct process_spec *spec)
{
	for (const int *fd = spec->cgroup_fds; fd && *fd >= 0; fd++)
		if (write(*fd, "0", 1) < 0)
			fprintf(stderr, "cannot join its control group: %s\n", strerror(errno));
}

static void child_core(const struct process_spec *spec)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	const char *folder = spec->core_folder;

	if (!folder) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		return;
	}
	if (setrlimit(RLIMIT_CORE, &limit) < 0 && getrlimit(RLIMIT_CORE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_CORE, &limit);
	}
	if (spec->sandbox && spec->sandbox->mount_ns >= 0)
		folder = spec->sandbox->cores ? SANDBOX_CORES : "/";
	else if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		fprintf(stderr, "cannot make %s: %s\n", folder, strerror(errno));
	if (chdir(folder) < 0)
		fprintf(stderr, "no cores: cannot go to %s: %s\n", folder, strerror(errno));
}

/* Says why to its log, and to the controller: of a chain that does not start nobody sees a log. */
__attribute__((format(printf, 2, 3))) static _Noreturn void child_give_up(int wiring,
									  const char *format, ...)
{
	struct wiring_msg msg = { .type = WIRING_FAILED };
	va_list args;

	va_start(args, format);
	vsnprintf(msg.text, sizeof(msg.text), format, args);
	va_end(args);
	fprintf(stderr, "%s\n", msg.text);
	wiring_send(wiring, &msg, sizeof(msg), NULL, 0);
	_exit(127);
}

/* Into the sandbox, up to what would keep it from being started. */
static void child_enter(const struct process_spec *spec, int wiring)
{
	const char *wrong = spec->sandbox ? sandbox_enter(spec->sandbox) : NULL;

	if (wrong)
		child_give_up(wiring, "%s: %s", wrong, strerror(errno));
	child_core(spec);
	if (!spec->sandbox) {
		child_rights_drop(spec);
		return;
	}
	wrong = sandbox_rights_drop(spec->sandbox);
	if (wrong)
		child_give_up(wiring, "%s: %s", wrong, strerror(errno));
}

static void child_sandbox_close(const struct process_spec *spec, int wiring)
{
	const char *wrong = spec->sandbox ? sandbox_close(spec->sandbox, spec->exec_fd) : NULL;

	if (wrong)
		child_give_up(wiring, "%s: %s", wrong, strerror(errno));
}

static _Noreturn void child_exec_failed(const struct process_spec *spec, int wiring, int error)
{
	if (error == EACCES && spec->sandbox && spec->sandbox->own_user)
		child_give_up(wiring,
			      "user %u may not read or execute its program: security: {user: "
			      "keep}, or chmod a+rx %s",
			      (unsigned)spec->sandbox->uid, spec->path);
	child_give_up(wiring, "cannot execute %s: %s", spec->path, strerror(error));
}

/* Unless it is to outlive us. Another user is another one to die with, to the kernel: said
 * again after that. */
static void child_die_with(const struct process_spec *spec, pid_t parent)
{
	if (spec->detached)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
}

/* A process of its own group; unless detached it dies with `parent`. */
static void child_bind(const struct process_spec *spec, pid_t parent)
{
	if (spec->detached) {
		setsid();
		return;
	}
	setpgid(0, 0);
	child_die_with(spec, parent);
}

/* Until exec a child holds all that we have open: stopped, it would keep our lock, our
 * listeners and our clients' connections from ending with us. */
static void child_stop(int wiring, int exec_fd)
{
	unsigned low = (unsigned)wiring, high = (unsigned)(exec_fd >= 0 ? exec_fd : wiring);

	if (low > high) {
		low = high;
		high = (unsigned)wiring;
	}
	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
	raise(SIGSTOP);
}

_Noreturn void process_child_run(const struct process_spec *spec, int wiring, int log, pid_t parent)
{
	char *argv[] = { (char *)(uintptr_t)spec->name, NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	child_bind(spec, parent);
	child_signals();
	child_pin(spec);
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	fcntl(wiring, F_SETFD, 0);
	child_environment(spec, wiring);
	child_cgroups_join(spec);
	child_enter(spec, wiring);
	child_die_with(spec, parent);
	child_sandbox_close(spec, wiring);
	if (spec->stopped)
		child_stop(wiring, spec->exec_fd);
	if (spec->exec_fd >= 0)
		chain_run_file(spec->exec_fd, argv);
	else
		execv(spec->path, argv);
	child_exec_failed(spec, wiring, errno);
}
