// SPDX-License-Identifier: Apache-2.0
/* Checks of the kernel, and of what it lets us do. */
#include <inttypes.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "controller/cli/doctor.h"

#define KERNEL_MAJOR 5 /* the oldest kernel that has bpf_loop */
#define KERNEL_MINOR 17

static void check_release(struct doctor *doctor)
{
	struct utsname name;
	int major = 0, minor = 0;

	if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) {
		doctor_add(doctor, DOCTOR_WARN, "kernel", "its version cannot be read");
		return;
	}
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)) {
		doctor_add(doctor, DOCTOR_OK, "kernel", "Linux %s", name.release);
		return;
	}
	doctor_add(doctor, DOCTOR_FAIL, "kernel", "Linux %s is too old", name.release);
	doctor_fix(doctor, "boot Linux %d.%d or later", KERNEL_MAJOR, KERNEL_MINOR);
}

static void check_btf(struct doctor *doctor)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0) {
		doctor_add(doctor, DOCTOR_OK, "btf", "/sys/kernel/btf/vmlinux is there");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "btf",
		   "no /sys/kernel/btf/vmlinux: chains run, probes of the kernel do not");
	doctor_fix(doctor, "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y");
}

static uint64_t capabilities_effective(void)
{
	uint64_t caps = 0;
	char line[128];
	FILE *file = fopen("/proc/self/status", "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "CapEff: %" SCNx64, &caps) == 1)
			break;
	}
	fclose(file);
	return caps;
}

static void check_capabilities(struct doctor *doctor)
{
	/* CAP_PERFMON: without it the verifier refuses to step through a batch by index. */
	static const struct {
		unsigned int number;
		const char *name;
	} needed[] = { { CAP_BPF, "CAP_BPF" },
		       { CAP_PERFMON, "CAP_PERFMON" },
		       { CAP_NET_ADMIN, "CAP_NET_ADMIN" } };
	uint64_t have = capabilities_effective();
	char missing[64] = "";

	if (have & (1ULL << CAP_SYS_ADMIN)) /* holds these two within it */
		have |= 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		size_t len = strlen(missing);

		if (!(have & (1ULL << needed[i].number)))
			snprintf(missing + len, sizeof(missing) - len, "%s%s", len ? ", " : "",
				 needed[i].name);
	}
	if (!*missing) {
		doctor_add(doctor, DOCTOR_OK, "capabilities",
			   "CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
		return;
	}
	doctor_add(doctor, DOCTOR_FAIL, "capabilities",
		   "%s missing: the kernel program cannot be loaded", missing);
	doctor_fix(doctor,
		   "run as root (sudo sprocket ...), or once: "
		   "sudo setcap cap_bpf,cap_perfmon,cap_net_admin=ep \"$(command -v sprocket)\"");
}

/* First line of a file, "" when it cannot be read. */
static void line_read(const char *path, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");

	ret[0] = '\0';
	if (!file)
		return;
	if (!fgets(ret, (int)size, file))
		ret[0] = '\0';
	fclose(file);
	ret[strcspn(ret, "\n")] = '\0';
}

static void check_unprivileged_bpf(struct doctor *doctor)
{
	char value[32];

	line_read("/proc/sys/kernel/unprivileged_bpf_disabled", value, sizeof(value));
	if (!*value)
		doctor_add(doctor, DOCTOR_INFO, "bpf()", "its sysctl cannot be read");
	else if (strcmp(value, "0") == 0)
		doctor_add(doctor, DOCTOR_INFO, "bpf()",
			   "open to unprivileged users (kernel.unprivileged_bpf_disabled=0); "
			   "chains do not need that");
	else
		doctor_add(doctor, DOCTOR_INFO, "bpf()",
			   "privileged only (kernel.unprivileged_bpf_disabled=%s)", value);
}

static void check_lockdown(struct doctor *doctor)
{
	char value[128], *from, *to;

	line_read("/sys/kernel/security/lockdown", value, sizeof(value));
	from = strchr(value, '[');
	to = from ? strchr(from, ']') : NULL;
	if (!to) {
		doctor_add(doctor, DOCTOR_INFO, "lockdown",
			   "not shown here (no securityfs, or no lockdown in this kernel)");
		return;
	}
	*to = '\0';
	if (strcmp(from + 1, "none") == 0)
		doctor_add(doctor, DOCTOR_INFO, "lockdown", "none");
	else
		doctor_add(doctor, DOCTOR_INFO, "lockdown",
			   "%s: chains run; probes that read kernel memory may be refused",
			   from + 1);
}

void doctor_kernel(struct doctor *doctor)
{
	check_release(doctor);
	check_btf(doctor);
	check_capabilities(doctor);
	check_unprivileged_bpf(doctor);
	check_lockdown(doctor);
}
