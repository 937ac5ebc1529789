/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.h - turns what the controller hands over into a process that serves: one thread for
 * each worker, of which the first is the caller's own.
 *
 * Thread-safety: one thread for each process struct; several may live in one process.
 */
#ifndef SPROCKET_SDK_START_H
#define SPROCKET_SDK_START_H

#include "functions/sdk/loop.h"

struct sdk_process;

/* Takes the wiring from socket `sock` (owned from now on), starts the function in each of its
 * threads and tells the controller once all are ready. Returns 0 and *ret; -errno when one
 * failed: said on stderr and to the controller. */
int sdk_process_start(const sp_function *function, int sock, struct sdk_process **ret);
/* Serves until all workers were told to stop: 0; or until a socket failed: -errno, and the
 * other threads go on: end the process. */
int sdk_process_run(struct sdk_process *process);
/* After a run that returned 0, or without one: stops the function and frees all. Takes NULL. */
struct sdk_process *sdk_process_free(struct sdk_process *process);

#endif
