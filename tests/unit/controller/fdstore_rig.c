/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controller/fdstore_rig.h"

#include <poll.h>
#include <sys/mman.h>
#include <time.h>

int64_t fdstore_rig_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

pid_t fdstore_rig_find(const char *path)
{
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	assert_non_null(proc);
	for (struct dirent *d; !found && (d = readdir(proc));) {
		char name[300], text[512] = "";
		size_t n, first;
		FILE *file;

		snprintf(name, sizeof(name), "/proc/%s/cmdline", d->d_name);
		file = fopen(name, "re");
		n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
		if (file)
			fclose(file);
		first = strlen(text);
		if (n > first + 1 && strstr(text, "sprocket-fdstore") &&
		    !strcmp(text + first + 1, path))
			found = atoi(d->d_name);
	}
	closedir(proc);
	return found;
}

int fdstore_rig_fds(pid_t pid)
{
	char path[64];
	int count = -2;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

void fdstore_rig_reopen(struct fdstore_rig *f)
{
	fdstore_close(f->store);
	f->store = NULL;
	assert_int_equal(fdstore_open(f->path, false, &f->store), 0);
}

int fdstore_rig_setup(void **state)
{
	struct fdstore_rig *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->folder, "/tmp/fdstore-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/s", f->folder);
	assert_int_equal(fdstore_open(f->path, true, &f->store), 0);
	for (int64_t end = fdstore_rig_now_ms() + FDSTORE_RIG_WAIT_MS;
	     !f->pid && fdstore_rig_now_ms() < end;)
		f->pid = fdstore_rig_find(f->path); /* it may not have reached execve() yet */
	assert_int_not_equal(f->pid, 0);
	assert_int_equal(fdstore_remove(f->store, "answered"), 0);
	*state = f;
	return 0;
}

int fdstore_rig_remove(struct fdstore_entry *entry, void *arg)
{
	return fdstore_remove(arg, entry->name);
}

int fdstore_rig_teardown(void **state)
{
	struct fdstore_rig *f = *state;

	if (f->store) {
		assert_int_equal(fdstore_list(f->store, fdstore_rig_remove, f->store), 0);
		assert_int_equal(fdstore_quit(f->store), 0);
		fdstore_close(f->store);
	}
	assert_int_equal(rmdir(f->folder), 0); /* neither socket nor lock is left */
	free(f);
	return 0;
}

int fdstore_rig_file(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

void fdstore_rig_file_check(int fd, const char *text)
{
	char got[64] = "";

	assert_true(pread(fd, got, sizeof(got) - 1, 0) >= 0);
	assert_string_equal(got, text);
}

int fdstore_rig_count(struct fdstore_entry *entry, void *arg)
{
	struct fdstore_rig_seen *seen = arg;

	seen->last = *entry;
	seen->entries++;
	seen->fds += entry->fd_count;
	for (size_t i = 0; seen->take && i < entry->fd_count; i++)
		entry->fds[i] = -1;
	return 0;
}

bool fdstore_rig_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, FDSTORE_RIG_WAIT_MS) == 1;
}
