/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - programs in the place of `sprocket run`, as shell scripts.
 *
 * For: the tests of bench/target.h. How: a build folder of their own, with a blank in its name.
 * Thread-safety: one thread. Failure modes: a failed assertion.
 */
#ifndef TEST_BENCH_SERVER_H
#define TEST_BENCH_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "bench/target/target.h"

#define READY "echo 'ready http://127.0.0.1:8080/in'\n"
#define GOOD "trap 'kill $!; exit 0' INT TERM\nsleep 1000 &\n" READY "wait\n"
#define POLL_S 20

extern char server_chain[64]; /* a chain file that nobody reads */

int server_setup(void **state);
int server_teardown(void **state);

/* Files of the folder: $F of the scripts. */
void server_write(const char *name, const char *text, mode_t mode);
void server_read(const char *name, char text[256]); /* its first line */
bool server_has(const char *name);

/* Servers that are left of those that this process has started. */
unsigned server_left(void);

/* Starts what the script says. Its arguments are those of `sprocket`. */
int server_start(const char *script, const struct bench_target_options *options,
		 struct bench_target *ret, char error[BENCH_ERROR_TEXT]);
void server_start_good(const char *script, struct bench_target *ret);
/* It does not start, tells why, and leaves nothing. */
void server_start_bad(const char *script, int code, const char *words);
/* It does not stop well, that is told, and it leaves nothing. */
void server_stop_bad(struct bench_target *t, int code, const char *words);
void server_stop_good(struct bench_target *t);

#endif
