// SPDX-License-Identifier: Apache-2.0
/* Invents sends: most of them such as gateway and functions make, and then one thing is wrong. */
#include <stdio.h>
#include <string.h>

#include "tests/bpf/differential.h"

uint32_t random_below(struct random *r, uint32_t limit)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return (uint32_t)((r->state >> 32) * limit >> 32);
}

bool random_one_in(struct random *r, uint32_t n)
{
	return random_below(r, n) == 0;
}

/* ---- sends ---- */

struct inventing {
	const struct model *m;
	struct random *r;
	uint32_t slot;
	bool worker;
	uint16_t home;
	uint8_t edge;
	uint8_t kind; /* of the route */
	struct sp_desc d[SP_BATCH_MAX + 2];
	uint32_t count;
};

static uint32_t held_from(const struct inventing *v, uint32_t from)
{
	for (uint32_t i = 0; i < MODEL_BUFFERS; i++) {
		uint32_t at = (from + i) % MODEL_BUFFERS;

		if (v->m->buffers[at].holder == v->slot)
			return at;
	}
	return from % MODEL_BUFFERS;
}

static uint32_t stock_from(const struct inventing *v, uint32_t from)
{
	for (uint32_t i = 0; i < MODEL_BUFFERS; i++) {
		uint32_t at = held_from(v, from + i);

		if (v->m->buffers[at].leased == SP_LEASE_STOCK)
			return at;
	}
	return held_from(v, from);
}

/* What gives a buffer in this state its place in such a send; false: it has none. */
static bool fits(struct inventing *v, const struct model_buffer *b, struct sp_desc *d)
{
	bool stock = b->leased == SP_LEASE_STOCK;

	if (v->edge == SP_EDGE_RELEASE) {
		if (!stock && random_one_in(v->r, 6)) {
			d->flags = SP_DESC_MOVED;
			d->len = stock_from(v, random_below(v->r, MODEL_BUFFERS));
		}
		return b->leased != SP_LEASE_NONE || b->home == v->home;
	}
	if (v->edge == SP_EDGE_GRANT)
		return stock;
	if (v->edge == SP_EDGE_REPLY || v->kind == SP_ROUTE_REPLY) {
		d->flags =
			(uint8_t)(random_below(v->r, 2) ? 0 :
							  SP_DESC_FAILED << random_below(v->r, 4));
		return !stock && b->home == v->home;
	}
	if (stock && random_one_in(v->r, 3) && v->count > 0) {
		d->flags = SP_DESC_PART;
		return true;
	}
	if (stock && random_one_in(v->r, 4)) {
		d->flags = SP_DESC_SHARES;
		d->len = held_from(v, random_below(v->r, MODEL_BUFFERS));
	}
	if (v->kind == SP_ROUTE_CALL) {
		d->home = (uint16_t)random_below(v->r, 0x10000);
		return stock && b->ref == 0;
	}
	return stock ? b->ref == 0 && v->home <= 2 : b->home == v->home;
}

static void choose_edge(struct inventing *v, const struct model_buffer *pivot)
{
	static const uint8_t of_function[] = { 1,
					       2,
					       3,
					       4,
					       5,
					       6,
					       7,
					       2,
					       3,
					       4,
					       5,
					       SP_EDGE_REPLY,
					       SP_EDGE_REPLY,
					       SP_EDGE_REPLY,
					       SP_EDGE_RELEASE,
					       SP_EDGE_RELEASE };
	static const uint8_t of_worker[] = {
		1, 1, 2, 2, 3, SP_EDGE_GRANT, SP_EDGE_GRANT, SP_EDGE_REPLY
	};

	v->edge = v->worker ? of_worker[random_below(v->r, sizeof(of_worker))] :
			      of_function[random_below(v->r, sizeof(of_function))];
	/* An answer to who waits for it. */
	if (pivot->leased == SP_LEASE_OUT && random_one_in(v->r, 2))
		v->edge = SP_EDGE_REPLY;
	v->kind = v->edge < MODEL_EDGES ?
			  (uint8_t)v->m->fns[v->m->slots[v->slot].fn].routes[v->edge].kind :
			  SP_ROUTE_NONE;
	v->home = pivot->leased == SP_LEASE_STOCK ? (uint16_t)(1 + random_below(v->r, 2)) :
						    pivot->home;
	if (v->edge == SP_EDGE_RELEASE && pivot->leased != SP_LEASE_NONE)
		v->home = (uint16_t)(1 + random_below(v->r, 2));
	if (v->edge == SP_EDGE_GRANT)
		v->home = (uint16_t)(3 + random_below(v->r, 4));
}

static void invent_batch(struct inventing *v)
{
	static const uint8_t sizes[] = { 1, 1, 1, 1, 2, 2, 3, 4, 8, 64 };
	uint32_t want = sizes[random_below(v->r, sizeof(sizes))];
	uint32_t begin = held_from(v, random_below(v->r, MODEL_BUFFERS));

	choose_edge(v, &v->m->buffers[begin]);
	for (uint32_t i = 0; i < MODEL_BUFFERS && v->count < want; i++) {
		uint32_t at = (begin + i) % MODEL_BUFFERS;
		const struct model_buffer *b = &v->m->buffers[at];
		struct sp_desc d = { .buf = at,
				     .gen = b->gen,
				     .len = random_below(v->r, 101),
				     .edge = v->edge,
				     .home = v->home };

		if (b->holder == v->slot && fits(v, b, &d))
			v->d[v->count++] = d;
	}
}

