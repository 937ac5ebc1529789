/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - the memory of a pool: a sealed memfd, on hugepages where they are to be had.
 *
 * For: the controller creates it, the gateway populates it, functions map it.
 * How: free hugepages of the machine are used first. When they are too few and we may,
 * vm.nr_overcommit_hugepages is raised by what is missing: such surplus pages are taken
 * when the memory is mapped and go back to the kernel by themselves when the last mapping
 * goes, also after kill -9. shm_memory_done() lowers the limit again, and not sooner: a
 * function that punches a hole into the memory gives pages away, and the next touch needs
 * room under the limit to get one back, or it is a SIGBUS.
 * Seals (SHRINK, GROW, SEAL): nobody can change the size, so nobody can give the others
 * SIGBUS. The gateway populates all of it at start (MADV_POPULATE_WRITE), so that pages
 * are charged to it and a shortage is an error at start, not SIGBUS later.
 * Thread-safety: calls on different memories may run at once; the limit of hugepages is
 * changed under a lock file shared by all processes of the machine.
 */
#ifndef SPROCKET_SHM_MEMORY_H
#define SPROCKET_SHM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHM_HUGEPAGE_SIZE (2UL << 20)

enum shm_hugepages {
	SHM_HUGEPAGES_AUTO,     /* use them when they can be had */
	SHM_HUGEPAGES_REQUIRED, /* an error without */
	SHM_HUGEPAGES_NEVER,
};

struct shm_memory {
	int fd;          /* the memfd; -1 = none */
	bool huge;       /* on hugepages */
	size_t size;     /* bytes */
	long overcommit; /* pages that vm.nr_overcommit_hugepages was raised by for it */
};

/*
 * Creates and seals a memfd of `size` bytes (a multiple of SHM_HUGEPAGE_SIZE).
 * Returns 0 and *ret; -ENOMEM when hugepages are REQUIRED and cannot be had, or there is
 * no memory; other -errno of the system. With AUTO, ret->huge tells what it became; `why`
 * (if not NULL, at least 256 bytes) gets a sentence with the fix when it is not huge
 * although it was wanted, and is "" otherwise.
 */
int shm_memory_create(const char *name, size_t size, enum shm_hugepages want,
		      struct shm_memory *ret, char *why);

/* An fd of the same memory that can be mapped for reading alone, the caller's: neither mprotect()
 * nor another mapping makes it writable. Nor does opening it once more by /proc, unless whoever
 * does so has rights over the files of others: it belongs to nobody. (F_SEAL_FUTURE_WRITE would
 * end writing for those who start later, too.) Returns it, or -errno. */
int shm_memory_read_only(int fd);

/* Closes the fd and lowers the hugepage limit again. The memory lives on while mapped. */
void shm_memory_done(struct shm_memory *memory);

/* Maps `size` bytes of a pool's memfd, shared. Returns 0 and *ret, or -errno. */
int shm_memory_map(int fd, size_t size, void **ret);
/* The same, for reading. */
int shm_memory_view(int fd, size_t size, void **ret);

/* True when the pages of `size` bytes exist already: another process populated them. */
bool shm_memory_populated(int fd, size_t size);

/* Faults in every page for writing. Returns 0, or -errno (-EFAULT or -ENOMEM: too few). */
int shm_memory_populate(void *base, size_t size);

#endif
