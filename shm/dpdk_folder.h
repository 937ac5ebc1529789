/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpdk_folder.h - the folders that DPDK makes while it starts, also when told to share none.
 *
 * For: shm_dpdk_init(), which gives each process its own and removes them; and whoever
 * outlives a process that was killed while it started. Needs no DPDK.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_SHM_DPDK_FOLDER_H
#define SPROCKET_SHM_DPDK_FOLDER_H

#include <sys/types.h>

#define SHM_DPDK_FOLDER_MAX 64
#define SHM_DPDK_FOLDERS 3 /* it makes two more in the one it is given */

/* Path of the n-th folder of process `pid`, the innermost first. */
void shm_dpdk_folder(pid_t pid, unsigned n, char ret[SHM_DPDK_FOLDER_MAX]);

/* Removes the folders of `pid` that there are; only empty ones go. */
void shm_dpdk_folder_remove(pid_t pid);

#endif
