/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_confine.c - see chain_confine.h.
 */
#include "controller/chain_confine.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "controller/clock.h"
#include "controller/privilege.h"
#include "controller/sandbox_rules.h"
#include "controller/sandbox_user.h"
#include "sproxy/filter.h"

#define PROCESSES_MAX 128 /* and threads */

/* Returns 0 and *ret, -1 where the kernel has no such thing; or -errno. */
static int ruleset_make(int *ret)
{
	int ruleset = sandbox_rules_new(), r;

	*ret = -1;
	if (ruleset < 0)
		return 0;
	r = sandbox_rules_add(ruleset, "/", SANDBOX_READ);
	if (r == 0)
		r = sandbox_rules_add(ruleset, "/dev/null", SANDBOX_DEVICE);
	if (r == 0)
		r = sandbox_rules_add(ruleset, "/tmp", SANDBOX_WRITE);
	/* Libraries have shared memory there, before main(); some machines do not. */
	if (r == 0 && access("/dev/shm", F_OK) == 0)
		r = sandbox_rules_add(ruleset, "/dev/shm", SANDBOX_WRITE);
	if (r == 0)
		*ret = ruleset;
	else
		close(ruleset);
	return r;
}

/* Root could read every file of the machine, and what it left behind would be root's. Another number
 * each time: processes of the one before may still be dying, and count. */
static int user_take(struct chain_confinement *ret)
{
	char name[32];

	if (geteuid() != 0 || !privilege_has(CAP_SETUID) || !privilege_has(CAP_SETGID))
		return 0;
	snprintf(name, sizeof(name), "%" PRIu64, clock_ns(CLOCK_MONOTONIC));
	ret->user_fd = sandbox_user_take(name, &ret->user);
	return ret->user_fd < 0 ? ret->user_fd : 0;
}

int chain_confine_make(struct chain_confinement *ret)
{
	struct chain_confinement made = { .ruleset = -1, .user_fd = -1 };
	int r = ruleset_make(&made.ruleset);

	if (r == 0)
		r = user_take(&made);
	if (r == 0)
		r = filter_function(0, &made.filter);
	if (r == 0) {
		*ret = made;
		return 0;
	}
	if (made.ruleset >= 0)
		close(made.ruleset);
	if (made.user_fd >= 0)
		close(made.user_fd);
	return r;
}

void chain_confine_done(struct chain_confinement *confinement)
{
	if (confinement->ruleset >= 0)
		close(confinement->ruleset);
	confinement->ruleset = -1;
	filter_free(&confinement->filter);
}

void chain_confine_end(struct chain_confinement *confinement)
{
	if (confinement->user_fd < 0)
		return;
	sandbox_user_end(confinement->user);
	close(confinement->user_fd);
	confinement->user_fd = -1;
}

/* It is in no control group: how many processes it may have is a limit of its user's. */
static int user_become(uid_t user)
{
	const struct rlimit few = { PROCESSES_MAX, PROCESSES_MAX };

	if (setrlimit(RLIMIT_NPROC, &few) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0)
		return -errno;
	return 0;
}

int chain_confine_enter(const struct chain_confinement *c)
{
	int r = 0;

	privilege_bound(0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (c->ruleset >= 0)
		r = sandbox_rules_enter(c->ruleset, -1);
	if (r == 0 && c->user_fd >= 0)
		r = user_become(c->user);
	return r == 0 ? filter_install(&c->filter, false) : r;
}
