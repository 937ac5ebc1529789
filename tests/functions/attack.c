/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack.c - what a hostile function writes to its sockets: messages that the kernel program
 * must refuse, and some it may let through without harm. See hostile.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/functions/hostile.h"

static struct sp_desc reply_of(struct sp_desc d)
{
	d.edge = SP_EDGE_REPLY;
	d.flags &= SP_DESC_QOS_MASK | SP_DESC_ELEPHANT;
	return d;
}

static bool attack_raw(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)d;
	hostile_send(h, order->kind, order->bytes, order->byte_count);
	return false;
}

/* The descriptor passed on last: of a finished request, or of one another function holds. */
static bool attack_last(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)d;
	h->last.edge = SP_EDGE_REPLY;
	hostile_send(h, order->kind, &h->last, sizeof(h->last));
	return false;
}

static bool attack_stale(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d = reply_of(d);
	d.gen += order->has_value ? (uint32_t)order->value : (uint32_t)-1;
	hostile_send(h, order->kind, &d, sizeof(d));
	return false;
}

static bool attack_edge(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d.edge = (uint8_t)order->value;
	hostile_send(h, order->kind, &d, sizeof(d));
	return false;
}

static bool attack_index(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d = reply_of(d);
	d.buf = order->has_value ? (uint32_t)order->value : h->wiring->layout.buffer_count;
	hostile_send(h, order->kind, &d, sizeof(d));
	return false;
}

/* A buffer that another holds now, its generation guessed right up to the guess's range. */
static bool attack_other(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d = reply_of(d);
	d.buf = (d.buf + 1 + (uint32_t)order->value) % h->wiring->layout.buffer_count;
	hostile_send(h, order->kind, &d, sizeof(d));
	return false;
}

static bool attack_size(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc row[2 * SP_BATCH_MAX];
	size_t n = (size_t)order->value;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		row[i] = reply_of(d);
	hostile_send(h, order->kind, row, n < sizeof(row) ? n : sizeof(row));
	return false;
}

static bool attack_twice(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d = reply_of(d);
	hostile_send(h, order->kind, &d, sizeof(d));
	hostile_send(h, order->kind, &d, sizeof(d));
	return true;
}

static bool attack_twice_batch(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc row[2] = { reply_of(d), reply_of(d) };

	hostile_send(h, order->kind, row, sizeof(row));
	return false;
}

/* A good descriptor and a held one; the second differs in edge (value 0) or home. */
static bool attack_mixed(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc row[2] = { reply_of(d), reply_of(d) };

	if (h->held_count)
		row[1] = reply_of(h->held[h->held_count - 1]);
	if (order->value == 0)
		row[1].edge = SP_EDGE_RELEASE;
	else
		row[1].home ^= 1;
	hostile_send(h, order->kind, row, sizeof(row));
	return false;
}

static bool attack_home(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d = reply_of(d);
	d.home = order->has_value ? (uint16_t)order->value : (uint16_t)h->wiring->workers[0].slot;
	hostile_send(h, order->kind, &d, sizeof(d));
	return false;
}

static bool attack_length(struct hostile *h, struct sp_desc d, const struct order *order)
{
	const struct shm_class *c = shm_layout_class(&h->wiring->layout, d.buf);

	d = reply_of(d);
	d.len = order->has_value ? (uint32_t)order->value : c->size + 1;
	hostile_send(h, order->kind, &d, sizeof(d));
	return false;
}

/* Asks for lease buffers without waiting for the answers, until refused. */
static bool attack_refill(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc ask = { .edge = SP_EDGE_REFILL, .len = 1, .home = d.home };
	uint64_t i;

	for (i = 0; i < order->count; i++)
		if (hostile_send(h, NULL, &ask, sizeof(ask)) < 0)
			break;
	fprintf(stderr, "refill: refused after %llu\n", (unsigned long long)i);
	return false;
}

/* One refill with a class (value) and a count (seed) that make no sense. */
static bool attack_refill_garbage(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc ask = { .buf = (uint32_t)order->value,
			       .len = (uint32_t)order->seed,
			       .edge = SP_EDGE_REFILL,
			       .flags = 0xff,
			       .home = d.home };

	hostile_send(h, order->kind, &ask, sizeof(ask));
	return false;
}

/* Lease buffers by the rules, as many as can be had, none given back. */
static bool attack_hoard(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc ask = { .edge = SP_EDGE_REFILL, .len = 1, .home = d.home };

	h->hoard_left = (uint32_t)order->value;
	hostile_send(h, order->kind, &ask, sizeof(ask));
	return false;
}

/* A grant, as only a gateway may send it; value: to which slot. */
static bool attack_grant(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d.edge = SP_EDGE_GRANT;
	d.home = order->has_value ? (uint16_t)order->value : (uint16_t)h->wiring->workers[0].slot;
	hostile_send(h, order->kind, &d, sizeof(d));
	return false;
}

/* The request's own buffer given back, with flags (value). Not a violation in itself. */
static bool attack_release(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d.edge = SP_EDGE_RELEASE;
	d.flags = (uint8_t)order->value;
	d.len = (uint32_t)order->seed;
	hostile_send(h, order->kind, &d, sizeof(d));
	return true;
}

/* The call is given back to who lends, not answered: allowed. */
static bool attack_let_go(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d.edge = SP_EDGE_RELEASE;
	d.flags = 0;
	d.home = (uint16_t)h->wiring->workers[0].home;
	hostile_send(h, order->kind, &d, sizeof(d));
	return true;
}

