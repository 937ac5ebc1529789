/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpdk_folder.h - the folder that DPDK makes while it starts, also when told to share none.
 *
 * For: shm_dpdk_init(), which gives each process one of its own and removes it; and whoever
 * outlives a process that was killed while it started. Needs no DPDK.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_SHM_DPDK_FOLDER_H
#define SPROCKET_SHM_DPDK_FOLDER_H

#include <sys/types.h>

#define SHM_DPDK_FOLDER_MAX 48

void shm_dpdk_folder(pid_t pid, char ret[SHM_DPDK_FOLDER_MAX]);

/* Removes the folder of `pid`, if there is one; only empty folders go. */
void shm_dpdk_folder_remove(pid_t pid);

#endif
