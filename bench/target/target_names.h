/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target_names.h - what the name of a target stands for.
 *
 * For: target.c, which starts it; target_mix.c, which says what it is asked.
 * How: programs are looked for beside our own: in a build folder ($SPROCKET_BUILD, or the one that
 * we lie in), else where they are installed.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_BENCH_TARGET_NAMES_H
#define SPROCKET_BENCH_TARGET_NAMES_H

#include <limits.h>
#include <netdb.h>

#include "bench/target/target.h"

enum bench_target_kind {
	BENCH_TARGET_URL,
	BENCH_TARGET_ECHO, /* an example that answers with what it was sent */
	BENCH_TARGET_BOUTIQUE,
	BENCH_TARGET_MOTION,
	BENCH_TARGET_PARKING,
	BENCH_TARGET_SOCIAL,
	BENCH_TARGET_BIG,
	BENCH_TARGET_HELLO,
	BENCH_TARGET_PEER,
	BENCH_TARGET_GRPC,
	BENCH_TARGET_FILE, /* a chain of one's own */
};

/* What `name` is; *ret_number is N, 0 for those without. Returns the kind, or -EINVAL with `error`:
 * a number that is none, or out of range. What is no name is a file. */
int bench_target_parse(const char *name, unsigned *ret_number, char error[BENCH_ERROR_TEXT]);

struct bench_command {
	const char *argv[BENCH_TARGET_ARGS_MAX + 1];
	unsigned count;
	const char *make; /* what builds argv[0] */
	int file;         /* a chain file that was written for it, to be closed once it runs; -1 */
	size_t text_len;
	char text[16384]; /* what argv points to */
};

/* Returns 0 and *ret, or -errno with `error`: -EINVAL for what is no name and no file (the nearest
 * name is in `error`), -ENOENT without the example's chain file. */
int bench_target_command(const char *name, const struct bench_target_options *options,
			 struct bench_command *ret, char error[BENCH_ERROR_TEXT]);

enum bench_place { BENCH_PLACE_SPROCKET, BENCH_PLACE_EXAMPLES, BENCH_PLACE_PEERS };

/* The path of what lies there, whether or not it does. Returns 0 or -ENAMETOOLONG. */
int bench_target_place(enum bench_place place, const char *file, char path[PATH_MAX]);
/* A file of an example: "parking/snapshot". Returns 0, or -ENOENT with `error`. Both are in
 * target_places.c. */
int bench_target_example(const char *file, char path[PATH_MAX], char error[BENCH_ERROR_TEXT]);

/* Fills in url, host, path, address. Returns 0, or -EINVAL, -EHOSTUNREACH with `error`.
 * target_url.c */
int bench_target_url(struct bench_target *t, const char *url, char error[BENCH_ERROR_TEXT]);

#endif
