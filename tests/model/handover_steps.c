// SPDX-License-Identifier: Apache-2.0
/* What gateway, functions and controller may do next. */
#include <string.h>

#include "tests/model/handover_private.h"

static bool up(const struct state *s, uint32_t p)
{
	return s->procs[p].stage == UP && (p != G || s->takeover == 0);
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
