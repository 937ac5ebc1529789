// SPDX-License-Identifier: Apache-2.0
/* What functions can be isolated and limited by, on this machine and with our rights. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/seccomp.h>

#include "controller/cgroup.h"
#include "controller/cli/doctor.h"
#include "controller/privilege.h"
#include "controller/sandbox_rules.h"
#include "controller/sandbox_user.h"

#define NAME "isolation"

static void check_user(struct doctor *doctor)
{
	if (geteuid() == 0 && privilege_has(CAP_SETUID) && privilege_has(CAP_SETGID)) {
		doctor_add(doctor, DOCTOR_OK, NAME, "each chain gets a user of its own, %u to %u",
			   SANDBOX_UID_FIRST, SANDBOX_UID_END - 1);
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, NAME,
		   "functions run as this user: only root can change it");
	doctor_fix(doctor, "run as root (sudo sprocket ...)");
}

/* Tried, in a child: what forbids it may be anything. Returns 0 or an errno. */
static int namespaces_try(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static void check_namespaces(struct doctor *doctor)
{
	int err = namespaces_try();

	if (err == 0) {
		doctor_add(doctor, DOCTOR_OK, NAME, "root folder and network of their own");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, NAME, "no root folder nor network of their own: %s",
		   strerror(err));
	doctor_fix(doctor, "run as root, in a container with CAP_SYS_ADMIN");
}

static void check_kernel(struct doctor *doctor)
{
	int version = sandbox_rules_version();

	/* It is asked with a filter that is none. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT)
		doctor_add(doctor, DOCTOR_OK, NAME, "seccomp");
	else
		doctor_add(doctor, DOCTOR_FAIL, NAME,
			   "no seccomp: boot a kernel with "
			   "CONFIG_SECCOMP_FILTER=y");
	if (version > 0)
		doctor_add(doctor, DOCTOR_OK, NAME, "landlock, version %d%s", version,
			   version < 6 ? ": a chain's functions can signal each other" : "");
	else
		doctor_add(doctor, DOCTOR_WARN, NAME,
			   "no landlock: functions of one chain can read each other's secrets");
	if (version <= 0)
		doctor_fix(doctor, "boot with lsm=landlock,... (CONFIG_SECURITY_LANDLOCK=y)");
}

static void check_limits(struct doctor *doctor)
{
	char text[96] = "";

	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++) {
		size_t used = strlen(text);

		if (cgroup_has(kind))
			snprintf(text + used, sizeof(text) - used, "%s%s (cgroup v%d)",
				 used ? ", " : "", cgroup_kind_name(kind), cgroup_version(kind));
	}
	if (!cgroup_why()[0]) {
		doctor_add(doctor, DOCTOR_OK, "limits", "of functions: %s", text);
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "limits", "of functions: %s; not kept: %s",
		   text[0] ? text : "none", cgroup_why());
	doctor_fix(doctor, geteuid() == 0 ? "boot with cgroup v2, and give sprocketd its part of "
					    "it (systemd: Delegate=yes)" :
					    "run as root (sudo sprocket ...)");
}

void doctor_isolation(struct doctor *doctor)
{
	check_user(doctor);
	check_namespaces(doctor);
	check_kernel(doctor);
	check_limits(doctor);
}
