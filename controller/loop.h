/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the controller's event loop: fds and timers, one thread.
 *
 * For: everything in the controller that waits.
 * How: epoll, one event at a time, so that a handler may remove and free any source. Timers
 * are a list; with none armed and no fd ready the process sleeps without a timeout.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_LOOP_H
#define SPROCKET_CONTROLLER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* A watched fd. Embedded in its owner; `fd` -1 = not watched. */
struct loop_source {
	int fd;
	void (*on_ready)(void *arg, uint32_t events); /* EPOLL* */
	void *arg;
};

/* A one-shot timer. Embedded in its owner, zeroed before first use. */
struct loop_timer {
	uint64_t at_ns;
	void (*on_time)(void *arg);
	void *arg;
	struct loop_timer *next;
	bool armed;
};

struct loop {
	int epoll;
	bool stopped;
	struct loop_timer *timers;
};

int loop_init(struct loop *loop);
void loop_done(struct loop *loop);

/* Watches source->fd for `events` (EPOLLIN, ...). The fd stays the caller's. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_remove(struct loop *loop, struct loop_source *source);

/* Arms `timer` (again) to fire once in `delay_ns`. */
void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns);
void loop_disarm(struct loop *loop, struct loop_timer *timer);

/* Runs until loop_stop(). Returns 0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC. */
uint64_t loop_now_ns(void);

#endif
