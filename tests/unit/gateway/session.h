/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - a gateway on the rig with one client connected, and room for a second.
 *
 * For: tests in which one thing after the other happens to one gateway. One at a time.
 */
#ifndef SPROCKET_TESTS_GATEWAY_SESSION_H
#define SPROCKET_TESTS_GATEWAY_SESSION_H

#include "client.h"
#include "rig.h"

extern struct rig rig;
extern struct client c, other; /* `c` is connected by start() */
extern struct reply reply;

void start(uint32_t workers, uint32_t timeout_ms, uint32_t buffers);
/* Ends it; every buffer must be in the pool again. */
void stop(void);

/* Posts a small body from `c`; its descriptor, as the function receives it. */
struct sp_desc post(void);

#define SESSION_CALLEE_FN 2U

/* A buffer of class `cls` from worker 1, in the stock of RIG_FN_SLOT. */
struct sp_desc session_lease(uint32_t cls);

/* A call, or a message when `home` is a worker, that left for function 2: the kernel's part. */
struct sp_desc session_leave(uint32_t home, uint32_t to);

#endif