/* A reply with flags that are the kernel's and the gateway's to set. */
static bool attack_flags(struct hostile *h, struct sp_desc d, const struct order *order)
{
	d = reply_of(d);
	d.flags = (uint8_t)order->value;
	hostile_send(h, order->kind, &d, sizeof(d));
	return true;
}

static bool attack_empty(struct hostile *h, struct sp_desc d, const struct order *order)
{
	hostile_send(h, order->kind, &d, 0);
	return false;
}

/* One message by seed: any bytes, or a good descriptor with one field off. */
static size_t make_garbage(struct sp_desc d, uint64_t *state, uint8_t ret[2048])
{
	size_t n = 1 + hostile_random(state) % (sizeof(d) * (SP_BATCH_MAX + 2));
	uint64_t field = hostile_random(state) % 10, r = hostile_random(state);

	if (field < 4) {
		for (size_t i = 0; i < n; i++)
			ret[i] = (uint8_t)hostile_random(state);
		return n;
	}
	d = reply_of(d);
	if (field == 4)
		d.buf = (uint32_t)r;
	else if (field == 5)
		d.gen = (uint32_t)r;
	else if (field == 6)
		d.len = (uint32_t)r;
	else if (field == 7)
		d.edge = (uint8_t)r;
	else if (field == 8)
		d.flags = (uint8_t)r;
	else
		d.home = (uint16_t)r;
	memcpy(ret, &d, sizeof(d));
	return sizeof(d);
}

/* `count` messages, however often they are refused. */
static bool attack_garbage(struct hostile *h, struct sp_desc d, const struct order *order)
{
	uint64_t state = order->seed;
	uint8_t message[2048];

	for (uint64_t i = 0; i < order->count; i++) {
		size_t n = make_garbage(d, &state, message);

		hostile_send(h, i ? NULL : order->kind, message, n);
	}
	return true;
}

/* Bytes into the socket that is for receiving: they would reach the controller's end. */
static bool attack_backwards(struct hostile *h, struct sp_desc d, const struct order *order)
{
	ssize_t n = send(h->fds[WIRING_FN_RECEIVE], &d, sizeof(d), MSG_NOSIGNAL);

	fprintf(stderr, "%s: %zd\n", order->kind, n);
	return false;
}

static bool attack_urgent(struct hostile *h, struct sp_desc d, const struct order *order)
{
	ssize_t n = send(h->fds[WIRING_FN_SEND], &d, sizeof(d), MSG_OOB | MSG_NOSIGNAL);

	fprintf(stderr, "%s: %zd\n", order->kind, n);
	return false;
}

/* The descriptor raced against itself from a second process. */
static bool attack_race(struct hostile *h, struct sp_desc d, const struct order *order)
{
	pid_t child = fork();

	d = reply_of(d);
	if (child == 0) {
		send(h->fds[WIRING_FN_SEND], &d, sizeof(d), MSG_NOSIGNAL);
		_exit(0);
	}
	hostile_send(h, order->kind, &d, sizeof(d));
	waitpid(child, NULL, 0);
	return true;
}

/* Good bytes handed over as a page, not as a copy, and overwritten once they are checked. */
static bool attack_splice(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov = { .iov_base = page, .iov_len = sizeof(*page) };
	int ends[2];
	ssize_t n;

	if (page == MAP_FAILED || pipe(ends) < 0)
		abort();
	*page = reply_of(d);
	n = vmsplice(ends[1], &iov, 1, SPLICE_F_GIFT);
	n = n < 0 ? n : splice(ends[0], NULL, h->fds[WIRING_FN_SEND], NULL, sizeof(*page), 0);
	page->len = 0xffffffff;
	page->buf ^= 1;
	page->flags = (uint8_t)order->value;
	fprintf(stderr, "%s: %zd\n", order->kind, n);
	return true;
}

/* A request moved to a lease buffer, in one batch with a descriptor that is refused. Needs the
 * lease first: the request is kept until it is granted. */
static bool attack_moved(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc ask = { .edge = SP_EDGE_REFILL, .len = 1, .home = d.home };

	h->to_move = d;
	h->moves = true;
	hostile_send(h, order->kind, &ask, sizeof(ask));
	return true;
}

void hostile_move(struct hostile *h, struct sp_desc lease)
{
	struct sp_desc row[2] = { h->to_move, h->to_move };

	h->moves = false;
	row[0].edge = row[1].edge = SP_EDGE_RELEASE;
	row[0].flags = SP_DESC_MOVED;
	row[0].len = lease.buf;
	row[1].buf = h->wiring->layout.buffer_count;
	hostile_send(h, "moved", row, sizeof(row));
}

const struct hostile_kind hostile_attacks[] = {
	{ "raw", attack_raw },
	{ "last", attack_last },
	{ "stale", attack_stale },
	{ "edge", attack_edge },
	{ "index", attack_index },
	{ "other", attack_other },
	{ "size", attack_size },
	{ "twice", attack_twice },
	{ "twice-batch", attack_twice_batch },
	{ "mixed", attack_mixed },
	{ "home", attack_home },
	{ "length", attack_length },
	{ "refill", attack_refill },
	{ "refill-garbage", attack_refill_garbage },
	{ "hoard", attack_hoard },
	{ "grant", attack_grant },
	{ "release", attack_release },
	{ "let-go", attack_let_go },
	{ "flags", attack_flags },
	{ "empty", attack_empty },
	{ "garbage", attack_garbage },
	{ "backwards", attack_backwards },
	{ "urgent", attack_urgent },
	{ "race", attack_race },
	{ "splice", attack_splice },
	{ "moved", attack_moved },
	{ NULL, NULL },
};
