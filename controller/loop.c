// SPDX-License-Identifier: Apache-2.0
#include "controller/loop.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "controller/clock.h"

uint64_t loop_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int loop_init(struct loop *loop)
{
	*loop = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll < 0 ? -errno : 0;
}

void loop_done(struct loop *loop)
{
	if (loop->epoll >= 0)
		close(loop->epoll);
	loop->epoll = -1;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = source };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &e) < 0 ? -errno : 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	if (source->fd >= 0)
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = -1;
}

void loop_disarm(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **at = &loop->timers;

	if (!timer->armed)
		return;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->armed = false;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns)
{
	struct loop_timer **at = &loop->timers;

	loop_disarm(loop, timer);
	timer->at_ns = loop_now_ns() + delay_ns;
	while (*at && (*at)->at_ns <= timer->at_ns)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
	timer->armed = true;
}

/* Fires what is due; returns milliseconds until the next, or -1. */
static int timers_run(struct loop *loop)
{
	while (loop->timers && !loop->stopped) {
		struct loop_timer *timer = loop->timers;
		uint64_t now = loop_now_ns();

		if (timer->at_ns > now) {
			uint64_t ms = (timer->at_ns - now + 999999) / 1000000;

			return ms > INT_MAX ? INT_MAX : (int)ms;
		}
		loop_disarm(loop, timer);
		timer->on_time(timer->arg);
	}
	return -1;
}

int loop_run(struct loop *loop)
{
	loop->stopped = false;
	while (!loop->stopped) {
		struct epoll_event e;
		int timeout = timers_run(loop), n;

		if (loop->stopped)
			break;
		n = epoll_wait(loop->epoll, &e, 1, timeout);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 1) {
			struct loop_source *source = e.data.ptr;

			source->on_ready(source->arg, e.events);
		}
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
