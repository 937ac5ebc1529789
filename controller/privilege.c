// SPDX-License-Identifier: Apache-2.0
#include "controller/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

bool privilege_has(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[cap / 32].effective & (1U << (cap % 32));
}

int privilege_check(FILE *errors)
{
	bool bpf = privilege_has(CAP_BPF) || privilege_has(CAP_SYS_ADMIN);
	bool net = privilege_has(CAP_NET_ADMIN);

	if (bpf && net)
		return 0;
	fprintf(errors,
		"sprocket: missing privilege: %s%s%s. Run as root (sudo sprocket ...), or give the "
		"program the rights: setcap cap_bpf,cap_net_admin,cap_sys_resource+ep PATH\n",
		bpf ? "" : "CAP_BPF (to load the kernel program)", !bpf && !net ? " and " : "",
		net ? "" : "CAP_NET_ADMIN (to attach it to sockets)");
	return -EPERM;
}
