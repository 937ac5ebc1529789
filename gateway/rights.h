/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.h - a gateway gives up what it needed to start.
 *
 * For: main.c, between the last thing that needs rights and the first request. How: it becomes
 * a user that nobody else is, with no capability, and may from then on make only the system
 * calls of one that serves (sproxy/filter.h): no program is executed, no socket made, no file
 * system mounted by whoever takes it over.
 * Thread-safety: called once, before the workers; threads that others started have it too.
 * Failure modes: -errno: it must not serve then.
 */
#ifndef SPROCKET_GATEWAY_RIGHTS_H
#define SPROCKET_GATEWAY_RIGHTS_H

#include <stdint.h>

/* `user` 0: stays who it is. */
int gw_rights_drop(uint32_t user);

/* Of the front, which goes on to connect to gateways, by paths that are root's. */
int gw_rights_drop_front(void);

#endif
