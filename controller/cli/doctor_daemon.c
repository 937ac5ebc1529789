// SPDX-License-Identifier: Apache-2.0
/* Checks of what sprocketd needs beyond a chain: its programs, a bpffs, folders, a group.
 * `sprocket run` needs none of these, so that nothing here fails. */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "controller/cli/client.h"
#include "controller/cli/doctor.h"
#include "controller/programs.h"

#define BPFFS "/sys/fs/bpf"
#define GROUP "sprocket"
#define STATE_MIN (16UL << 20) /* bytes free below which declaring chains may soon fail */

static void check_programs(struct doctor *doctor)
{
	static const struct {
		const char *name;
		int (*find)(char ret[CHAIN_PATH_MAX]);
	} programs[] = { { "sprocketd", programs_daemon },
			 { "sprocket-gateway", programs_gateway },
			 { "sprocket-fdstore", programs_fdstore },
			 { "sprocket-front", programs_front } };
	char path[CHAIN_PATH_MAX], missing[128] = "";

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		size_t len = strlen(missing);

		if (programs[i].find(path) < 0)
			snprintf(missing + len, sizeof(missing) - len, "%s%s", len ? ", " : "",
				 programs[i].name);
	}
	if (!*missing) {
		doctor_add(doctor, DOCTOR_OK, "programs",
			   "sprocketd and those it starts are installed");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "programs", "%s not found beside this program", missing);
	doctor_fix(doctor, "install all of Sprocket in one place: make install, or its package");
}

static void check_bpffs(struct doctor *doctor)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC) {
		doctor_add(doctor, DOCTOR_OK, "bpffs", "mounted at " BPFFS);
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "bpffs", "not mounted at " BPFFS ": sprocketd needs one");
	doctor_fix(doctor, "sudo mount -t bpf bpf " BPFFS);
}

/* Of `path` and the folders above it, the first that is there. */
static void ancestor_find(const char *path, char *ret, size_t size)
{
	snprintf(ret, size, "%s", path);
	while (access(ret, F_OK) < 0 && strlen(ret) > 1)
		dirname(ret);
}

/* Tells what is wrong with a folder; false when nothing is. */
static bool folder_trouble(struct doctor *doctor, const char *path)
{
	char there[64];
	struct statvfs fs;
	int err;

	ancestor_find(path, there, sizeof(there));
	if (access(there, W_OK | X_OK) < 0) {
		err = errno;
		doctor_add(doctor, DOCTOR_WARN, "folders", "%s cannot be written: %s", path,
			   strerror(err));
		if (err == EROFS)
			doctor_fix(doctor,
				   "sudo mount -o remount,rw the file system of %s, or "
				   "give sprocketd another folder",
				   there);
		else
			doctor_fix(doctor, "run as root, as sprocketd is");
		return true;
	}
	if (statvfs(there, &fs) == 0 && fs.f_bavail * fs.f_frsize < STATE_MIN) {
		doctor_add(doctor, DOCTOR_WARN, "folders", "%s has %lu KiB left", path,
			   (unsigned long)(fs.f_bavail * fs.f_frsize >> 10));
		doctor_fix(doctor, "make room: chains cannot be declared on a full disk");
		return true;
	}
	return false;
}

static void check_folders(struct doctor *doctor)
{
	static const char *const paths[] = { "/var/lib/sprocket", "/var/log/sprocket",
					     "/run/sprocket" };
	bool trouble = false;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		trouble |= folder_trouble(doctor, paths[i]);
	if (!trouble)
		doctor_add(doctor, DOCTOR_OK, "folders",
			   "sprocketd can write its state, logs and sockets");
}

static void check_group(struct doctor *doctor)
{
	if (getgrnam(GROUP)) {
		doctor_add(doctor, DOCTOR_OK, "group", "members of %s may use sprocketd", GROUP);
		return;
	}
	doctor_add(doctor, DOCTOR_INFO, "group", "there is no %s: root alone may use sprocketd",
		   GROUP);
	doctor_fix(doctor, "when others shall: sudo groupadd --system %s", GROUP);
}

static void check_daemon(struct doctor *doctor)
{
	const char *path = client_socket_path();
	int r = client_socket_try(path);

	if (r == 0) {
		doctor_add(doctor, DOCTOR_OK, "sprocketd", "runs: %s", path);
	} else if (r == -ENOENT || r == -ECONNREFUSED) {
		doctor_add(doctor, DOCTOR_INFO, "sprocketd", "does not run (nobody listens at %s)",
			   path);
	} else {
		doctor_add(doctor, DOCTOR_WARN, "sprocketd", "cannot be asked at %s: %s", path,
			   strerror(-r));
		if (r == -EACCES)
			doctor_fix(doctor, "sudo usermod -aG %s $USER, and log in again", GROUP);
	}
}

void doctor_daemon(struct doctor *doctor)
{
	check_programs(doctor);
	check_bpffs(doctor);
	check_folders(doctor);
	check_group(doctor);
	check_daemon(doctor);
}
