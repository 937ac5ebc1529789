// SPDX-License-Identifier: Apache-2.0
/*
 * How: mapping a hugetlb file shared makes its reservation, in the file and not in the
 * mapping; so one map and unmap proves that every page is there, and the reservation stays
 * until the last holder of the file is gone.
 * Limits are read and written in sysfs by page size: vm.nr_overcommit_hugepages is about
 * the default size only, which need not be 2 MiB.
 */
#include "shm/hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shm/memory.h"

#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define HUGEPAGES_OVERCOMMIT HUGEPAGES_DIR "nr_overcommit_hugepages"
#define LOCK_FOLDER "/run/sprocket"
#define LOCK_FILE LOCK_FOLDER "/hugepages.lock"
#define LOCK_FILE_FALLBACK "/tmp/sprocket-hugepages.lock"
#define LOCK_TRY_NS 10000000L /* between two tries */
#define RESERVE_TRIES 3
#define LOCK_TRIES 500

/* Room for hugepages, in pages. */
struct room {
	long persistent; /* vm.nr_hugepages */
	long free;       /* free and not promised to anyone */
	long surplus;    /* that may still be added under the limit; negative when it was lowered
			  * while they were in use */
};

/* The lock on the limit, held. */
struct lock {
	int fd;
	const char *path;
};

static long number_read(const char *path)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

static int number_write(const char *path, long value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld", value);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)len) != len)
		err = -errno;
	close(fd);
	return err;
}

/* 0 and *ret, or -ENOENT when the kernel has no 2 MiB pages. The counts are read one after
 * the other and may disagree while others take pages: a hint, never a promise. */
static int room_read(struct room *ret)
{
	long total = number_read(HUGEPAGES_DIR "nr_hugepages");
	long free_pages = number_read(HUGEPAGES_DIR "free_hugepages");
	long promised = number_read(HUGEPAGES_DIR "resv_hugepages");
	long surplus = number_read(HUGEPAGES_DIR "surplus_hugepages");
	long limit = number_read(HUGEPAGES_OVERCOMMIT);

	if (total < 0 || free_pages < 0 || promised < 0 || surplus < 0 || limit < 0)
		return -ENOENT;
	ret->persistent = total > surplus ? total - surplus : 0;
	ret->free = free_pages > promised ? free_pages - promised : 0;
	ret->surplus = limit - surplus;
	return 0;
}

/* Pages' worth of memory that the kernel can find without swapping. Asked before a limit is
 * raised: reserving more than there is would drive the whole machine into reclaim first. */
static long memory_pages(void)
{
	char line[128];
	unsigned long kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "MemAvailable: %lu kB", &kib) == 1)
			break;
	}
	fclose(file);
	return (long)(kib / (SHM_HUGEPAGE_SIZE >> 10));
}

/* Opens the lock file, which exists only while someone needs it. */
static int lock_open(const char **ret_path)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	int fd;

	mkdir(LOCK_FOLDER, 0755);
	*ret_path = LOCK_FILE;
	fd = open(LOCK_FILE, flags, 0600);
	if (fd >= 0 || errno == ENOENT)
		return fd;
	*ret_path = LOCK_FILE_FALLBACK;
	return open(LOCK_FILE_FALLBACK, flags, 0600);
}

/* Returns 0 and *ret, or -errno. A holder works for milliseconds; the number of tries is
 * bounded so that a stopped one cannot stop others for good. */
static int lock_take(struct lock *ret)
{
	const struct timespec pause = { .tv_nsec = LOCK_TRY_NS };

	for (int i = 0; i < LOCK_TRIES; i++) {
		const char *path;
		struct stat st;
		int fd = lock_open(&path);

		if (fd < 0 && errno != ENOENT)
			return -errno;
		/* No link: the last holder removed it between our open and our lock. */
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
		    st.st_nlink > 0) {
			*ret = (struct lock){ .fd = fd, .path = path };
			return 0;
		}
		if (fd >= 0)
			close(fd);
		nanosleep(&pause, NULL);
	}
	return -EBUSY;
}

static void lock_give(struct lock *lock)
{
	unlink(lock->path);
	rmdir(LOCK_FOLDER); /* stays when anything else is in it */
	close(lock->fd);
}

