// SPDX-License-Identifier: Apache-2.0
#include "tests/model/handover.h"

#include <string.h>

/* A step that may be made: try() counts them, and makes the one that is asked for. */
struct
try {
	const struct setting *set;
	struct state *s;
	uint32_t left; /* steps to pass by */
	bool done, crash;
	const char *what, *harm;
	uint32_t who;
};

static bool pick(struct try *t, const char *what, uint32_t who)
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

static bool up(const struct state *s, uint32_t p)
{
	return s->procs[p].stage == UP && (p != G || s->takeover == 0);
}

/* ---- buffers, as the gateway frees them ---- */

static void put(const struct setting *set, struct buf *b)
{
	b->gen = set->no_generation ? b->gen : b->gen + 1;
	*b = (struct buf){ .gen = b->gen, .holder = FREE };
}

static void reference_end(const struct setting *set, struct state *s, struct buf *b)
{
	struct buf *root;

	if (b->ref == 0)
		return;
	root = &s->bufs[b->ref - 1];
	b->ref = 0;
	if (--root->refs == 0 && root->kept)
		put(set, root);
}

static void buffer_free(const struct setting *set, struct state *s, struct buf *b)
{
	reference_end(set, s, b);
	b->request = 0;
	if (b->refs > 0 && !set->no_kept)
		b->kept = 1;
	else
		put(set, b);
}

static void client_end(struct try *t, struct buf *b)
{
	uint8_t *client = b->request ? &t->s->clients[b->request - 1] : NULL;

	if (!client || *client == GONE)
		return;
	if (*client == ANSWERED)
		t->harm = "a request is answered twice";
	*client = ANSWERED;
}

/* ---- a send: route, claim, assign, deliver ---- */

static void begin(struct state *s, uint32_t p, struct desc d, uint32_t to, bool shares)
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

static void send_go_on(struct try *t, uint32_t p)
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

/* ---- the gateway ---- */

/* A call that nobody will answer: its caller is told, if he is there. */
static void call_fail(struct try *t, uint8_t index)
{
	struct buf *b = &t->s->bufs[index];

	if (b->home != G && t->s->procs[b->home].stage == UP)
		begin(t->s, G, (struct desc){ .buf = index, .gen = b->gen, .kind = REPLY }, b->home,
		      false);
	else
		buffer_free(t->set, t->s, b);
}

static void gateway_end(struct try *t, uint8_t index)
{
	struct buf *b = &t->s->bufs[index];

	if (b->lease == OUT) {
		call_fail(t, index);
		return;
	}
	client_end(t, b);
	buffer_free(t->set, t->s, b);
}

static struct desc pop(struct proc *p)
{
	struct desc d = p->queue[0];

	memmove(p->queue, p->queue + 1, sizeof(p->queue[0]) * --p->queued);
	memset(&p->queue[p->queued], 0, sizeof(p->queue[0]));
	return d;
}

static void gateway_read(struct try *t)
{
	struct proc *g = &t->s->procs[G];
	struct desc d = pop(g);
	struct buf *b = &t->s->bufs[d.buf];

	if (b->gen != d.gen || b->holder != G || b->kept)
		return;
	if (d.request != b->request)
		t->harm = "a request is answered by what was sent for another";
	/* An answer whose caller was not there, or a stray one. */
	if (b->lease == OUT && d.undeliverable)
		buffer_free(t->set, t->s, b);
	else
		gateway_end(t, d.buf);
}

static void gateway_steps(struct try *t)
{
	struct state *s = t->s;
	uint32_t free = 0, request = 0;

	while (free < BUFS && s->bufs[free].holder != FREE)
		free++;
	while (request < t->set->requests && s->clients[request] != WAITS_OUTSIDE)
		request++;
	if (s->procs[G].queued > 0 && pick(t, "reads", G))
		gateway_read(t);
	if (free < BUFS && request < t->set->requests && pick(t, "admits a request", G)) {
		s->bufs[free] =
			(struct buf){ .gen = s->bufs[free].gen, .request = (uint8_t)(request + 1) };
		s->clients[request] = OPEN;
		begin(s, G, (struct desc){ .buf = (uint8_t)free, .gen = s->bufs[free].gen }, A,
		      false);
	}
	if (free < BUFS && s->grants < t->set->grants && pick(t, "grants a lease", G)) {
		s->grants++;
		s->bufs[free] = (struct buf){ .gen = s->bufs[free].gen, .lease = STOCK };
		begin(s, G,
		      (struct desc){
			      .buf = (uint8_t)free, .gen = s->bufs[free].gen, .kind = GRANT },
		      A, false);
	}
	for (uint32_t p = A; p <= C; p++) {
		struct proc *dead = &s->procs[p];

		if (dead->stage != TOLD || s->procs[G].queued > 0 ||
		    !pick(t, "looks for the dead's", p))
			continue;
		if (dead->looked < BUFS && s->bufs[dead->looked].holder == p) {
			s->bufs[dead->looked].holder = G;
			gateway_end(t, dead->looked);
		}
		if (dead->looked++ == BUFS) {
			dead->looked = 0;
			dead->stage = RECLAIMED;
		}
	}
}

/* After one that died: buffer by buffer, while functions go on. */
static void takeover_step(struct try *t)
{
	struct state *s = t->s;
	uint32_t i = s->takeover - 1U;
	struct buf *b = &s->bufs[i % BUFS];

	if (i < BUFS && b->holder == MOVING && !t->set->no_wait)
		return; /* it waits until the kernel has done */
	if (!pick(t, "takes over", G))
		return;
	s->takeover = i < BUFS ? s->takeover + 1 : 0;
	if (i == BUFS) { /* losses that were under way are told anew */
		for (uint32_t p = A; p <= C; p++)
			s->procs[p].looked = 0;
	} else if (b->holder == G || b->holder == MOVING) {
		reference_end(t->set, s, b);
		b->request = 0;
		b->kept = b->refs > 0;
		if (!b->kept)
			put(t->set, b);
	}
}