static void invent_signal(struct inventing *v)
{
	uint32_t buf = random_below(v->r, MODEL_BUFFERS);
	struct sp_desc *d = v->d;

	v->count = 1;
	*d = (struct sp_desc){ .buf = buf,
			       .gen = v->m->buffers[buf].gen,
			       .len = 1 + random_below(v->r, 4),
			       .flags = (uint8_t)random_below(v->r, 256),
			       .edge = SP_EDGE_CANCEL,
			       .home = (uint16_t)v->slot };
	switch (random_below(v->r, 3)) {
	case 0:
		d->edge = SP_EDGE_WAKE;
		d->gen = v->m->slots[v->slot].wake;
		break;
	case 1:
		d->edge = v->worker ? SP_EDGE_GRANT : SP_EDGE_REFILL;
		d->buf = random_below(v->r, 8);
		d->home = (uint16_t)(v->worker ? 3 + random_below(v->r, 4) :
						 1 + random_below(v->r, 2));
		break;
	}
}

/* One thing that is not as it should be. */
static void spoil(struct inventing *v)
{
	static const uint8_t edges[] = { 0,    1,    2,    3,    5,    9,    15,   63,   64,
					 0xef, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xff };
	static const uint32_t lens[] = { 100, 101, 1000, 1001, 0x7fffffff, 0xffffffff };
	static const uint16_t homes[] = { 0, 7, 8, 200, 255, 256, 0xffff };
	struct sp_desc *d = &v->d[random_below(v->r, v->count)];

	switch (random_below(v->r, 9)) {
	case 0:
		d->gen += random_one_in(v->r, 2) ? 1 : -1U;
		break;
	case 1:
		d->gen = random_below(v->r, UINT32_MAX);
		break;
	case 2:
		d->buf = random_one_in(v->r, 8) ? MODEL_BUFFERS + random_below(v->r, 1U << 30) :
						  random_below(v->r, MODEL_BUFFERS);
		d->gen = v->m->buffers[d->buf % MODEL_BUFFERS].gen;
		break;
	case 3:
		d->len = lens[random_below(v->r, 6)];
		break;
	case 4:
		d->flags ^= (uint8_t)(1U << random_below(v->r, 8));
		break;
	case 5:
		d->edge = edges[random_below(v->r, sizeof(edges))];
		break;
	case 6:
		d->home = random_one_in(v->r, 2) ? homes[random_below(v->r, 7)] :
						   (uint16_t)random_below(v->r, MODEL_SLOTS);
		break;
	case 7: /* for all of them, so that it is not merely mixed */
		d = v->d;
		if (random_one_in(v->r, 2))
			d->home = random_one_in(v->r, 2) ?
					  homes[random_below(v->r, 7)] :
					  (uint16_t)random_below(v->r, MODEL_SLOTS);
		else
			d->edge = edges[random_below(v->r, sizeof(edges))];
		for (uint32_t i = 1; i < v->count; i++) {
			v->d[i].edge = d->edge;
			v->d[i].home = d->home;
		}
		break;
	case 8:
		v->d[v->count] = v->d[random_below(v->r, v->count)];
		v->count += v->count < SP_BATCH_MAX + 1;
		break;
	}
}

void step_invent(struct step *s, const struct model *m, struct random *r)
{
	struct inventing v = { .m = m, .r = r };

	if (random_one_in(r, 6) && step_invent_table(s, m, r))
		return;
	/* As a rule one that holds something. */
	do
		v.slot = 1 + random_below(r, 6);
	while (m->buffers[held_from(&v, 0)].holder != v.slot && !random_one_in(r, 8));
	v.worker = m->slots[v.slot].fn == SP_GATEWAY_FN;
	if (random_one_in(r, 10))
		invent_signal(&v);
	else
		invent_batch(&v);
	if (v.count == 0)
		v.d[v.count++] = (struct sp_desc){ .edge = v.edge, .home = v.home, .gen = 7 };
	while (random_one_in(r, 6))
		spoil(&v);
	*s = (struct step){ .kind = STEP_SEND, .slot = (uint8_t)v.slot };
	s->len = (uint16_t)(v.count * sizeof(v.d[0]));
	if (random_one_in(r, 200))
		s->len = (uint16_t)(1 + random_below(r, STEP_BYTES_MAX));
	memcpy(s->data, v.d, s->len);
}

void step_print(const struct step *s)
{
	static const char *const kinds[] = { "send",    "reuse", "reclaim", "enable",
					     "receive", "life",  "behind",  "split",
					     "gate",    "limit", "watch" };

	fprintf(stderr, "  %s slot %u a %u b %u len %u\n", kinds[s->kind], s->slot, s->a, s->b,
		s->len);
	for (size_t i = 0; s->kind == STEP_SEND && (i + 1) * sizeof(struct sp_desc) <= s->len;
	     i++) {
		struct sp_desc d;

		memcpy(&d, s->data + i * sizeof(d), sizeof(d));
		fprintf(stderr, "    buf %u gen %u len %u edge 0x%02x flags 0x%02x home %u\n",
			d.buf, d.gen, d.len, d.edge, d.flags, d.home);
	}
}
