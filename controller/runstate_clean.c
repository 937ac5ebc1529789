// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controller/runstate.h"
#include "controller/runstate_file.h"
#include "shm/hugepages.h"
#include "shm/memory.h"

#define KILL_WAIT_MS 2000

/* A record being cleaned. */
struct left {
	const char *file;
	FILE *report; /* NULL: say nothing */
	bool dry_run;
	bool rebooted; /* written before the last boot: only files can be left */
	int fd;        /* of the record */
	int pid;       /* of the run */
	int failures;
};

static void say(struct left *left, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct left *left, const char *format, ...)
{
	va_list args;

	if (!left->report)
		return;
	va_start(args, format);
	vfprintf(left->report, format, args);
	va_end(args);
	fputc('\n', left->report);
}

/* Says what became of one thing; `err` is 0 or -errno. */
static void say_done(struct left *left, int err, const char *done, const char *what)
{
	if (err == 0) {
		say(left, "run %d: %s %s", left->pid, done, what);
		return;
	}
	left->failures++;
	say(left, "run %d: could not give back %s: %s%s", left->pid, what, strerror(-err),
	    err == -EPERM || err == -EACCES ? "; run this as root" : "");
}

static bool same_process(pid_t pid, uint64_t start)
{
	uint64_t now;

	return runstate_process_start(pid, &now) == 0 && now == start;
}

/* Kills the very process that was looked at, whatever becomes of its pid meanwhile. */
static int child_kill(pid_t pid, uint64_t start)
{
	struct pollfd poll_fd = { .events = POLLIN };
	int err = 0;

	poll_fd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (poll_fd.fd < 0)
		return errno == ESRCH ? 0 : -errno;
	if (same_process(pid, start) &&
	    syscall(SYS_pidfd_send_signal, poll_fd.fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		err = -errno;
	/* Its memory should be back by the time we say so. */
	if (err == 0 && poll(&poll_fd, 1, KILL_WAIT_MS) == 0)
		err = -ETIMEDOUT;
	close(poll_fd.fd);
	return err;
}

static void clean_child(struct left *left, const char *line)
{
	char what[64];
	uint64_t start;
	int pid;

	if (left->rebooted || sscanf(line, "child %d %" SCNu64, &pid, &start) != 2 || pid <= 1 ||
	    !same_process(pid, start))
		return;
	snprintf(what, sizeof(what), "process %d", pid);
	if (left->dry_run)
		say(left, "run %d: %s still runs", left->pid, what);
	else
		say_done(left, child_kill(pid, start), "killed", what);
}

static void clean_overcommit(struct left *left, const char *line)
{
	char what[64];
	long pages, above;
	int r, fields = sscanf(line, "overcommit %ld above %ld", &pages, &above);

	if (left->rebooted || fields < 1 || pages <= 0)
		return;
	/* Killed while it changed the limit: before, or after? */
	if (fields == 2 && shm_hugepages_limit() < above + pages)
		return;
	snprintf(what, sizeof(what), "vm.nr_overcommit_hugepages, raised by %ld", pages);
	if (left->dry_run) {
		say(left, "run %d: left %s", left->pid, what);
		return;
	}
	r = shm_hugepages_lower(pages);
	say_done(left, r, "lowered", what);
	/* A record that stays for another reason must not have it lowered once more. */
	if (r == 0 && pwrite(left->fd, "-", 1, RECORD_OVERCOMMIT * RECORD_WIDTH) != 1)
		say_done(left, -errno, "", "its record");
}

static int path_remove(const char *path)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR && rmdir(path) == 0)
		return 0;
	return -errno;
}

static void clean_path(struct left *left, const char *line)
{
	const char *path = line + strlen("path ");
	struct stat st;

	if (*path != '/' || lstat(path, &st) < 0)
		return;
	if (left->dry_run)
		say(left, "run %d: left %s", left->pid, path);
	else
		say_done(left, path_remove(path), "removed", path);
}

/* The line at `number`, ended at its last visible byte; "" after the end. */
static void line_read(int fd, size_t number, char ret[RECORD_WIDTH])
{
	ssize_t n = pread(fd, ret, RECORD_WIDTH, (off_t)(number * RECORD_WIDTH));

	if (n < 0)
		n = 0;
	while (n > 0 && (n == RECORD_WIDTH || ret[n - 1] == ' ' || ret[n - 1] == '\n'))
		n--;
	ret[n] = '\0';
}

