// SPDX-License-Identifier: Apache-2.0
#include "tests/model/handover_private.h"

#include <string.h>

bool pick(struct try *t, const char *what, uint32_t who)
{
	if (t->done || t->left-- > 0)
		return false;
	t->done = true;
	t->what = what;
	t->who = who;
	return true;
}

void handover_begin(struct state *s)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t i = 0; i < BUFS; i++)
		s->bufs[i].holder = FREE;
	for (uint32_t p = 0; p < PROCS; p++)
		s->procs[p].mapped = 1;
}

/* ---- buffers, as the gateway frees them ---- */

void put(const struct setting *set, struct buf *b)
{
	b->gen = set->no_generation ? b->gen : b->gen + 1;
	*b = (struct buf){ .gen = b->gen, .holder = FREE };
}

void reference_end(const struct setting *set, struct state *s, struct buf *b)
{
	struct buf *root;

	if (b->ref == 0)
		return;
	root = &s->bufs[b->ref - 1];
	b->ref = 0;
	if (--root->refs == 0 && root->kept)
		put(set, root);
}

void buffer_free(const struct setting *set, struct state *s, struct buf *b)
{
	reference_end(set, s, b);
	b->request = 0;
	if (b->refs > 0 && !set->no_kept)
		b->kept = 1;
	else
		put(set, b);
}

void client_end(struct try *t, struct buf *b)
{
	uint8_t *client = b->request ? &t->s->clients[b->request - 1] : NULL;

	if (!client || *client == GONE)
		return;
	if (*client == ANSWERED)
		t->harm = "a request is answered twice";
	*client = ANSWERED;
}

/* ---- a send: route, claim, assign, deliver ---- */

void begin(struct state *s, uint32_t p, struct desc d, uint32_t to, bool shares)
{
	struct proc *from = &s->procs[p];
	const struct buf *b = &s->bufs[d.buf];
	uint32_t home = d.kind == CALL ? p : b->lease == NONE ? G : b->home;

	d.request = b->request;
	from->shares = shares;
	from->undeliverable = 0;
	if (!s->procs[to].mapped) {
		from->undeliverable = 1;
		to = to != home && s->procs[home].mapped ? home : G;
	}
	from->to = (uint8_t)to;
	from->to_life = s->procs[to].life;
	from->sends = d;
	from->phase = ROUTED;
}

/* Who sends what the kernel refuses is cut off and killed. */
static void refuse(struct state *s, uint32_t p)
{
	s->procs[p].phase = IDLE;
	s->procs[p].stage = DEAD;
	s->procs[p].queued = 0;
	memset(s->procs[p].has, 0, sizeof(s->procs[p].has));
}

static void claim(struct try *t, uint32_t p)
{
	struct state *s = t->s;
	struct proc *from = &s->procs[p];
	struct desc *d = &from->sends;
	struct buf *b = &s->bufs[d->buf];

	if (b->gen != d->gen || b->holder != p) {
		refuse(s, p);
		if (p == G)
			t->harm = "a send of the gateway's is refused";
		return;
	}
	if (d->request != b->request)
		t->harm = "a descriptor of another request is accepted";
	b->holder = MOVING;
	from->phase = CLAIMED;
}

/* What a call, or an answer, makes of a buffer; while it is claimed. */
static void become(struct try *t, uint32_t p)
{
	struct state *s = t->s;
	struct proc *from = &s->procs[p];
	struct desc *d = &from->sends;
	struct buf *b = &s->bufs[d->buf];

	if (d->kind == CALL && from->undeliverable)
		return; /* comes back as stock */
	if (d->kind == CALL) {
		b->lease = OUT;
		b->home = (uint8_t)p;
		b->life = from->life;
		for (uint32_t i = 0; from->shares && i < BUFS; i++) {
			struct buf *root = &s->bufs[i];

			if (root == b || root->holder != p || root->lease != NONE)
				continue;
			root->refs++;
			b->ref = (uint8_t)(i + 1);
			break;
		}
	} else if (d->kind == REPLY && b->lease == OUT && from->to == b->home) {
		b->lease = STOCK;
		from->undeliverable = b->life != s->procs[b->home].life;
		if (from->undeliverable && t->set->no_life)
			t->harm = "an answer reaches one that did not call";
	}
}

static void deliver(struct try *t, uint32_t p)
{
	struct proc *from = &t->s->procs[p], *to = &t->s->procs[from->to];
	bool vanishes = from->to != G && (to->stage != UP || to->life != from->to_life);
	struct desc sent;

	from->phase = IDLE;
	if (t->s->replays < t->set->replays && p != G) {
		from->old = from->sends;
		from->old_there = 1;
	}
	sent = from->sends;
	sent.undeliverable = from->undeliverable;
	/* What has no meaning any more would tell states apart. */
	memset(&from->sends, 0, sizeof(from->sends));
	from->to = from->to_life = from->shares = from->undeliverable = 0;
	/* What is sent to the dead vanishes; the gateway's socket outlives it. */
	if (vanishes)
		return;
	if (to->queued == QUEUE)
		t->harm = "a queue holds more than there are buffers";
	else
		to->queue[to->queued++] = sent;
}

void send_go_on(struct try *t, uint32_t p)
{
	struct proc *from = &t->s->procs[p];
	struct buf *b = &t->s->bufs[from->sends.buf];

	if (from->phase == ROUTED && pick(t, "claims", p)) {
		claim(t, p);
	} else if (from->phase == CLAIMED && pick(t, "assigns", p)) {
		become(t, p);
		b->holder = from->to;
		from->phase = ASSIGNED;
	} else if (from->phase == ASSIGNED && pick(t, "delivers", p)) {
		deliver(t, p);
	}
}

/* ---- what always holds ---- */

/* Descriptors of a buffer that would be accepted. */
static uint32_t valid_count(const struct state *s, uint32_t i)
{
	const struct buf *b = &s->bufs[i];
	uint32_t count = 0;

	for (uint32_t p = 0; p < PROCS; p++) {
		const struct proc *f = &s->procs[p];

		if (b->holder != p)
			continue;
		count += f->has[i] == b->gen + 1;
		for (uint32_t q = 0; q < f->queued; q++)
			count += f->queue[q].buf == i && f->queue[q].gen == b->gen;
	}
	return count;
}

const char *handover_check(const struct setting *set, const struct state *s, bool ended)
{
	uint32_t readers[BUFS] = { 0 };

	for (uint32_t i = 0; i < BUFS; i++) {
		if (valid_count(s, i) > 1)
			return "two descriptors of one buffer are good";
		if (s->bufs[i].ref && s->bufs[s->bufs[i].ref - 1].holder == FREE)
			return "a buffer that is read is free";
		if (s->bufs[i].ref)
			readers[s->bufs[i].ref - 1]++;
		if (ended && s->bufs[i].holder != FREE)
			return "a buffer is lost";
	}
	for (uint32_t i = 0; i < BUFS; i++)
		if (readers[i] != s->bufs[i].refs)
			return "the count of readers is wrong";
	for (uint32_t r = 0; ended && r < set->requests; r++)
		if (s->clients[r] != ANSWERED && s->clients[r] != GONE)
			return "a request is never answered";
	return NULL;
}
