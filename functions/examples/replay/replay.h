/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.h - plays arrivals against a chain, and says how long the answers took.
 *
 * For: the command `replay`. How: each connection is a thread. It takes the next arrival,
 * waits until that is due, asks, and takes the time from when it was due, not from when it
 * was sent: who waits for a free connection, or for a server that stands still, is seen.
 * Thread-safety: player_run() starts and ends its threads; the rest is for one thread.
 */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrivals.h"

#define REPLAY_CONNECTION_MAX 1024U
#define REPLAY_ANSWER_MAX 65536U /* bytes kept of an answer, where answers are kept */
#define REPLAY_PATH_MAX 512U
#define REPLAY_LATE_NS 1000000U /* sent so long after it was due counts as late */

struct outcome {
	uint64_t took_ns; /* from when it was due */
	uint64_t late_ns; /* from when it was due until it was sent */
	long status;      /* 0: no answer */
	char *answer;     /* with `keep`: the body, NUL-terminated */
	char *path;       /* functions that it went through; NULL: not told (run with --trace) */
};

struct player {
	const struct arrivals *arrivals;
	const char *url; /* scheme, host and port; the path stands in the arrivals */
	double speed;    /* 2: twice as fast */
	unsigned connections;
	double timeout_s;  /* of one request */
	bool keep;         /* answers */
	uint64_t began_ns; /* CLOCK_MONOTONIC */
	uint64_t ended_ns;
	struct outcome *outcomes; /* one for each arrival */
	size_t next;              /* arrival to take up; atomic */
};

/* Plays it all. Returns 0 or -errno; what came of each request is in outcomes. Always to be
 * ended with player_done(). */
int player_run(struct player *player);
void player_done(struct player *player);

/* Prints the summary. Returns how many requests failed: no answer, or status 400 and above. */
size_t report_print(const struct player *player);

#endif