/* Whether the record is of a run that is gone. Returns 1 and fills `left`, 0 when it still
 * runs, or -EBADMSG when this is no record. */
static int record_is_left(struct left *left)
{
	char line[RECORD_WIDTH], boot[BOOT_ID_SIZE], written[BOOT_ID_SIZE];
	uint64_t start;
	struct stat st;

	if (fstat(left->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_uid != 0 && st.st_uid != geteuid()))
		return -EBADMSG;
	left->pid = atoi(strrchr(left->file, '/') + 1);
	left->rebooted = true;
	if (st.st_size == 0) /* just being made, or killed just then */
		return runstate_process_start(left->pid, &start) < 0;
	line_read(left->fd, RECORD_RUN, line);
	if (sscanf(line, "run %d %" SCNu64 " %39s", &left->pid, &start, written) != 3)
		return -EBADMSG;
	boot_id_read(boot);
	left->rebooted = strcmp(boot, written) != 0;
	return left->rebooted || !same_process(left->pid, start);
}

static void clean_lines(struct left *left)
{
	char line[RECORD_WIDTH];

	for (size_t i = 0; i < RUNSTATE_ENTRY_MAX; i++) {
		line_read(left->fd, RECORD_ENTRIES + i, line);
		if (strncmp(line, "child ", 6) == 0)
			clean_child(left, line);
		else if (strncmp(line, "path ", 5) == 0)
			clean_path(left, line);
	}
	/* After the processes: their pages are back by now. */
	line_read(left->fd, RECORD_OVERCOMMIT, line);
	clean_overcommit(left, line);
}

/* Under a lock on the record, so that two cleaners do not lower the limit twice. */
static void clean_locked(struct left *left)
{
	struct stat st;

	if (flock(left->fd, LOCK_EX | LOCK_NB) < 0) {
		say_done(left, -errno, "", "anything: its record is locked");
		return;
	}
	if (fstat(left->fd, &st) < 0 || st.st_nlink == 0)
		return; /* another cleaner was faster */
	clean_lines(left);
	if (left->failures == 0)
		say_done(left, path_remove(left->file), "removed", "its record");
}

static void clean_opened(struct left *left, int open_err)
{
	int r = record_is_left(left);

	if (r < 0) {
		left->failures++;
		say(left, "%s is not a record of a run; remove it if it is not yours", left->file);
	} else if (r == 1 && left->dry_run) {
		clean_lines(left);
		left->failures++;
		say(left, "run %d: was killed, its record is %s", left->pid, left->file);
	} else if (r == 1 && open_err < 0) {
		say_done(left, open_err, "", "what it left");
	} else if (r == 1) {
		clean_locked(left);
	}
}

/* Cleans one record. Returns 1 when something of it is left, 0 when not. */
static int clean_record(struct left *left)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int open_err = 0;

	left->fd = open(left->file, (left->dry_run ? O_RDONLY : O_RDWR) | flags);
	if (left->fd < 0) {
		open_err = -errno;
		left->fd = open(left->file, O_RDONLY | flags);
	}
	if (left->fd < 0)
		return errno != ENOENT;
	clean_opened(left, open_err);
	close(left->fd);
	return left->failures > 0;
}

bool runstate_clean_file(const char *path)
{
	struct left left = { .file = path };

	return clean_record(&left) == 0 && access(path, F_OK) < 0;
}

static bool name_is_record(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits > 0 && digits < 10 && strcmp(name + digits, ".run") == 0;
}

static int clean_folder(const char *folder, FILE *report, bool dry_run)
{
	DIR *dir = opendir(folder);
	struct dirent *item;
	int count = 0;

	if (!dir)
		return 0;
	while ((item = readdir(dir))) {
		char path[RUNSTATE_FOLDER_MAX + 256];
		struct left left = { .file = path, .report = report, .dry_run = dry_run };

		if (!name_is_record(item->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
		count += clean_record(&left);
	}
	closedir(dir);
	if (!dry_run)
		rmdir(folder); /* stays when anything is in it */
	return count;
}

int runstate_clean(FILE *report, bool dry_run)
{
	char folder[RUNSTATE_FOLDER_MAX];
	int count = 0;

	for (unsigned int n = 0; runstate_folder(n, folder) == 0; n++)
		count += clean_folder(folder, report, dry_run);
	return count;
}
