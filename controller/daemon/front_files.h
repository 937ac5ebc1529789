/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front_files.h - the front's certificate files: read, and watched for changes.
 *
 * How: their folders are watched, not the files: certbot and Kubernetes put new ones in place
 * by a rename, of a file or of a folder that a link leads through. After a change there is
 * quiet for FRONT_FILES_QUIET_NS before they are read, so that certificate and key fit.
 * Thread-safety: one thread, the loop's.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_FRONT_FILES_H
#define SPROCKET_CONTROLLER_DAEMON_FRONT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "controller/loop.h"

#define FRONT_FILES 3 /* certificate, key, client authorities */
#define FRONT_FILES_QUIET_NS 200000000ULL

struct front_bytes {
	char *data; /* NULL: no such file */
	size_t len;
};

struct front_files {
	struct loop *loop;
	const char *paths[FRONT_FILES]; /* the caller's; NULL: none */
	struct front_bytes bytes[FRONT_FILES];
	struct loop_source watch;
	struct loop_timer quiet;
	void (*on_change)(void *arg); /* read them now */
	void *arg;
};

/* Begins to watch; `paths` stay the caller's. Returns 0 or -errno. */
int front_files_init(struct front_files *files, struct loop *loop,
		     const char *const paths[FRONT_FILES], void (*on_change)(void *arg), void *arg);

/* Reads all. Returns 1 when they differ from those read last, 0 when not; -errno with *ret_path
 * when one cannot be read, and nothing has changed. */
int front_files_read(struct front_files *files, const char **ret_path);

/* They are as memfds in ret[0..count): returns the count, or -errno. */
int front_files_memfds(const struct front_files *files, int ret[FRONT_FILES]);

void front_files_done(struct front_files *files);

/* A memfd of these bytes, or -errno. */
int front_files_memfd(const void *data, size_t len);

#endif
