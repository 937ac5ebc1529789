/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - the HTTP side of a baseline: libh2o, set as Sprocket's gateway has it.
 *
 * For: peer.c, and the kinds of baselines, which give it answers.
 * How: a body is copied into a slot once and answered out of it; the slot is free again when
 * libh2o has disposed of the request. A request for which no slot is free waits in order. A client
 * that leaves leaves its slot to the functions until it is back.
 * Thread-safety: one thread.
 * Failure modes: a body above --body-max is answered 413.
 */
#ifndef SPROCKET_BENCH_FRONT_H
#define SPROCKET_BENCH_FRONT_H

#include "bench/baselines/peer.h"

/* Serves until a signal says otherwise; SIGINT, SIGTERM, SIGUSR1 and SIGCHLD must be blocked. */
void front_run(struct peer *p);

/* What the last function has sent. */
void front_answer(struct peer_item item);

/* Joins one fd to the loop: `take` is called when it can be read, and reads. */
void front_join(int fd, void (*take)(void));

/* `send` is called once, when `fd` can be written; for one fd, which it may wait for again. */
void front_writable(int fd, void (*send)(void));

#endif
