// SPDX-License-Identifier: Apache-2.0
#include "shm/dpdk_clock.h"

#include <errno.h>
#include <time.h>

static bool hurried;

void shm_dpdk_clock_hurry(bool on)
{
	__atomic_store_n(&hurried, on, __ATOMIC_RELAXED);
}

__attribute__((visibility("default"))) int nanosleep(const struct timespec *wait,
						     struct timespec *left)
{
	static const struct timespec most = { .tv_nsec = SHM_DPDK_SLEEP_NS };
	bool cut = __atomic_load_n(&hurried, __ATOMIC_RELAXED);
	int err = clock_nanosleep(CLOCK_REALTIME, 0, cut ? &most : wait, left);

	errno = err ? err : errno;
	return err ? -1 : 0;
}
