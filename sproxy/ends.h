/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ends.h - the two socket pairs of an instance, before they are put into maps.
 *
 * For: sproxy.c. Linux has no socketpair() for TCP, so one is made over loopback.
 * Failure modes: -EADDRNOTAVAIL and kin when loopback is down; a stranger that connects to
 * the short-lived listener first is turned away.
 * Thread-safety: none needed.
 */
#ifndef SPROCKET_SPROXY_ENDS_H
#define SPROCKET_SPROXY_ENDS_H

/* Two connected TCP sockets, close-on-exec. Returns 0 and ret[0], ret[1], or -errno. */
int ends_tcp_pair(int ret[2]);

/* Two connected AF_UNIX stream sockets, close-on-exec. */
int ends_unix_pair(int ret[2]);

#endif
