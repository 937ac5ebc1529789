/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.h - sprocketd gives up what it needs neither itself nor for what it starts.
 *
 * For: main.c, once the daemon serves. How: capabilities that are left are those to load the
 * kernel's program, to make namespaces and mounts, to give children their user and to reach
 * files; modules, clocks, raw devices and the machine's life are out of reach for it and all
 * its children, by capability and by a filter of system calls (sproxy/filter.h).
 * Thread-safety: called once.
 * Failure modes: -errno: it goes on with what it has.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_RIGHTS_H
#define SPROCKET_CONTROLLER_DAEMON_RIGHTS_H

int rights_drop(void);

#endif
