// SPDX-License-Identifier: Apache-2.0
/* process.c - see process.h: what /proc tells, and how processes are ended. */
#include "bench/target/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#define STAT_MAX 1024
#define ENVIRONMENT_MAX (128 << 10)
#define KILL_ROUNDS 8 /* while they fork faster than they are found */
#define KILL_WAIT_MS 5000

ssize_t bench_proc_read(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, to + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		n = -errno;
	close(fd);
	to[len] = '\0';
	return n < 0 ? n : (ssize_t)len;
}

/* File name of the executable; a name that was deleted or replaced keeps its name. */
static void name_read(pid_t pid, char name[BENCH_PROCESS_NAME], const char *thread_name)
{
	static const char gone[] = " (deleted)";
	char path[64], target[4096];
	const char *from = thread_name;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	len = readlink(path, target, sizeof(target) - 1);
	if (len > 0) {
		target[len] = '\0';
		if (len > (ssize_t)sizeof(gone) - 1 &&
		    strcmp(target + len - (sizeof(gone) - 1), gone) == 0)
			target[len - ((ssize_t)sizeof(gone) - 1)] = '\0';
		from = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
	}
	snprintf(name, BENCH_PROCESS_NAME, "%.*s", (int)BENCH_PROCESS_NAME - 1, from);
}

/* The line without the executable's name: what the kernel keeps of each process. */
static int stat_read(pid_t pid, struct bench_process *ret, char thread_name[64])
{
	unsigned long long minor, major, user, system, begun;
	char path[64], text[STAT_MAX], *open, *end;
	int parent, group, threads;
	char state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (bench_proc_read(path, text, sizeof(text)) < 0)
		return -ESRCH;
	/* The name may have any character in it, parentheses too. */
	open = strchr(text, '(');
	end = strrchr(text, ')');
	if (!open || !end ||
	    sscanf(end + 1,
		   " %c %d %d %*d %*d %*d %*u %llu %*u %llu %*u %llu %llu %*d %*d %*d %*d %d "
		   "%*d %llu",
		   &state, &parent, &group, &minor, &major, &user, &system, &threads, &begun) != 9)
		return -ESRCH;
	snprintf(thread_name, 64, "%.*s", (int)(end - open) - 1, open + 1);
	*ret = (struct bench_process){ .pid = pid,
				       .parent = parent,
				       .group = group,
				       .state = state,
				       .threads = (unsigned)threads,
				       .begun = begun,
				       .user_ticks = user,
				       .system_ticks = system,
				       .page_faults = minor + major };
	return 0;
}

int bench_process_read(pid_t pid, struct bench_process *ret)
{
	char thread_name[64];
	int r = stat_read(pid, ret, thread_name);

	if (r == 0)
		name_read(pid, ret->name, thread_name);
	return r;
}

bool bench_process_lives(const struct bench_process *process)
{
	struct bench_process now;
	char name[64];

	return stat_read(process->pid, &now, name) == 0 && now.begun == process->begun &&
	       now.state != 'Z' && now.state != 'X';
}

static bool processes_have(const struct bench_processes *list, pid_t pid)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->all[i].pid == pid)
			return true;
	return false;
}

static void processes_add(struct bench_processes *list, pid_t pid)
{
	if (list->count < BENCH_PROCESSES_MAX && !processes_have(list, pid) &&
	    bench_process_read(pid, &list->all[list->count]) == 0)
		list->count++;
}

/* Each process there is, with its parent. Returns how many, or -errno. The caller frees *ret. */
static ssize_t parents_read(struct bench_process **ret)
{
	DIR *folder = opendir("/proc");
	struct bench_process *all = NULL, *more;
	size_t count = 0, room = 0;
	struct dirent *entry;
	char name[64];

	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		int pid = atoi(entry->d_name);

		if (pid <= 0)
			continue;
		if (count == room) {
			room = room ? 2 * room : 256;
			more = realloc(all, room * sizeof(*all));
			if (!more) {
				free(all);
				closedir(folder);
				return -ENOMEM;
			}
			all = more;
		}
		count += stat_read(pid, &all[count], name) == 0;
	}
	closedir(folder);
	*ret = all;
	return (ssize_t)count;
}

int bench_processes_below(pid_t root, struct bench_processes *ret)
{
	struct bench_process *all = NULL;
	ssize_t count = parents_read(&all);

	ret->count = 0;
	if (count < 0)
		return (int)count;
	processes_add(ret, root);
	for (unsigned i = 0; i < ret->count; i++)
		for (ssize_t k = 0; k < count; k++)
			if (all[k].parent == ret->all[i].pid)
				processes_add(ret, all[k].pid);
	free(all);
	return ret->count == 0 ? -ESRCH : 0;
}

static bool mark_has(pid_t pid, const char *mark)
{
	char path[64], want[128], *text = malloc(ENVIRONMENT_MAX);
	bool has = false;
	ssize_t len;

	if (!text)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	snprintf(want, sizeof(want), BENCH_MARK "=%s", mark);
	len = bench_proc_read(path, text, ENVIRONMENT_MAX);
	if (len > 0)
		has = memmem(text, (size_t)len + 1, want, strlen(want) + 1) != NULL;
	free(text);
	return has;
}

void bench_processes_marked(pid_t group, const char *mark, struct bench_processes *to)
{
	struct bench_process *all = NULL;
	ssize_t count = parents_read(&all);

	for (ssize_t i = 0; i < count; i++)
		if (all[i].state != 'Z' && all[i].state != 'X' &&
		    (all[i].group == group || mark_has(all[i].pid, mark)))
			processes_add(to, all[i].pid);
	free(all);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* One; at most until `end_ms`. A child of ours that has ended is a zombie: that counts. */
static void process_wait(const struct bench_process *process, int64_t end_ms)
{
	int fd = pidfd_open(process->pid, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int64_t left;

	if (fd < 0)
		return;
	while (bench_process_lives(process) && (left = end_ms - now_ms()) > 0)
		if (poll(&poll_fd, 1, (int)left) > 0)
			break;
	close(fd);
}

void bench_processes_wait(struct bench_processes *list, int timeout_ms)
{
	int64_t end_ms = now_ms() + timeout_ms;
	unsigned kept = 0;

	for (unsigned i = 0; i < list->count; i++) {
		process_wait(&list->all[i], end_ms);
		if (bench_process_lives(&list->all[i]))
			list->all[kept++] = list->all[i];
	}
	list->count = kept;
}

void bench_processes_kill(struct bench_processes *list)
{
	struct bench_processes *below = malloc(sizeof(*below));

	for (int round = 0; round < KILL_ROUNDS && list->count > 0; round++) {
		/* Stopped first, so that none of them forks while they are looked for. */
		for (unsigned i = 0; i < list->count; i++) {
			if (bench_process_lives(&list->all[i]))
				kill(list->all[i].pid, SIGSTOP);
			if (below && bench_processes_below(list->all[i].pid, below) == 0)
				for (unsigned k = 1; k < below->count; k++)
					processes_add(list, below->all[k].pid);
		}
		for (unsigned i = 0; i < list->count; i++)
			if (bench_process_lives(&list->all[i]))
				kill(list->all[i].pid, SIGKILL);
		bench_processes_wait(list, KILL_WAIT_MS);
	}
	free(below);
}