/* ---- functions ---- */

static struct desc desc_of(const struct state *s, uint32_t p, uint32_t i, enum kind kind)
{
	return (struct desc){ .buf = (uint8_t)i,
			      .gen = (uint8_t)(s->procs[p].has[i] - 1),
			      .kind = (uint8_t)kind };
}

static uint32_t home_of(const struct state *s, uint32_t i)
{
	return s->bufs[i].lease == OUT ? s->bufs[i].home : G;
}

static void leaves(struct state *s, uint32_t p, uint32_t i, enum kind kind, uint32_t to,
		   bool shares)
{
	struct desc d = desc_of(s, p, i, kind);

	s->procs[p].has[i] = 0;
	s->calls += kind == CALL;
	begin(s, p, d, to, shares);
}

static void function_steps(struct try *t, uint32_t p)
{
	struct state *s = t->s;
	struct proc *f = &s->procs[p];

	if (f->queued > 0 && pick(t, "reads", p)) {
		struct desc d = pop(f);

		f->has[d.buf] = d.gen + 1;
	}
	for (uint32_t i = 0; i < BUFS; i++) {
		const struct buf *b = &s->bufs[i];

		if (!f->has[i])
			continue;
		if (b->lease == STOCK) {
			if (pick(t, "releases", p))
				leaves(s, p, i, RELEASE, G, false);
			if (p == A && b->ref == 0 && s->calls < t->set->calls &&
			    pick(t, "calls", p))
				leaves(s, p, i, CALL, C, false);
			if (p == A && b->ref == 0 && s->calls < t->set->calls && t->set->shares &&
			    pick(t, "calls, sharing", p))
				leaves(s, p, i, CALL, C, true);
			continue;
		}
		if (pick(t, "answers", p))
			leaves(s, p, i, REPLY, home_of(s, i), false);
		if (p != B && pick(t, "sends on", p))
			leaves(s, p, i, ON, B, false);
	}
	if (f->old_there && s->replays < t->set->replays &&
	    pick(t, "sends again what it sent", p)) {
		struct desc d = f->old;
		uint8_t request = d.request;

		s->replays++;
		d.kind = REPLY;
		begin(s, p, d, G, false);
		f->sends.request = request;
	}
}

/* ---- the controller, and death ---- */

static bool on_its_way(const struct state *s, uint32_t p)
{
	for (uint32_t q = 0; q < PROCS; q++)
		if (s->procs[q].phase != IDLE && s->procs[q].phase != ASSIGNED &&
		    s->procs[q].to == p)
			return true;
	return false;
}

static void controller_steps(struct try *t)
{
	struct state *s = t->s;

	for (uint32_t p = A; p <= C; p++) {
		struct proc *f = &s->procs[p];

		if (f->stage == DEAD && pick(t, "is taken out of the maps", p)) {
			f->mapped = 0;
			f->stage = DETACHED;
		} else if (f->stage == DETACHED && (t->set->no_grace || !on_its_way(s, p)) &&
			   pick(t, "is reported after a grace period", p)) {
			f->stage = TOLD;
		} else if (f->stage == RECLAIMED && pick(t, "is replaced", p)) {
			*f = (struct proc){ .mapped = 1, .life = (uint8_t)(f->life + 1) };
		}
	}
	if (s->procs[G].stage == DEAD && pick(t, "is replaced", G)) {
		s->procs[G].stage = UP;
		s->takeover = 1;
	}
}

/* A kill takes effect when the process is back from the kernel. */
static void death_steps(struct try *t)
{
	struct state *s = t->s;

	for (uint32_t p = 0; p < PROCS; p++) {
		struct proc *f = &s->procs[p];

		if (s->crashes >= t->set->crashes || f->stage != UP || f->phase != IDLE ||
		    !pick(t, "is killed", p))
			continue;
		t->crash = true;
		s->crashes++;
		f->stage = DEAD;
		memset(f->has, 0, sizeof(f->has));
		f->old_there = 0;
		memset(&f->old, 0, sizeof(f->old));
		for (uint32_t r = 0; p == G && r < REQUESTS_MAX; r++)
			if (s->clients[r] == OPEN)
				s->clients[r] = GONE; /* its connection is closed */
		if (p != G) {
			f->queued = 0;
			memset(f->queue, 0, sizeof(f->queue));
		} else {
			s->takeover = 0;
		}
	}
}

bool handover_step(const struct setting *set, struct state *s, uint32_t n, const char **ret_what,
		   uint32_t *ret_who, const char **ret_harm, bool *ret_crash)
{
	struct try t = { .set = set, .s = s, .left = n };

	for (uint32_t p = 0; p < PROCS; p++) {
		if (s->procs[p].phase != IDLE)
			send_go_on(&t, p);
		else if (s->procs[p].stage == UP && p == G && s->takeover)
			takeover_step(&t);
		else if (up(s, p) && p == G)
			gateway_steps(&t);
		else if (up(s, p))
			function_steps(&t, p);
	}
	controller_steps(&t);
	death_steps(&t);
	*ret_what = t.what;
	*ret_who = t.who;
	*ret_harm = t.harm;
	*ret_crash = t.crash;
	return t.done;
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
