// SPDX-License-Identifier: Apache-2.0
#include "gateway/rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sproxy/filter.h"
#include "sproxy/filter_programs.h" /* of filter_print.c */

static int filter_enter(const struct sock_filter *filter, size_t size)
{
	struct sock_fprog program = { .len = (unsigned short)(size / sizeof(*filter)),
				      .filter = (struct sock_filter *)(uintptr_t)filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return filter_install(&program, true);
}

int gw_rights_drop_front(void)
{
	return filter_enter(filter_of_front, sizeof(filter_of_front));
}

int gw_rights_drop(uint32_t user)
{
	/* Nor may they come back by a program, if ever one were executed. */
	for (unsigned long cap = 0; user > 0 && cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	/* Its capabilities go with root. */
	if (user > 0 && (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 ||
			 setresuid(user, user, user) < 0))
		return -errno;
	/* Not for others to trace, but its own /proc/self stays open to it. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return filter_enter(filter_of_gateway, sizeof(filter_of_gateway));
}
