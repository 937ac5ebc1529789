// SPDX-License-Identifier: Apache-2.0
#include "controller/process_core.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".core"
#define TIME_LEN 16          /* 20260102T030405Z */
#define NOTES_MAX (1U << 20) /* bytes of notes that are read */
#define SEGMENT_MAX 8        /* looked at: the kernel writes the notes first */
#define FILES_MAX 256        /* looked at: functions can make more of them */
#define REMOVED_MAX 2        /* at once: one comes at a time */
#define FILE_NAME_MAX 256

static bool read_at(int fd, void *to, size_t len, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, to, len, (off_t)offset) == (ssize_t)len;
}

/* The pid that notes [0, len) speak of, or -1. */
static pid_t notes_pid(const char *notes, size_t len)
{
	struct elf_prpsinfo info;
	Elf64_Nhdr note;
	size_t at = 0;

	while (len - at >= sizeof(note)) {
		size_t name, desc;

		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		desc = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name > len - at || desc > len - at - name)
			return -1;
		if (note.n_type == NT_PRPSINFO && note.n_descsz == sizeof(info)) {
			memcpy(&info, notes + at + name, sizeof(info));
			return info.pr_pid;
		}
		at += name + desc;
	}
	return -1;
}

static pid_t segment_pid(int fd, const Elf64_Phdr *segment)
{
	char *notes;
	pid_t pid = -1;

	if (segment->p_type != PT_NOTE || segment->p_filesz > NOTES_MAX)
		return -1;
	notes = malloc(segment->p_filesz + 1);
	if (notes && read_at(fd, notes, segment->p_filesz, segment->p_offset))
		pid = notes_pid(notes, segment->p_filesz);
	free(notes);
	return pid;
}

/* The process whose core an open file is, or -1 when it is none. */
static pid_t core_pid(int fd)
{
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	pid_t pid = -1;

	if (!read_at(fd, &head, sizeof(head), 0) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_type != ET_CORE || head.e_phentsize != sizeof(segment))
		return -1;
	for (unsigned i = 0; pid < 0 && i < head.e_phnum && i < SEGMENT_MAX; i++) {
		if (!read_at(fd, &segment, sizeof(segment), head.e_phoff + i * sizeof(segment)))
			return -1;
		pid = segment_pid(fd, &segment);
	}
	return pid;
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/* Finds the untaken core of `pid`: its name and when it was written. */
static int core_find(DIR *folder, pid_t pid, char ret_name[FILE_NAME_MAX], time_t *ret_time)
{
	const struct dirent *entry;
	unsigned files = 0;
	struct stat st;
	pid_t found;
	int fd;

	/* The folder is the functions' own: what they made up must not keep the controller busy. */
	while (files < FILES_MAX && (entry = readdir(folder))) {
		if (ends_in(entry->d_name, SUFFIX))
			continue;
		files++;
		fd = openat(dirfd(folder), entry->d_name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		found = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? core_pid(fd) : -1;
		close(fd);
		if (found != pid)
			continue;
		snprintf(ret_name, FILE_NAME_MAX, "%s", entry->d_name);
		*ret_time = st.st_mtime;
		return 0;
	}
	return -ENOENT;
}

/* True for a core of `name` that was taken: NAME-PID-TIME.core. */
static bool is_taken(const char *file, const char *name)
{
	size_t len = strlen(name), digits;

	if (strncmp(file, name, len) != 0 || file[len] != '-')
		return false;
	digits = strspn(file + len + 1, "0123456789");
	file += len + 1 + digits;
	return digits > 0 && *file == '-' && strlen(file + 1) == TIME_LEN + strlen(SUFFIX) &&
	       strcmp(file + 1 + TIME_LEN, SUFFIX) == 0;
}

static bool is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* Removes the oldest core of `name` when there are too many. True: there may be more. */
static bool oldest_remove(DIR *folder, const char *name)
{
	char oldest[FILE_NAME_MAX] = "";
	const struct dirent *entry;
	struct timespec written = { 0 };
	unsigned count = 0;
	struct stat st;

	rewinddir(folder);
	while (count < FILES_MAX && (entry = readdir(folder))) {
		if (!is_taken(entry->d_name, name) ||
		    fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		count++;
		if (oldest[0] && !is_before(st.st_mtim, written))
			continue;
		snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
		written = st.st_mtim;
	}
	return count > PROCESS_CORE_KEPT && unlinkat(dirfd(folder), oldest, 0) == 0;
}

int process_core_take(const char *folder, const char *name, pid_t pid,
		      char ret_path[PROCESS_CORE_PATH_MAX])
{
	char from[FILE_NAME_MAX], path[PROCESS_CORE_PATH_MAX], at[TIME_LEN + 1];
	DIR *dir = opendir(folder);
	struct tm tm;
	time_t when;
	int r, n;

	if (!dir)
		return -errno;
	r = core_find(dir, pid, from, &when);
	if (r == 0) {
		strftime(at, sizeof(at), "%Y%m%dT%H%M%SZ", gmtime_r(&when, &tm));
		n = snprintf(path, sizeof(path), "%s/%s-%d-%s" SUFFIX, folder, name, (int)pid, at);
		if (n >= (int)sizeof(path))
			r = -ENAMETOOLONG;
		else if (renameat(dirfd(dir), from, AT_FDCWD, path) < 0)
			r = -errno;
	}
	for (int i = 0; r == 0 && i < REMOVED_MAX && oldest_remove(dir, name); i++)
		;
	closedir(dir);
	if (r == 0)
		strcpy(ret_path, path);
	return r;
}
