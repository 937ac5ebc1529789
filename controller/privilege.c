// SPDX-License-Identifier: Apache-2.0
#include "controller/privilege.h"

#include <errno.h>
#include <sys/prctl.h>
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

void privilege_bound(uint64_t keep)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(keep >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int privilege_check(FILE *errors)
{
	static const struct {
		int cap;
		const char *why;
	} needed[] = {
		{ CAP_BPF, "CAP_BPF (to load the kernel program)" },
		{ CAP_PERFMON, "CAP_PERFMON (for its pointer arithmetic)" },
		{ CAP_NET_ADMIN, "CAP_NET_ADMIN (to attach it to sockets)" },
	};
	bool all = privilege_has(CAP_SYS_ADMIN);
	unsigned missing = 0;

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		if (privilege_has(needed[i].cap) || (all && needed[i].cap != CAP_NET_ADMIN))
			continue;
		fprintf(errors, "%s%s",
			missing++ ? ", " : "sprocket: missing privilege: ", needed[i].why);
	}
	if (missing == 0)
		return 0;
	fputs(". Run as root (sudo sprocket ...), or give the program the rights: setcap "
	      "cap_bpf,cap_perfmon,cap_net_admin+ep PATH\n",
	      errors);
	return -EPERM;
}
