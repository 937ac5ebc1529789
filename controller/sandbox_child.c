// SPDX-License-Identifier: Apache-2.0
/* The child's way into a sandbox: system calls only, as it is after fork. */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controller/privilege.h"
#include "controller/sandbox.h"
#include "controller/sandbox_rules.h"
#include "sproxy/filter.h"

static void limit(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(what, &now) == 0 && now.rlim_max > most)
		setrlimit(what, &(struct rlimit){ most, most });
}

const char *sandbox_enter(const struct sandbox_child *c)
{
	if (c->net_ns >= 0 && setns(c->net_ns, CLONE_NEWNET) < 0)
		return "cannot enter its network namespace";
	/* Last: then the controller's files are out of reach. */
	if (c->mount_ns >= 0 && setns(c->mount_ns, CLONE_NEWNS) < 0)
		return "cannot enter its mount namespace";
	limit(RLIMIT_NOFILE, SANDBOX_FILES_MAX);
	limit(RLIMIT_MEMLOCK, SANDBOX_LOCKED_MAX);
	limit(RLIMIT_MSGQUEUE, 0);
	limit(RLIMIT_RTPRIO, 0);
	limit(RLIMIT_NICE, 0);
	if (c->own_user)
		limit(RLIMIT_NPROC, SANDBOX_PROCESSES_MAX);
	umask(022);
	return NULL;
}

const char *sandbox_rights_drop(const struct sandbox_child *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	privilege_bound(c->own_user ? 0 : PRIVILEGE_FILES);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return "cannot give up new rights";
	if (!c->own_user)
		return NULL;
	/* What it logs goes into a pipe of ours, which it may open again (/dev/stderr). */
	if (fchown(STDERR_FILENO, c->uid, c->gid) < 0 && errno != EPERM)
		return "cannot give it its log";
	if (setgroups(0, NULL) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
	    setresuid(c->uid, c->uid, c->uid) < 0)
		return "cannot become its user";
	if (syscall(SYS_capset, &head, none) < 0)
		return "cannot give up its rights";
	return NULL;
}

const char *sandbox_close(const struct sandbox_child *c, int exec_fd)
{
	int r;

	if (c->ruleset >= 0 && sandbox_rules_enter(c->ruleset, exec_fd) < 0)
		return "cannot restrict its files";
	if (c->filter.len == 0)
		return NULL;
	r = filter_install(&c->filter, false);
	errno = -r;
	return r < 0 ? "cannot restrict its system calls" : NULL;
}
