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

#endif
