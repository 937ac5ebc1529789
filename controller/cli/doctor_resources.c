// SPDX-License-Identifier: Apache-2.0
/* Checks of the machine's resources: limits, hugepages, loopback, CPUs. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "controller/cli/doctor.h"
#include "shm/hugepages.h"
#include "shm/memory.h"
#include "sproxy/ends.h"

#define NOFILE_WANTED 1024UL /* a chain of 50 instances with its logs and counters */
#define PAGES_WANTED 32L     /* 64 MiB: a small pool */
#define PATH_SIZE 512

static void check_memlock(struct doctor *doctor)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY)
		doctor_add(doctor, DOCTOR_INFO, "memlock", "unlimited");
	else
		doctor_add(doctor, DOCTOR_INFO, "memlock",
			   "%lu KiB; BPF maps do not count against it since Linux 5.11",
			   (unsigned long)(limit.rlim_cur >> 10));
}

static void check_nofile(struct doctor *doctor)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_cur >= NOFILE_WANTED) {
		doctor_add(doctor, DOCTOR_OK, "open files", "%lu", (unsigned long)limit.rlim_cur);
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "open files", "%lu: few connections and instances fit",
		   (unsigned long)limit.rlim_cur);
	doctor_fix(doctor, "ulimit -n 65536, or LimitNOFILE=65536 in the unit file");
}

static void check_hugepages(struct doctor *doctor)
{
	long pages = shm_hugepages_available();
	int err = shm_hugepages_may_raise();

	if (err == 0) {
		doctor_add(doctor, DOCTOR_OK, "hugepages",
			   "%ld of 2 MiB available now, more are added while a chain runs", pages);
		return;
	}
	if (err == -ENOENT) {
		doctor_add(doctor, DOCTOR_WARN, "hugepages",
			   "this kernel has none of 2 MiB: pools use ordinary pages");
		doctor_fix(doctor, "boot a kernel with CONFIG_HUGETLBFS=y");
		return;
	}
	if (pages >= PAGES_WANTED) {
		doctor_add(doctor, DOCTOR_OK, "hugepages", "%ld of 2 MiB available", pages);
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "hugepages",
		   "%ld of 2 MiB available, and the limit cannot be raised (%s): larger pools use "
		   "ordinary pages",
		   pages, strerror(-err));
	doctor_fix(doctor, "run as root, or once: sudo sysctl vm.nr_hugepages=%ld", PAGES_WANTED);
}

static void check_loopback(struct doctor *doctor)
{
	int ends[2];
	int err = ends_tcp_pair(ends);

	if (err == 0) {
		close(ends[0]);
		close(ends[1]);
		doctor_add(doctor, DOCTOR_OK, "loopback", "TCP over 127.0.0.1 connects");
		return;
	}
	doctor_add(doctor, DOCTOR_FAIL, "loopback", "no TCP connection over 127.0.0.1: %s",
		   strerror(-err));
	doctor_fix(doctor, "sudo ip link set lo up");
}

static bool file_read(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, ret, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

/* CPUs that one cgroup folder allows; 0 = no limit there. */
static double cgroup_limit(const char *folder)
{
	char path[PATH_SIZE + 32], text[64];
	double quota = 0, period = 0;

	snprintf(path, sizeof(path), "%s/cpu.max", folder);
	if (file_read(path, text, sizeof(text))) { /* version 2 */
		if (sscanf(text, "%lf %lf", &quota, &period) != 2 || period <= 0)
			return 0;
		return quota / period;
	}
	snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder);
	if (!file_read(path, text, sizeof(text)))
		return 0;
	quota = strtod(text, NULL);
	snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
	if (quota <= 0 || !file_read(path, text, sizeof(text)))
		return 0;
	period = strtod(text, NULL);
	return period > 0 ? quota / period : 0;
}

/* The tightest limit from the process's folder up to the mount. */
static double cgroup_limit_upward(const char *mount, const char *own)
{
	char folder[PATH_SIZE];
	double least = 0;

	if (snprintf(folder, sizeof(folder), "%s%s", mount, own) >= (int)sizeof(folder))
		return 0;
	while (strlen(folder) >= strlen(mount)) {
		double limit = cgroup_limit(folder);
		char *slash = strrchr(folder, '/');

		if (limit > 0 && (least <= 0 || limit < least))
			least = limit;
		if (!slash)
			break;
		*slash = '\0';
	}
	return least;
}

/* CPUs that our cgroup allows; 0 = no limit. */
static double cpu_limit(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_SIZE];
	double least = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':');
		char *own = controllers ? strchr(controllers + 1, ':') : NULL;
		double limit = 0;

		if (!own)
			continue;
		line[strcspn(line, "\n")] = '\0';
		*own++ = '\0';
		if (controllers[1] == '\0')
			limit = cgroup_limit_upward("/sys/fs/cgroup", own);
		else if (strcmp(controllers + 1, "cpu") == 0 ||
			 strncmp(controllers + 1, "cpu,", 4) == 0)
			limit = cgroup_limit_upward("/sys/fs/cgroup/cpu", own);
		if (limit > 0 && (least <= 0 || limit < least))
			least = limit;
	}
	fclose(file);
	return least;
}

static void check_cpus(struct doctor *doctor)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	double limit = cpu_limit();
	char smt[16] = "", quota[64] = "";
	cpu_set_t set;
	int usable = (int)online;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		usable = CPU_COUNT(&set);
	file_read("/sys/devices/system/cpu/smt/active", smt, sizeof(smt));
	if (limit > 0)
		snprintf(quota, sizeof(quota), ", the cgroup allows the time of %.2f", limit);
	doctor_add(doctor, limit > 0 && limit < 1 ? DOCTOR_WARN : DOCTOR_OK, "cpus",
		   "%d of %ld usable%s%s", usable, online,
		   smt[0] == '1' ? ", hyperthreads among them" : "", quota);
	if (limit > 0 && limit < 1)
		doctor_fix(doctor, "give the cgroup at least one CPU: below, every chain stalls "
				   "until the next period");
}

void doctor_resources(struct doctor *doctor)
{
	check_memlock(doctor);
	check_nofile(doctor);
	check_hugepages(doctor);
	check_loopback(doctor);
	check_cpus(doctor);
}
