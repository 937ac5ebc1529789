/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_confine.c - see chain_confine.h.
 */
#include "controller/chain_confine.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controller/privilege.h"
#include "controller/sandbox_rules.h"
#include "sproxy/filter.h"

int chain_confine_make(struct chain_confinement *ret)
{
	int ruleset = sandbox_rules_new(), r = 0;

	if (ruleset >= 0) {
		r = sandbox_rules_add(ruleset, "/", SANDBOX_READ);
		if (r == 0)
			r = sandbox_rules_add(ruleset, "/dev/null", SANDBOX_DEVICE);
		if (r == 0)
			r = sandbox_rules_add(ruleset, "/tmp", SANDBOX_WRITE);
		/* Libraries have shared memory there, before main(); some machines do not. */
		if (r == 0 && access("/dev/shm", F_OK) == 0)
			r = sandbox_rules_add(ruleset, "/dev/shm", SANDBOX_WRITE);
	}
	if (r == 0)
		r = filter_function(0, &ret->filter);
	if (r < 0 && ruleset >= 0)
		close(ruleset);
	if (r == 0)
		ret->ruleset = ruleset < 0 ? -1 : ruleset;
	return r;
}

void chain_confine_done(struct chain_confinement *confinement)
{
	if (confinement->ruleset >= 0)
		close(confinement->ruleset);
	filter_free(&confinement->filter);
}

int chain_confine_enter(const struct chain_confinement *c)
{
	int r = 0;

	privilege_bound(PRIVILEGE_FILES);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (c->ruleset >= 0)
		r = sandbox_rules_enter(c->ruleset, -1);
	return r == 0 ? filter_install(&c->filter, false) : r;
}
