/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.c - peer-poll: functions on shared memory that never sleep, DPDK's ring for each edge.
 *
 * For: what polling gains over waking, and what it costs: each process takes all the CPU time that
 * it can get, also when there is nothing to do.
 * How: a body stays in its slot; slot and length travel. Who finds its ring empty yields the core,
 * as otherwise processes that share one would each spin through their time slice before the one
 * that has work may run; with a core each the yield returns at once. The front polls its sockets
 * without waiting in the same manner.
 * DPDK's environment is not started: a ring needs memory only.
 * Thread-safety: one thread in each process. Failure modes: see peer.h.
 */
#include <err.h>
#include <sched.h>
#include <string.h>

#include <rte_ring.h>

#include "bench/baselines/front.h"
#include "bench/baselines/work.h"

#define BATCH 64U
/* A ring holds one less than its size. */
#define RING_SIZE (2U * PEER_SLOTS_MAX)

_Static_assert(sizeof(struct peer_item) == sizeof(void *), "an item travels as a pointer");

static struct rte_ring *rings[PEER_FUNCTIONS_MAX + 1]; /* ring n leads to function n */
static struct rte_ring *back;

/* What the front has for the first function, until the turn ends. */
static struct peer_item outbox[PEER_SLOTS_MAX];
static unsigned outbox_count;

static void prepare(struct peer *p)
{
	ssize_t size = rte_ring_get_memsize(RING_SIZE);

	for (unsigned n = 0; n <= p->functions; n++) {
		rings[n] = peer_share((size_t)size);
		if (rte_ring_init(rings[n], "edge", RING_SIZE, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0)
			errx(1, "rte_ring_init");
	}
	back = rings[p->functions];
}

/* All fit: a ring is larger than there are slots. */
static void items_send(struct rte_ring *ring, const struct peer_item *items, unsigned count)
{
	if (rte_ring_sp_enqueue_bulk_elem(ring, items, sizeof(*items), count, NULL) != count)
		errx(1, "a ring is full");
}

static unsigned items_take(struct rte_ring *ring, struct peer_item items[BATCH])
{
	return rte_ring_sc_dequeue_burst_elem(ring, items, sizeof(*items), BATCH, NULL);
}

static void function(struct peer *p, unsigned n)
{
	struct peer_item items[BATCH];

	for (;;) {
		unsigned count = items_take(rings[n], items);

		if (count == 0) {
			sched_yield();
			continue;
		}
		for (unsigned i = 0; i < count; i++)
			work(peer_slot(p, items[i].slot), items[i].len);
		peer_passed(p, n, count);
		items_send(rings[n + 1], items, count);
	}
}

/* ---- the front ---- */

static void join(struct peer *p)
{
	(void)p;
}

static void put(struct peer *p, struct peer_item item)
{
	(void)p;
	outbox[outbox_count++] = item;
}

static bool turn(struct peer *p)
{
	struct peer_item items[BATCH];
	unsigned count, taken = 0, sent = outbox_count;

	(void)p;
	if (sent > 0)
		items_send(rings[0], outbox, sent);
	outbox_count = 0;
	for (; (count = items_take(back, items)) > 0; taken += count)
		for (unsigned i = 0; i < count; i++)
			front_answer(items[i]);
	if (taken == 0)
		sched_yield();
	return true;
}

int main(int argc, char **argv)
{
	static const struct peer_kind kind = {
		.name = "peer-poll",
		.functions_min = 1,
		.slots_max = PEER_SLOTS_MAX,
		.prepare = prepare,
		.function = function,
		.join = join,
		.put = put,
		.turn = turn,
	};

	return peer_main(&kind, argc, argv);
}
