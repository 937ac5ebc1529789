/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raised.h - what the machine's limit of hugepages was raised by, all chains together, in a file.
 *
 * For: the daemon that follows when this one and the fdstore die at once: nobody else knows then
 * what to give back.
 * How: one number in the run folder, written anew when it changes. It may be older than what is
 * true by a chain that was just being made.
 * Thread-safety: one thread; one daemon per run folder.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_RAISED_H
#define SPROCKET_CONTROLLER_DAEMON_RAISED_H

/* Pages; 0 when there is no such file. */
long raised_read(const char *path);

/* 0 pages remove the file. A file that cannot be written costs the daemon after us a limit that
 * stays raised, no more. */
void raised_write(const char *path, long pages);

#endif
