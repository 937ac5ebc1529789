/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seqpacket.c - peer-seqpacket: functions on shared memory, descriptors over AF_UNIX SEQPACKET.
 *
 * For: what the plainest way to hand on a descriptor through the kernel costs.
 * How: a body stays in its slot. Each function waits in recv for a descriptor of 16 bytes, works,
 * and sends it on: two system calls a hop, nothing gathered. The front sends each descriptor as its
 * request comes, and takes all that are there.
 * No send blocks for ever: a socket takes all requests that can be under way.
 * Thread-safety: one thread in each process. Failure modes: see peer.h.
 */
#include <err.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/baselines/front.h"
#include "bench/baselines/work.h"

/* A descriptor takes 768 bytes of a socket's buffer, whose default is 208 KiB. */
#define SLOTS_MAX 256

/* As long as Sprocket's. */
struct descriptor {
	struct peer_item item;
	uint64_t unused;
};
_Static_assert(sizeof(struct descriptor) == 16, "16 bytes");

/* Edge n leads to function n, the last to the front. */
static struct {
	int send, receive;
} edges[PEER_FUNCTIONS_MAX + 1];
static int back;

static void prepare(struct peer *p)
{
	int pair[2];

	for (unsigned n = 0; n <= p->functions; n++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
			err(1, "socketpair");
		edges[n].send = pair[0];
		edges[n].receive = pair[1];
	}
	back = edges[p->functions].receive;
}

static void descriptor_send(unsigned edge, const struct descriptor *d)
{
	ssize_t n;

	do
		n = send(edges[edge].send, d, sizeof(*d), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		err(1, "send");
}

static void function(struct peer *p, unsigned n)
{
	struct descriptor d;

	for (;;) {
		ssize_t len = recv(edges[n].receive, &d, sizeof(d), 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len != (ssize_t)sizeof(d))
			err(1, "recv");
		work(peer_slot(p, d.item.slot), d.item.len);
		peer_passed(p, n, 1);
		descriptor_send(n + 1, &d);
	}
}

/* ---- the front ---- */

static void answer_all(void)
{
	struct descriptor d;

	while (recv(back, &d, sizeof(d), MSG_DONTWAIT) == (ssize_t)sizeof(d))
		front_answer(d.item);
}

static void join(struct peer *p)
{
	(void)p;
	front_join(back, answer_all);
}

static void put(struct peer *p, struct peer_item item)
{
	const struct descriptor d = { .item = item };

	(void)p;
	descriptor_send(0, &d);
}

static bool turn(struct peer *p)
{
	(void)p;
	return false;
}

int main(int argc, char **argv)
{
	static const struct peer_kind kind = {
		.name = "peer-seqpacket",
		.functions_min = 1,
		.slots_max = SLOTS_MAX,
		.prepare = prepare,
		.function = function,
		.join = join,
		.put = put,
		.turn = turn,
	};

	return peer_main(&kind, argc, argv);
}
