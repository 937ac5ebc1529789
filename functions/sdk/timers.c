// SPDX-License-Identifier: Apache-2.0
/*
 * timers.c - when tasks that wait are woken at the latest: a binary heap by time.
 */
#include "functions/sdk/loop.h"

static void place(struct sdk_loop *loop, uint32_t at, struct sdk_task *task)
{
	loop->heap[at] = task;
	task->timer = at + 1;
}

static void up(struct sdk_loop *loop, uint32_t at, struct sdk_task *task)
{
	for (; at > 0 && loop->heap[(at - 1) / 2]->wake_ns > task->wake_ns; at = (at - 1) / 2)
		place(loop, at, loop->heap[(at - 1) / 2]);
	place(loop, at, task);
}

static void down(struct sdk_loop *loop, uint32_t at, struct sdk_task *task)
{
	for (uint32_t child = 2 * at + 1; child < loop->heap_count; child = 2 * at + 1) {
		if (child + 1 < loop->heap_count &&
		    loop->heap[child + 1]->wake_ns < loop->heap[child]->wake_ns)
			child++;
		if (loop->heap[child]->wake_ns >= task->wake_ns)
			break;
		place(loop, at, loop->heap[child]);
		at = child;
	}
	place(loop, at, task);
}

void sdk_timer_set(struct sdk_task *task, uint64_t wake_ns)
{
	struct sdk_loop *loop = task->loop;

	task->wake_ns = wake_ns;
	up(loop, loop->heap_count++, task);
}

void sdk_timer_clear(struct sdk_task *task)
{
	struct sdk_loop *loop = task->loop;
	uint32_t at = task->timer - 1;
	struct sdk_task *last;

	if (task->timer == 0)
		return;
	task->timer = 0;
	last = loop->heap[--loop->heap_count];
	if (last == task)
		return;
	if (at > 0 && loop->heap[(at - 1) / 2]->wake_ns > last->wake_ns)
		up(loop, at, last);
	else
		down(loop, at, last);
}

void sdk_timers_run(struct sdk_loop *loop, uint64_t now)
{
	while (loop->heap_count > 0 && loop->heap[0]->wake_ns <= now) {
		struct sdk_task *task = loop->heap[0];

		sdk_timer_clear(task);
		sdk_task_wake(task);
	}
}
