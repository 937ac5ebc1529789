// SPDX-License-Identifier: Apache-2.0
#include "shm/dpdk_folder.h"

#include <stdio.h>
#include <unistd.h>

void shm_dpdk_folder(pid_t pid, unsigned n, char ret[SHM_DPDK_FOLDER_MAX])
{
	static const char *const inner[SHM_DPDK_FOLDERS] = { "/dpdk/rte", "/dpdk", "" };

	snprintf(ret, SHM_DPDK_FOLDER_MAX, "/tmp/sprocket-dpdk-%d%s", (int)pid, inner[n]);
}

void shm_dpdk_folder_remove(pid_t pid)
{
	char path[SHM_DPDK_FOLDER_MAX];

	for (unsigned n = 0; n < SHM_DPDK_FOLDERS; n++) {
		shm_dpdk_folder(pid, n, path);
		rmdir(path);
	}
}
