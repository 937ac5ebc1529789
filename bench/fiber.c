// SPDX-License-Identifier: Apache-2.0
/*
 * fiber.c - bench-fiber: what it costs that a handler runs on a stack of its own.
 *
 * usage: bench-fiber [-r ROUNDS]
 *
 * Prints a line for each way, "NAME NS NS ...", nanoseconds of one, round by round; the ways
 * take turns. `call` is there to compare: what the same handler costs on the thread's stack.
 * Exit codes: 0 measured, 1 not, 2 wrong arguments.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "functions/sdk/fiber.h"

#define ROUNDS_MAX 1000
#define REPEATS 200000
#define MANY 1000 /* parked at once: their stacks do not fit into the first cache */

static struct sdk_fibers fibers;
static uint64_t passes; /* counted inside of handlers, to prove that they ran */

static void returns(void *arg)
{
	++*(uint64_t *)arg;
}

static void parks(void *arg)
{
	uint64_t *stop_at = arg;

	while (passes < *stop_at) {
		passes++;
		sdk_fiber_park(&fibers);
	}
}

static void start(sdk_fiber_fn *fn, void *arg, struct sdk_fiber **ret)
{
	if (sdk_fiber_run(&fibers, fn, arg, ret) == 0)
		return;
	fputs("bench-fiber: no stack: memory, or vm.max_map_count\n", stderr);
	exit(1);
}

static void by_call(void)
{
	sdk_fiber_fn *volatile fn = returns;

	for (int i = 0; i < REPEATS; i++)
		fn(&passes);
}

/* A handler that never waits. */
static void by_run(void)
{
	struct sdk_fiber *fiber;

	for (int i = 0; i < REPEATS; i++)
		start(returns, &passes, &fiber);
}

/* `count` handlers that wait in turn, each time one: there and back. */
static void by_turns(int count)
{
	static struct sdk_fiber *parked[MANY];
	uint64_t stop_at = REPEATS; /* a multiple of count */

	for (int i = 0; i < count; i++)
		start(parks, &stop_at, &parked[i]);
	while (passes < stop_at)
		for (int i = 0; i < count; i++)
			sdk_fiber_resume(&fibers, parked[i]);
	for (int i = 0; i < count; i++) /* nothing is left to do: they return */
		sdk_fiber_resume(&fibers, parked[i]);
}

static void by_one(void)
{
	by_turns(1);
}

static void by_many(void)
{
	by_turns(MANY);
}

static struct {
	const char *name;
	void (*run)(void);
	double ns[ROUNDS_MAX];
} ways[] = { { "call", by_call, { 0 } },
	     { "run", by_run, { 0 } },
	     { "resume-park", by_one, { 0 } },
	     { "resume-park-many", by_many, { 0 } } };
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void round_run(size_t way, long number)
{
	double began;

	passes = 0;
	began = now_ns();
	ways[way].run();
	if (number >= 0) /* before: warming up */
		ways[way].ns[number] = (now_ns() - began) / REPEATS;
	if (passes == REPEATS && fibers.parked_count == 0)
		return;
	fprintf(stderr, "bench-fiber: %s: a handler did not run as often as it had to\n",
		ways[way].name);
	exit(1);
}

int main(int argc, char **argv)
{
	long rounds = 15;
	char *end = NULL;

	if (argc == 3 && argv[1][0] == '-' && argv[1][1] == 'r')
		rounds = strtol(argv[2], &end, 10);
	if ((argc != 1 && !end) || (end && *end) || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench-fiber [-r ROUNDS], from 1 to %d\n", ROUNDS_MAX);
		return 2;
	}
	if (sdk_fibers_init(&fibers, 0))
		return 1;
	for (long number = -1; number < rounds; number++)
		for (size_t way = 0; way < WAYS; way++)
			round_run(way, number);
	sdk_fibers_done(&fibers);
	for (size_t way = 0; way < WAYS; way++) {
		printf("%s", ways[way].name);
		for (long number = 0; number < rounds; number++)
			printf(" %.2f", ways[way].ns[number]);
		printf("\n");
	}
	return 0;
}
