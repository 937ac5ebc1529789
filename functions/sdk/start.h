/* SPDX-License-Identifier: Apache-2.0 */
/* start.h - turns what the controller hands over into a loop that can run. Once, at start;
 * single-threaded. */
#ifndef SPROCKET_SDK_START_H
#define SPROCKET_SDK_START_H

#include "functions/sdk/loop.h"

struct sdk_process;

/* Takes the wiring from socket `sock` (owned from now on), starts the function and tells
 * the controller. Returns 0 and *ret; -errno when it failed: said on stderr and to the
 * controller. */
int sdk_process_start(const sp_function *function, int sock, struct sdk_process **ret);
struct sdk_loop *sdk_process_loop(struct sdk_process *process);
/* Stops the function and frees all. Takes NULL. */
struct sdk_process *sdk_process_free(struct sdk_process *process);

#endif
