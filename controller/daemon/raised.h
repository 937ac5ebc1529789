/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raised.h - what the machine's limit of hugepages was raised by, all chains together, in a file.
 *
 * For: the daemon that follows when this one and the fdstore die at once: nobody else knows then
 * what to give back.
 * How: one number in the run folder, written anew when it changes; before the limit is changed also
 * by what, and above which limit.
 * Thread-safety: one thread; one daemon per run folder.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_RAISED_H
#define SPROCKET_CONTROLLER_DAEMON_RAISED_H

/* Pages; 0 when there is no such file. Who died while it changed the limit has written both what
 * was sure and what it was about: `limit`, as it is now, tells whether it came to that. */
long raised_read(const char *path, long limit);

/* The limit, `limit` now, is about to be changed by `change`; `pages` is what it is raised by. */
void raised_ahead(const char *path, long pages, long change, long limit);

/* 0 pages remove the file. A file that cannot be written costs the daemon after us a limit that
 * stays raised, no more. */
void raised_write(const char *path, long pages);

#endif
