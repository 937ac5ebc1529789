// SPDX-License-Identifier: Apache-2.0
#include "shm/dpdk_folder.h"

#include <stdio.h>
#include <unistd.h>

void shm_dpdk_folder(pid_t pid, char ret[SHM_DPDK_FOLDER_MAX])
{
	snprintf(ret, SHM_DPDK_FOLDER_MAX, "/tmp/sprocket-dpdk-%d", (int)pid);
}

void shm_dpdk_folder_remove(pid_t pid)
{
	static const char *const inner[] = { "/dpdk/rte", "/dpdk", "" };
	char folder[SHM_DPDK_FOLDER_MAX], path[SHM_DPDK_FOLDER_MAX + 16];

	shm_dpdk_folder(pid, folder);
	for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++) {
		snprintf(path, sizeof(path), "%s%s", folder, inner[i]);
		rmdir(path);
	}
}
