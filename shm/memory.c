// SPDX-License-Identifier: Apache-2.0
/*
 * memory.c - hugepage limits, and the memfd made under them.
 *
 * How: mapping a hugetlb file shared makes its reservation, in the file and not in the
 * mapping; so one map and unmap at creation proves that every page is there, and the
 * reservation stays until the last holder of the file is gone.
 * Limits are read and written in sysfs by page size: vm.nr_overcommit_hugepages is about
 * the default size only, which need not be 2 MiB.
 */
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

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* since Linux 6.3 */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define HUGEPAGES_OVERCOMMIT HUGEPAGES_DIR "nr_overcommit_hugepages"
#define LOCK_FOLDER "/run/sprocket"
#define LOCK_FILE LOCK_FOLDER "/hugepages.lock"
#define LOCK_FILE_FALLBACK "/tmp/sprocket-hugepages.lock"
#define LOCK_TRY_NS 10000000L /* between two tries */
#define LOCK_TRIES 500
#define WHY_SIZE 256

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

static int limit_add(long pages)
{
	long limit = number_read(HUGEPAGES_OVERCOMMIT);

	if (limit < 0)
		return (int)limit;
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

/* Raises the limit by what is missing and reserves, as one step for everyone who takes the
 * lock. Returns 0 and *ret_raised, or -errno with the limit as it was. */
static int reserve_raised(int fd, size_t size, long *ret_raised)
{
	struct room room;
	struct lock lock;
	long missing = 0;
	int err = shm_hugepages_may_raise();

	if (err == 0)
		err = lock_take(&lock);
	if (err != 0)
		return err;
	err = room_read(&room);
	if (err == 0) {
		missing = (long)(size / SHM_HUGEPAGE_SIZE) - room.free - room.surplus;
		err = missing > memory_pages() ? -ENOMEM : 0;
	}
	if (err == 0 && missing > 0)
		err = limit_add(missing);
	if (err == 0) {
		err = reserve(fd, size);
		if (err < 0 && missing > 0)
			limit_add(-missing);
	}
	lock_give(&lock);
	if (err == 0)
		*ret_raised = missing > 0 ? missing : 0;
	return err;
}

static void explain(size_t size, int err, char *why)
{
	long need = (long)(size / SHM_HUGEPAGE_SIZE);
	struct room room;
	long enough; /* vm.nr_hugepages that would do */

	if (why == NULL)
		return;
	if (room_read(&room) < 0) {
		snprintf(why, WHY_SIZE,
			 "this kernel offers no 2 MiB hugepages (CONFIG_HUGETLBFS); "
			 "use `hugepages: never` or another kernel");
		return;
	}
	enough = room.persistent + (need > room.free ? need - room.free : 0);
	if (err == -ENOMEM)
		snprintf(why, WHY_SIZE,
			 "the kernel found no %ld free hugepages of 2 MiB; free some "
			 "memory, or run `sysctl vm.nr_hugepages=%ld` soon after boot",
			 need, enough);
	else
		snprintf(why, WHY_SIZE,
			 "%ld hugepages of 2 MiB needed, %ld free, and the limit cannot be raised "
			 "(%s); run `sysctl vm.nr_hugepages=%ld` as root, or start as root",
			 need, shm_hugepages_available(), strerror(-err), enough);
}

static int memfd_sized(const char *name, size_t size, unsigned int extra)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | extra;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	int err;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Returns 0 and fd and overcommit in *ret, or -errno. */
static int create_huge(const char *name, size_t size, struct shm_memory *ret)
{
	int fd = memfd_sized(name, size, MFD_HUGETLB | MFD_HUGE_2MB);
	long raised = 0;
	int err;

	if (fd < 0)
		return fd;
	err = reserve(fd, size);
	if (err == -ENOMEM)
		err = reserve_raised(fd, size, &raised);
	if (err < 0) {
		close(fd);
		return err;
	}
	*ret = (struct shm_memory){ .fd = fd, .huge = true, .size = size, .overcommit = raised };
	return 0;
}

static int create_ordinary(const char *name, size_t size, struct shm_memory *ret)
{
	int fd = memfd_sized(name, size, 0);

	if (fd < 0)
		return fd;
	*ret = (struct shm_memory){ .fd = fd, .size = size };
	return 0;
}

int shm_memory_create(const char *name, size_t size, enum shm_hugepages want,
		      struct shm_memory *ret, char *why)
{
	struct shm_memory memory = { .fd = -1 };
	int err = 0;

	if (why != NULL)
		why[0] = '\0';
	if (size == 0 || size % SHM_HUGEPAGE_SIZE != 0 || size > PTRDIFF_MAX)
		return -EINVAL;
	if (want != SHM_HUGEPAGES_NEVER) {
		err = create_huge(name, size, &memory);
		if (err < 0)
			explain(size, err, why);
		if (err < 0 && want == SHM_HUGEPAGES_REQUIRED)
			return -ENOMEM;
	}
	if (!memory.huge)
		err = create_ordinary(name, size, &memory);
	if (err < 0)
		return err;
	if (fcntl(memory.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		err = -errno;
		shm_memory_done(&memory);
		return err;
	}
	*ret = memory;
	return 0;
}

void shm_memory_done(struct shm_memory *memory)
{
	if (memory == NULL)
		return;
	if (memory->fd >= 0)
		close(memory->fd);
	memory->fd = -1;
	shm_hugepages_lower(memory->overcommit);
	memory->overcommit = 0;
}

int shm_memory_map(int fd, size_t size, void **ret)
{
	struct stat st;
	void *base;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (size == 0 || st.st_size < 0 || (uint64_t)st.st_size < size)
		return -EINVAL; /* touching beyond the end would be a SIGBUS */
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	*ret = base;
	return 0;
}

int shm_memory_populate(void *base, size_t size)
{
	while (madvise(base, size, MADV_POPULATE_WRITE) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}
