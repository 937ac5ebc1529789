/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - peer-ring: functions on shared memory, one ring for each edge, no protection at all.
 *
 * For: the floor. What any data plane with checks costs more than this is the price of the checks.
 * How: a body stays in its slot; slot and length travel (spsc.h). Each process takes all that is
 * there, hands it on together, and sleeps on its eventfd when nothing is left: the eventfd is
 * written for a consumer that sleeps, and for no other.
 * Thread-safety: one thread in each process. Failure modes: see peer.h; a function can do to the
 * others what it likes.
 */
#include <err.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/baselines/front.h"
#include "bench/baselines/spsc.h"
#include "bench/baselines/work.h"

static struct spsc *rings;                   /* ring n leads to function n; the last to the front */
static int sleepers[PEER_FUNCTIONS_MAX + 1]; /* the eventfd of each ring's consumer */
static struct spsc *back;
static int back_fd;

static void publish(unsigned n)
{
	const uint64_t one = 1;

	if (spsc_publish(&rings[n]) && write(sleepers[n], &one, sizeof(one)) < 0)
		err(1, "eventfd");
}

static void prepare(struct peer *p)
{
	rings = peer_share((p->functions + 1) * sizeof(*rings));
	for (unsigned n = 0; n <= p->functions; n++) {
		sleepers[n] = eventfd(0, EFD_CLOEXEC | (n == p->functions ? EFD_NONBLOCK : 0));
		if (sleepers[n] < 0)
			err(1, "eventfd");
	}
	back = &rings[p->functions];
	back_fd = sleepers[p->functions];
}

static void function(struct peer *p, unsigned n)
{
	struct spsc *in = &rings[n], *out = &rings[n + 1];
	uint64_t woken;

	for (;;) {
		uint32_t count = spsc_ready(in);

		if (count == 0) {
			if (spsc_sleep(in) && read(sleepers[n], &woken, sizeof(woken)) < 0 &&
			    errno != EINTR)
				err(1, "eventfd");
			continue;
		}
		for (uint32_t i = 0; i < count; i++) {
			struct peer_item item = spsc_pop(in);

			work(peer_slot(p, item.slot), item.len);
			spsc_push(out, item);
		}
		peer_passed(p, n, count);
		publish(n + 1);
	}
}

/* ---- the front ---- */

static void answer_all(void)
{
	for (uint32_t count; (count = spsc_ready(back)) > 0;)
		while (count-- > 0)
			front_answer(spsc_pop(back));
}

static void on_woken(void)
{
	uint64_t woken;

	if (read(back_fd, &woken, sizeof(woken)) < 0 && errno != EAGAIN)
		err(1, "eventfd");
	answer_all();
}

static void join(struct peer *p)
{
	(void)p;
	front_join(back_fd, on_woken);
}

static void put(struct peer *p, struct peer_item item)
{
	(void)p;
	spsc_push(&rings[0], item);
}

static bool turn(struct peer *p)
{
	(void)p;
	publish(0);
	if (spsc_sleep(back))
		return false;
	answer_all();
	return true;
}

int main(int argc, char **argv)
{
	static const struct peer_kind kind = {
		.name = "peer-ring",
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
