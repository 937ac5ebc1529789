// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/rights.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "sproxy/filter.h"

static bool is_needed(unsigned cap)
{
	static const unsigned needed[] = {
		CAP_BPF,
		CAP_PERFMON,
		CAP_NET_ADMIN, /* the kernel's program */
		CAP_SYS_ADMIN,
		CAP_SYS_RESOURCE,
		CAP_SYS_CHROOT, /* namespaces, mounts, hugepages */
		CAP_SETUID,
		CAP_SETGID,
		CAP_SETPCAP,
		CAP_KILL, /* children's users */
		CAP_CHOWN,
		CAP_FOWNER,
		CAP_DAC_OVERRIDE,
		CAP_DAC_READ_SEARCH, /* files */
		CAP_SYS_PTRACE,      /* what children do, in /proc */
		CAP_SYS_NICE,
		CAP_IPC_LOCK,
		CAP_NET_BIND_SERVICE,
	};

	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i] == cap)
			return true;
	return false;
}

static int capabilities_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, have) < 0)
		return -errno;
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++) {
		uint32_t bit = 1U << cap % 32;

		if (is_needed(cap))
			continue;
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
		have[cap / 32].effective &= ~bit;
		have[cap / 32].permitted &= ~bit;
		have[cap / 32].inheritable &= ~bit;
	}
	return syscall(SYS_capset, &head, have) < 0 ? -errno : 0;
}

int rights_drop(void)
{
	struct sock_fprog filter;
	int r = capabilities_drop();

	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = filter_controller(&filter);
	if (r < 0)
		return r;
	r = filter_install(&filter, true);
	filter_free(&filter);
	return r;
}
