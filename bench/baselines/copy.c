/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c - peer-copy: functions that share nothing; bodies are copied over AF_UNIX sockets.
 *
 * For: what handing on payloads without shared memory costs.
 * How: a stream socket for each edge; eight bytes say whose body follows and how long it is. A
 * function takes as many messages as one recv brings and sends them on with one send. The front
 * gathers a turn's bodies in one sendmsg; what a socket does not take waits until it does, while
 * answers are read on: the functions' sends may block, the front's may not.
 * Thread-safety: one thread in each process. Failure modes: see peer.h.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/baselines/front.h"
#include "bench/baselines/stream.h"
#include "bench/baselines/work.h"

#define SOCKET_BUFFER (1 << 20)
#define GATHER_MAX 64U

/* Edge n leads to function n, the last to the front. */
static struct {
	int send, receive;
} edges[PEER_FUNCTIONS_MAX + 1];

static struct peer *peer;
static struct stream answers;

/* What the front has to send; as many as there are slots. */
static struct {
	struct peer_item items[PEER_SLOTS_MAX];
	uint32_t head, tail;
	size_t sent;  /* bytes of the first that are gone */
	bool waiting; /* until the socket takes more */
} outbox;

static void prepare(struct peer *p)
{
	int pair[2], size = SOCKET_BUFFER;

	for (unsigned n = 0; n <= p->functions; n++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			err(1, "socketpair");
		/* Without the right to it the default stays, which does, too. */
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		edges[n].send = pair[0];
		edges[n].receive = pair[1];
	}
	peer = p;
}

static struct stream stream_new(const struct peer *p)
{
	struct stream s = { .size = sizeof(struct peer_item) + p->body_max + STREAM_AHEAD };

	s.data = malloc(s.size);
	if (!s.data)
		errx(1, "no memory for %zu bytes: lower --body-max", s.size);
	return s;
}

/* ---- a function ---- */

static void bytes_send(int fd, const char *at, size_t left)
{
	while (left > 0) {
		ssize_t n = send(fd, at, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err(1, "send");
		at += n;
		left -= (size_t)n;
	}
}

static void function(struct peer *p, unsigned n)
{
	struct stream in = stream_new(p);

	for (;;) {
		size_t room = stream_room(&in), from = in.start;
		ssize_t len = recv(edges[n].receive, in.data + in.end, room, 0);
		struct peer_item item;
		uint64_t count = 0;
		char *body;

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			err(1, "recv");
		for (in.end += (size_t)len; stream_peek(&in, &item, &body); count++) {
			work(body, item.len);
			stream_skip(&in, &item);
		}
		peer_passed(p, n, count);
		bytes_send(edges[n + 1].send, in.data + from, in.start - from);
	}
}

/* ---- the front ---- */

static void on_answers(void)
{
	size_t room = stream_room(&answers);
	ssize_t len = recv(edges[peer->functions].receive, answers.data + answers.end, room,
			   MSG_DONTWAIT);
	struct peer_item item;
	char *body;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < 0)
		err(1, "recv");
	for (answers.end += (size_t)len; stream_peek(&answers, &item, &body);) {
		memcpy(peer_slot(peer, item.slot), body, item.len);
		stream_skip(&answers, &item);
		front_answer(item);
	}
}

static void join(struct peer *p)
{
	answers = stream_new(p);
	front_join(edges[p->functions].receive, on_answers);
}

static void put(struct peer *p, struct peer_item item)
{
	(void)p;
	outbox.items[outbox.tail++ % PEER_SLOTS_MAX] = item;
}

/* The first messages of the outbox, without what of them is sent. Returns their iovecs. */
static size_t gather(struct iovec iov[GATHER_MAX * 2])
{
	size_t count = 0, skip = outbox.sent;

	for (uint32_t i = outbox.head; i != outbox.tail && count < GATHER_MAX * 2; i++) {
		struct peer_item *item = &outbox.items[i % PEER_SLOTS_MAX];

		iov[count++] = (struct iovec){ item, sizeof(*item) };
		iov[count++] = (struct iovec){ peer_slot(peer, item->slot), item->len };
	}
	for (size_t i = 0; skip > 0; i++) {
		size_t gone = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		iov[i].iov_base = (char *)iov[i].iov_base + gone;
		iov[i].iov_len -= gone;
		skip -= gone;
	}
	return count;
}

static void outbox_advance(size_t sent)
{
	outbox.sent += sent;
	while (outbox.head != outbox.tail) {
		size_t len =
			sizeof(struct peer_item) + outbox.items[outbox.head % PEER_SLOTS_MAX].len;

		if (outbox.sent < len)
			return;
		outbox.sent -= len;
		outbox.head++;
	}
}

static void outbox_send(void)
{
	struct iovec iov[GATHER_MAX * 2];

	outbox.waiting = false;
	while (outbox.head != outbox.tail) {
		struct msghdr message = { .msg_iov = iov, .msg_iovlen = gather(iov) };
		ssize_t n = sendmsg(edges[0].send, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			outbox.waiting = true;
			front_writable(edges[0].send, outbox_send);
			return;
		}
		if (n < 0 && errno != EINTR)
			err(1, "send");
		if (n > 0)
			outbox_advance((size_t)n);
	}
}

static bool turn(struct peer *p)
{
	(void)p;
	if (!outbox.waiting)
		outbox_send();
	return false;
}

int main(int argc, char **argv)
{
	static const struct peer_kind kind = {
		.name = "peer-copy",
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
