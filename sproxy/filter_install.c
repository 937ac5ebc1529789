// SPDX-License-Identifier: Apache-2.0
/* Apart from filter.c: who only installs one needs no libseccomp. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "sproxy/filter.h"

int filter_install(const struct sock_fprog *program, bool all)
{
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all ? SECCOMP_FILTER_FLAG_TSYNC : 0,
			 program);

	return r == 0 ? 0 : r > 0 ? -ECANCELED : -errno;
}
