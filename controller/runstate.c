// SPDX-License-Identifier: Apache-2.0
#include "controller/runstate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/runstate_file.h"

struct entry {
	bool used;
	pid_t pid; /* 0: a path */
};

struct runstate {
	int fd;
	char folder[RUNSTATE_FOLDER_MAX];
	char path[RUNSTATE_FOLDER_MAX + 32];
	struct entry entries[RUNSTATE_ENTRY_MAX];
};

int runstate_process_start(pid_t pid, uint64_t *ret)
{
	char path[64], text[1024];
	char *at;
	ssize_t n;
	int fd;
	char state;
	uint64_t start;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	/* The name in parentheses may hold anything, so look from its end. */
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1,
			  " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			  "%*s %*s %*s %*s %" SCNu64,
			  &state, &start) != 2)
		return -ESRCH;
	if (state == 'Z' || state == 'X')
		return -ESRCH;
	*ret = start;
	return 0;
}

void boot_id_read(char ret[BOOT_ID_SIZE])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, ret, BOOT_ID_SIZE - 1) : 0;

	if (fd >= 0)
		close(fd);
	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

int runstate_folder(unsigned int n, char ret[RUNSTATE_FOLDER_MAX])
{
	const char *named = getenv("SPROCKET_RUN_FOLDER");
	const char *user = getenv("XDG_RUNTIME_DIR");
	int len;

	if (named && *named)
		len = n == 0 ? snprintf(ret, RUNSTATE_FOLDER_MAX, "%s", named) : -1;
	else if (n == 0)
		len = snprintf(ret, RUNSTATE_FOLDER_MAX, "/run/sprocket");
	else if (n == 1 && user && *user == '/')
		len = snprintf(ret, RUNSTATE_FOLDER_MAX, "%s/sprocket", user);
	else if (n == 1)
		len = snprintf(ret, RUNSTATE_FOLDER_MAX, "/tmp/sprocket-%u",
			       (unsigned int)geteuid());
	else
		len = -1;
	if (len < 0)
		return -ENOENT;
	return len < RUNSTATE_FOLDER_MAX ? 0 : -ENAMETOOLONG;
}

/* In /tmp anybody may have made the folder first: it must be ours. */
static int folder_make(const char *folder)
{
	struct stat st;

	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(folder, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() ? 0 : -EACCES;
}

static int record_write(const struct runstate *state, size_t number, const char *text)
{
	char line[RECORD_WIDTH];
	size_t len = strlen(text);

	if (len >= sizeof(line))
		return -ENAMETOOLONG;
	memset(line, ' ', sizeof(line));
	memcpy(line, text, len);
	line[sizeof(line) - 1] = '\n';
	if (pwrite(state->fd, line, sizeof(line), (off_t)(number * sizeof(line))) !=
	    (ssize_t)sizeof(line))
		return errno ? -errno : -ENOSPC;
	return 0;
}

static int header_write(const struct runstate *state)
{
	char text[RECORD_WIDTH], boot[BOOT_ID_SIZE];
	uint64_t start;
	int r = runstate_process_start(getpid(), &start);

	if (r < 0)
		return r;
	boot_id_read(boot);
	snprintf(text, sizeof(text), "run %d %" PRIu64 " %s", (int)getpid(), start, boot);
	return record_write(state, RECORD_RUN, text);
}

static int file_make(struct runstate *state)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int r = folder_make(state->folder);

	if (r < 0)
		return r;
	snprintf(state->path, sizeof(state->path), "%s/%d.run", state->folder, (int)getpid());
	state->fd = open(state->path, flags, 0644);
	/* A killed run had the same pid: what it left goes first. */
	if (state->fd < 0 && errno == EEXIST && runstate_clean_file(state->path))
		state->fd = open(state->path, flags, 0644);
	if (state->fd < 0)
		return -errno;
	r = header_write(state);
	if (r < 0)
		unlink(state->path);
	return r;
}

int runstate_open(struct runstate **ret)
{
	struct runstate *state = calloc(1, sizeof(*state));
	int r = -ENOENT;

	if (!state)
		return -ENOMEM;
	state->fd = -1;
	for (unsigned int n = 0; runstate_folder(n, state->folder) == 0; n++) {
		r = file_make(state);
		if (r == 0 || r == -EEXIST)
			break;
	}
	if (r < 0) {
		if (state->fd >= 0)
			close(state->fd);
		free(state);
		return r;
	}
	*ret = state;
	return 0;
}

struct runstate *runstate_close(struct runstate *state)
{
	if (!state)
		return NULL;
	unlink(state->path);
	rmdir(state->folder); /* stays when another run has its record there */
	close(state->fd);
	free(state);
	return NULL;
}

static int entry_add(struct runstate *state, pid_t pid, const char *text)
{
	for (size_t i = 0; i < RUNSTATE_ENTRY_MAX; i++) {
		int r;

		if (state->entries[i].used)
			continue;
		r = record_write(state, RECORD_ENTRIES + i, text);
		if (r == 0)
			state->entries[i] = (struct entry){ .used = true, .pid = pid };
		return r;
	}
	return -ENOSPC;
}

int runstate_add_child(struct runstate *state, pid_t pid)
{
	char text[RECORD_WIDTH];
	uint64_t start;
	int r = pid > 0 ? runstate_process_start(pid, &start) : -ESRCH;

	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "child %d %" PRIu64, (int)pid, start);
	return entry_add(state, pid, text);
}

void runstate_remove_child(struct runstate *state, pid_t pid)
{
	for (size_t i = 0; pid > 0 && i < RUNSTATE_ENTRY_MAX; i++) {
		if (!state->entries[i].used || state->entries[i].pid != pid)
			continue;
		/* When this fails the entry names a process that is gone: harmless. */
		record_write(state, RECORD_ENTRIES + i, "");
		state->entries[i].used = false;
	}
}

int runstate_set_overcommit(struct runstate *state, long pages)
{
	char text[RECORD_WIDTH];

	snprintf(text, sizeof(text), "overcommit %ld", pages);
	return record_write(state, RECORD_OVERCOMMIT, text);
}

void runstate_change_overcommit(void *arg, long change, long limit)
{
	struct runstate *state = arg;
	char text[RECORD_WIDTH];

	snprintf(text, sizeof(text), "overcommit %ld above %ld", labs(change),
		 change < 0 ? limit + change : limit);
	record_write(state, RECORD_OVERCOMMIT, text);
}

int runstate_add_path(struct runstate *state, const char *path)
{
	char text[RECORD_WIDTH];

	if (path[0] != '/' || strchr(path, '\n'))
		return -EINVAL;
	if (strlen(path) >= RUNSTATE_PATH_MAX)
		return -ENAMETOOLONG;
	snprintf(text, sizeof(text), "path %s", path);
	return entry_add(state, 0, text);
}
