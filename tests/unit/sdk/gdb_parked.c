// SPDX-License-Identifier: Apache-2.0
/* gdb_parked.c - for test_gdb.py: handlers that wait, on two threads, and one that runs. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "functions/sdk/fiber.h"
#include "functions/sdk/request.h"

#define EACH 2 /* handlers on each thread */

struct lane {
	struct sdk_fibers fibers;
	struct sp_worker worker;
	struct sp_request requests[EACH];
	struct sdk_fiber *parked[EACH];
};

static struct lane lanes[2];
static pthread_barrier_t barrier;
static struct {
	struct shm_header header;
	char id[16];
} buffer = { .id = "client-7" };

/* Where gdb stops. */
__attribute__((noinline)) static void all_wait(void)
{
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static int innermost(struct sdk_fibers *fibers, int depth)
{
	sdk_fiber_park(fibers);
	__asm__ volatile("" ::: "memory"); /* or the call is a jump, which leaves no frame */
	return depth;
}

__attribute__((noinline)) static int recurses(struct sdk_fibers *fibers, int depth)
{
	if (depth == 0)
		return innermost(fibers, depth);
	return recurses(fibers, depth - 1) + 1;
}

static void handler(void *arg)
{
	struct sp_request *req = arg;
	struct lane *lane = &lanes[req->header.number >= 20];

	if (recurses(&lane->fibers, 3) != 3)
		abort();
}

static void runs(void *arg)
{
	(void)arg;
	all_wait();
}

static void begin(struct lane *lane, int i)
{
	struct sp_request *req = &lane->requests[i];

	req->worker = &lane->worker;
	req->header.number = (uint64_t)((lane - lanes + 1) * 10 + i);
	req->waits_for = i ? "catalog" : "a buffer";
	if (req->header.number == 21)
		req->header.deadline_ns = 1;
	if (req->header.number == 11) {
		req->slot.at = &buffer.header;
		req->header.id = (struct shm_slice){ sizeof(buffer.header), 8 };
	}
	if (sdk_fiber_run(&lane->fibers, handler, req, &lane->parked[i]))
		abort();
}

static void *serve(void *arg)
{
	struct lane *lane = arg;
	struct sp_request running = { .worker = &lane->worker, .header.number = 30 };
	struct sdk_fiber *none;

	lane->worker.name = lane == lanes ? "home" : "cart";
	if (sdk_fibers_init(&lane->fibers, 0))
		abort();
	for (int i = 0; i < EACH; i++)
		begin(lane, i);
	pthread_barrier_wait(&barrier);
	if (lane == lanes && sdk_fiber_run(&lane->fibers, runs, &running, &none))
		abort();
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < EACH; i++)
		if (!sdk_fiber_resume(&lane->fibers, lane->parked[i]))
			abort();
	sdk_fibers_done(&lane->fibers);
	return NULL;
}

int main(void)
{
	pthread_t other;

	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&other, NULL, serve, &lanes[1]))
		return 1;
	serve(&lanes[0]);
	pthread_join(other, NULL);
	puts("all have returned");
	return 0;
}
