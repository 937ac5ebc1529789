// SPDX-License-Identifier: Apache-2.0
#include "controller/procstat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROCSTAT_TEXT_MAX 1024
#define NS_PER_S 1000000000ULL

static int read_text(pid_t pid, char text[PROCSTAT_TEXT_MAX])
{
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, PROCSTAT_TEXT_MAX - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return 0;
}

int procstat_read(pid_t pid, struct procstat *ret)
{
	char text[PROCSTAT_TEXT_MAX];
	uint64_t user, system, started, size, pages;
	uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	const char *rest;
	int r = read_text(pid, text);

	if (r < 0)
		return r;
	rest = strrchr(text, ')'); /* the name before it may hold anything */
	if (!rest || sscanf(rest,
			    ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64
			    " %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64 " %" SCNu64,
			    &user, &system, &started, &size, &pages) != 5)
		return -EBADMSG;
	*ret = (struct procstat){ .cpu_ns = (user + system) * tick_ns,
				  .rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE),
				  .virtual_bytes = size,
				  .started_ns = started * tick_ns };
	return 0;
}

int procstat_fd_count(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = -1; /* the folder's own */

	if (!folder)
		return -errno;
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}
