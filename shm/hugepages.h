/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hugepages.h - 2 MiB pages of the machine: how many there are, and a limit that is raised
 * for a while.
 *
 * For: memory.c, and the commands that look at or clean up what is left of it.
 * How: surplus pages under vm.nr_overcommit_hugepages (see memory.h for why). The limit is
 * read, changed and used under a lock file shared by all processes of the machine; whoever
 * raised it lowers it by the same amount.
 * Thread-safety: any thread, any process.
 */
#ifndef SPROCKET_SHM_HUGEPAGES_H
#define SPROCKET_SHM_HUGEPAGES_H

#include <stddef.h>

#define SHM_HUGEPAGES_WHY_MAX 256

/* Pages that can be had now without changing a limit; 0 when there is no hugetlb. */
long shm_hugepages_available(void);

/* vm.nr_overcommit_hugepages of 2 MiB pages, or -errno. */
long shm_hugepages_limit(void);

/* Reserves every page of the hugetlb memfd `fd`, raising the limit by what is missing.
 * Returns 0 and *ret_raised (to be lowered again); -ENOMEM when there are too few; -EACCES
 * when they would be enough with the limit raised, which this process may not. */
int shm_hugepages_reserve(int fd, size_t size, long *ret_raised);

/* Why shm_hugepages_reserve() failed with `err`, and the fix, in one sentence. */
void shm_hugepages_explain(size_t size, int err, char why[SHM_HUGEPAGES_WHY_MAX]);

/* Lowers vm.nr_overcommit_hugepages by `pages`, never below 0: gives back what a killed
 * process had raised. Returns 0 or -errno. */
int shm_hugepages_lower(long pages);

/* Called before the limit, which is `limit` now, is changed by `change`: whoever is killed in
 * between leaves a word of it. Both under the lock. */
typedef void shm_hugepages_change(void *arg, long change, long limit);

/* Who is told from now on, in this process; NULL: nobody. */
void shm_hugepages_watch(shm_hugepages_change *call, void *arg);

/* 0 when this process may raise vm.nr_overcommit_hugepages, or -errno. Changes nothing. */
int shm_hugepages_may_raise(void);

#endif
