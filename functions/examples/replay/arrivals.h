/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arrivals.h - when which request comes in: a text file, one request a line.
 *
 *     # seconds  method  path  [body, up to the end of the line]
 *     0.000      POST    /motion  17 1000
 *     240.000    POST    /snapshot  @snapshots/017.jpg
 *
 * For: replay. How: read once, as a whole; a body that begins with @ is a file, its name
 * relative to the folder of the arrivals. A file that many lines name is read once.
 * Thread-safety: read-only once loaded.
 */
#ifndef REPLAY_ARRIVALS_H
#define REPLAY_ARRIVALS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRIVAL_MAX 1000000U
#define ARRIVAL_LINE_MAX 4096U
#define ARRIVAL_SECONDS_MAX 1e7       /* of a due time: about four months */
#define ARRIVAL_BODY_MAX (16UL << 20) /* bytes of one file */
#define ARRIVAL_METHOD_MAX 7U
#define ARRIVAL_REASON_MAX 256U

struct arrival_body {
	char *name; /* of the file; NULL: the text stood in the line */
	char *data;
	size_t len;
};

struct arrival {
	uint64_t due_ns; /* from the beginning; not below the line before */
	char method[ARRIVAL_METHOD_MAX + 1];
	char *path;
	size_t body; /* index into bodies */
};

struct arrivals {
	struct arrival *list;
	size_t count;
	struct arrival_body *bodies;
	size_t body_count;
	char reason[ARRIVAL_REASON_MAX]; /* why reading failed, in words, with the line's number */
};

/* Reads a file; `folder` is where its @names are. Returns 0, or -EINVAL, -E2BIG, -ENOMEM or
 * what opening a body failed with, and ret->reason. Always to be ended with arrivals_done(). */
int arrivals_read(FILE *file, const char *folder, struct arrivals *ret);
void arrivals_done(struct arrivals *arrivals);

#endif
