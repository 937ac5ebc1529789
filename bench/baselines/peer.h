/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h - a baseline: a front and N functions, each a process, which it starts and stops.
 *
 * For: the programs peer-bare, peer-ring, peer-poll, peer-seqpacket and peer-copy. They have all
 * in common but how a request goes from one process to the next: struct peer_kind.
 * How: peer_main() reads the arguments, makes a pool of slots on the memory that a chain of
 * Sprocket has its pool on, forks the functions, and serves HTTP (front.h) until SIGINT or SIGTERM.
 * SIGUSR1 prints how many requests each function has passed. Functions end with the front, however
 * that ends.
 * Thread-safety: one thread in each process.
 * Failure modes: exit 1 with the reason on stderr, also when a function ends; exit 2 for wrong
 * arguments.
 */
#ifndef SPROCKET_BENCH_PEER_H
#define SPROCKET_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/baselines/arguments.h"

#define PEER_SLOTS_MAX 1024U
#define PEER_SLOTS_MIN 8U
#define PEER_POOL_SIZE (64UL << 20) /* unless the fewest slots are larger */

struct peer;

/* What goes from hand to hand. */
struct peer_item {
	uint32_t slot, len;
};

struct peer_kind {
	const char *name;
	unsigned functions_min;
	uint32_t slots_max; /* requests under way at most; more of them wait in the front */
	/* Before the fork: makes what the processes share. Ends the process when it cannot. */
	void (*prepare)(struct peer *p);
	/* In the process of function `n` (0 is the first): never returns. */
	void (*function)(struct peer *p, unsigned n);
	/* In the front, when its loop is there. */
	void (*join)(struct peer *p);
	/* A request is in the slot: sends it to the first function, or keeps it until the turn ends. */
	void (*put)(struct peer *p, struct peer_item item);
	/* A turn of the front's loop has ended. True: there is more to do, so do not sleep. */
	bool (*turn)(struct peer *p);
};

/* How many requests a function has passed: its own cache line, which the front reads. */
struct peer_count {
	_Alignas(64) uint64_t passed;
};

struct peer {
	const struct peer_kind *kind;
	unsigned functions;
	size_t body_max, stride;
	uint32_t slot_count;
	bool failed; /* a function has ended */
	char *pool;
	struct peer_count *counts;
	int listen_fd;
	char address[32]; /* HOST:PORT */
	pid_t children[PEER_FUNCTIONS_MAX];
};

static inline char *peer_slot(const struct peer *p, uint32_t slot)
{
	return p->pool + slot * p->stride;
}

static inline void peer_passed(struct peer *p, unsigned n, uint64_t count)
{
	__atomic_store_n(&p->counts[n].passed, p->counts[n].passed + count, __ATOMIC_RELAXED);
}

/* Zeroed memory that the processes share; ends the process without. */
void *peer_share(size_t size);

/* The baseline's whole life. Returns the exit code. */
int peer_main(const struct peer_kind *kind, int argc, char **argv);

/* The front's orders by signal. False: it is to end. */
bool peer_signal(struct peer *p, int signal_fd);

#endif
