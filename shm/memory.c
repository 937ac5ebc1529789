// SPDX-License-Identifier: Apache-2.0
#include "shm/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/hugepages.h"

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* since Linux 6.3 */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define OWNER_NONE 4294967290U /* no user has it */

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
	err = shm_hugepages_reserve(fd, size, &raised);
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

/* Who has an fd of it has what that fd allows, and gets no more of it by opening it once more.
 * Who may not give files away, a controller without rights, keeps the owner's way to it. */
static void owner_none(int fd)
{
	if (fchmod(fd, S_IRUSR) < 0 || fchown(fd, OWNER_NONE, OWNER_NONE) < 0)
		return;
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
		if (err < 0 && why != NULL)
			shm_hugepages_explain(size, err, why);
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
	owner_none(memory.fd);
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

int shm_memory_read_only(int fd)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

static int map(int fd, size_t size, int protection, void **ret)
{
	struct stat st;
	void *base;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (size == 0 || st.st_size < 0 || (uint64_t)st.st_size < size)
		return -EINVAL; /* touching beyond the end would be a SIGBUS */
	base = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	*ret = base;
	return 0;
}

int shm_memory_map(int fd, size_t size, void **ret)
{
	return map(fd, size, PROT_READ | PROT_WRITE, ret);
}

int shm_memory_view(int fd, size_t size, void **ret)
{
	return map(fd, size, PROT_READ, ret);
}

bool shm_memory_populated(int fd, size_t size)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_blocks * 512 >= size;
}

int shm_memory_populate(void *base, size_t size)
{
	while (madvise(base, size, MADV_POPULATE_WRITE) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}