static struct {
	shm_hugepages_change *call;
	void *arg;
} watcher;

void shm_hugepages_watch(shm_hugepages_change *call, void *arg)
{
	watcher.call = call;
	watcher.arg = arg;
}

static int limit_add(long pages)
{
	long limit = number_read(HUGEPAGES_OVERCOMMIT);

	if (limit < 0)
		return (int)limit;
	if (watcher.call)
		watcher.call(watcher.arg, pages, limit);
	limit += pages;
	return number_write(HUGEPAGES_OVERCOMMIT, limit > 0 ? limit : 0);
}

int shm_hugepages_lower(long pages)
{
	struct lock lock;
	int err;

	if (pages <= 0)
		return 0;
	err = lock_take(&lock);
	if (err != 0)
		return err;
	err = limit_add(-pages);
	lock_give(&lock);
	return err;
}

int shm_hugepages_may_raise(void)
{
	int fd = open(HUGEPAGES_OVERCOMMIT, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

long shm_hugepages_limit(void)
{
	return number_read(HUGEPAGES_OVERCOMMIT);
}

long shm_hugepages_available(void)
{
	struct room room;

	if (room_read(&room) < 0)
		return 0;
	return room.free + (room.surplus > 0 ? room.surplus : 0);
}

/* Makes the reservation of every page. Returns 0 or -errno (-ENOMEM: too few). */
static int reserve(int fd, size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	munmap(base, size);
	return 0;
}

/* Raises the limit by what is missing, and reserves. Returns 0 and *ret_raised, or -errno
 * with the limit as it was. The caller has the lock. */
static int reserve_missing(int fd, size_t size, long *ret_raised)
{
	struct room room;
	long missing;
	int err = room_read(&room);

	if (err < 0)
		return err;
	missing = (long)(size / SHM_HUGEPAGE_SIZE) - room.free - room.surplus;
	if (missing > memory_pages())
		return -ENOMEM;
	if (missing > 0)
		err = limit_add(missing);
	if (err == 0)
		err = reserve(fd, size);
	if (err == 0)
		*ret_raised = missing > 0 ? missing : 0;
	else if (missing > 0)
		limit_add(-missing);
	return err;
}

/* Reserves as one step for everyone who takes the lock. Others, who cannot raise the limit,
 * may still take what was counted as free: then once more. */
static int reserve_raised(int fd, size_t size, long *ret_raised)
{
	struct lock lock;
	int err = lock_take(&lock);

	if (err != 0)
		return err;
	for (int i = 0; i < RESERVE_TRIES; i++) {
		err = reserve_missing(fd, size, ret_raised);
		if (err != -ENOMEM)
			break;
	}
	lock_give(&lock);
	return err;
}

int shm_hugepages_reserve(int fd, size_t size, long *ret_raised)
{
	int may = shm_hugepages_may_raise();
	int err = may == 0 ? reserve_raised(fd, size, ret_raised) : reserve(fd, size);

	return err == -ENOMEM && may < 0 ? may : err;
}

void shm_hugepages_explain(size_t size, int err, char why[SHM_HUGEPAGES_WHY_MAX])
{
	long need = (long)(size / SHM_HUGEPAGE_SIZE);
	struct room room;
	long enough; /* vm.nr_hugepages that would do */

	if (room_read(&room) < 0) {
		snprintf(why, SHM_HUGEPAGES_WHY_MAX,
			 "this kernel offers no 2 MiB hugepages (CONFIG_HUGETLBFS); "
			 "use `hugepages: never` or another kernel");
		return;
	}
	enough = room.persistent + (need > room.free ? need - room.free : 0);
	if (err == -ENOMEM)
		snprintf(why, SHM_HUGEPAGES_WHY_MAX,
			 "the kernel found no %ld free hugepages of 2 MiB; free some "
			 "memory, or run `sysctl vm.nr_hugepages=%ld` soon after boot",
			 need, enough);
	else
		snprintf(why, SHM_HUGEPAGES_WHY_MAX,
			 "%ld hugepages of 2 MiB needed, %ld free, and the limit cannot be raised "
			 "(%s); run `sysctl vm.nr_hugepages=%ld` as root, or start as root",
			 need, shm_hugepages_available(), strerror(-err), enough);
}
