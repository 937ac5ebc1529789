/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logstore.h - the lines of all chains, kept on disk and passed on to whoever follows.
 *
 * For: the daemon. How: FOLDER/CHAIN/SOURCE.log, a line "2026-01-02T03:04:05.678901Z text"
 * each; a file that would grow beyond LOGSTORE_FILE_MAX becomes SOURCE.log.1, that one .2,
 * and so on, LOGSTORE_OLD of them. Files are opened when a line comes, and at most
 * LOGSTORE_OPEN_MAX stay open. Names are of a-z, 0-9 and dashes; others are refused.
 * Text is input: control characters and what is not UTF-8 are kept as \xNN, so that neither
 * a terminal nor a JSON parser meets them.
 * Failure modes: a full disk or an unwritable folder costs lines, which are counted, and
 * nothing else; it is told once, and once more when lines are kept again. Half a line is
 * never left. Files and folders that somebody removes are made anew.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_LOGSTORE_H
#define SPROCKET_CONTROLLER_LOGSTORE_H

#include <stddef.h>
#include <stdint.h>

#define LOGSTORE_FILE_MAX (8U << 20)
#define LOGSTORE_OLD 3
#define LOGSTORE_OPEN_MAX 64
#define LOGSTORE_NAME_MAX 80    /* of a chain or source, with the NUL */
#define LOGSTORE_TEXT_MAX 4096  /* bytes of a line as it comes; the rest is cut off */
#define LOGSTORE_TAIL_MAX 10000 /* lines of one logstore_tail() */
#define LOGSTORE_TAIL_BYTES (32U << 20)
#define LOGSTORE_CALM_NS 1000000000ULL /* no line lost for so long: the trouble is over */

struct logstore;

/* A follower; the caller's. */
struct logstore_listener {
	void (*line)(void *arg, const char *chain, const char *source, const char *time,
		     const char *text);
	void *arg;
	struct logstore_listener *next; /* the store's */
};

typedef void logstore_tell_fn(void *arg, const char *sentence);
typedef void logstore_tail_fn(void *arg, const char *time, const char *source, const char *line);

/* The folder is made when the first line comes. Returns 0 and *ret; -ENAMETOOLONG, -ENOMEM. */
int logstore_open(const char *folder, struct logstore **ret);
/* Takes NULL. */
struct logstore *logstore_close(struct logstore *store);

/* Calls `tell` when lines begin to be lost and when they are kept again. */
void logstore_on_trouble(struct logstore *store, logstore_tell_fn *tell, void *arg);
/* Lines lost so far. */
uint64_t logstore_lost(const struct logstore *store);

/* Keeps a line and passes it on. Returns 0; -EINVAL for a name that is none; -errno when it
 * could not be kept: listeners have got it all the same. */
int logstore_line(struct logstore *store, const char *chain, const char *source,
		  uint64_t realtime_ns, const char *text, size_t len);

/* The last `lines` lines of a source, of all instances of a function (by its name), or of all
 * (NULL), in the order of time; oldest first.
 * Returns 0, also when there are none; -EINVAL, -ENOMEM. */
int logstore_tail(struct logstore *store, const char *chain, const char *source, unsigned lines,
		  logstore_tail_fn *on_line, void *arg);

/* Forgets a chain: its files are gone. */
void logstore_remove(struct logstore *store, const char *chain);

/* From now on `listener` gets every line; in its call it may take itself or others out, but
 * add no line. */
void logstore_listen(struct logstore *store, struct logstore_listener *listener);
void logstore_unlisten(struct logstore *store, struct logstore_listener *listener);

#endif
