// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/model.h"

#include <string.h>

enum way { FUNCTION, CALL, REPLY, RELEASE, GRANT, REFILL };

/* A send, as far as it is understood. */
struct send {
	struct model *m;
	struct model_result *ret;
	enum way way;
	uint32_t slot, fn, home, edge, to, to_fn, flag;
	bool homecoming, stray;
	uint16_t life;
	uint32_t turns_ended, turns_begun, parts, failed, dropped;
	uint8_t was[SP_BATCH_MAX];
};

static const struct sp_route *route_of(const struct model *m, uint32_t fn, uint32_t edge)
{
	static const struct sp_route none;

	return edge < MODEL_EDGES ? &m->fns[fn].routes[edge] : &none;
}

static bool is_worker(const struct model *m, uint32_t slot)
{
	return slot < MODEL_SLOTS && m->slots[slot].fn == SP_GATEWAY_FN &&
	       m->slots[slot].lender != SP_SLOT_NONE;
}

static bool is_function(const struct model *m, uint32_t slot)
{
	return slot < MODEL_SLOTS && m->slots[slot].fn != SP_GATEWAY_FN;
}

static bool reachable(const struct model *m, uint32_t slot)
{
	return slot < MODEL_SLOTS && m->slots[slot].reachable;
}

uint32_t model_choices(const struct model *m, uint32_t slot, const struct sp_desc *first)
{
	const struct sp_route *r = route_of(m, m->slots[slot].fn, first->edge);
	uint32_t mask = 0, local = 0, least = UINT32_MAX;

	if (r->kind != SP_ROUTE_FUNCTION && r->kind != SP_ROUTE_CALL)
		return 0;
	for (uint32_t s = 1; s < MODEL_SLOTS; s++) {
		const struct model_slot *i = &m->slots[s];

		if (!i->enabled || i->fn != r->fn)
			continue;
		mask = i->in_flight < least ? 0 : mask;
		least = i->in_flight < least ? i->in_flight : least;
		mask |= i->in_flight == least ? 1U << s : 0;
		local = i->cpu == m->cpu ? s : local;
	}
	if (local && (m->slots[local].in_flight < m->fns[r->fn].behind || mask & 1U << local))
		return 1U << local;
	return mask;
}

/* Whose the send would be: a violation, or -1. */
static int way_of(struct send *s, uint32_t choice)
{
	const struct model *m = s->m;
	const struct sp_route *r = route_of(m, s->fn, s->edge);

	s->to = s->home;
	s->to_fn = SP_GATEWAY_FN;
	if (s->edge < SP_EDGE_MAX && (r->kind == SP_ROUTE_FUNCTION || r->kind == SP_ROUTE_CALL)) {
		s->way = r->kind == SP_ROUTE_CALL ? CALL : FUNCTION;
		s->to_fn = r->fn;
		s->to = choice;
		if (s->way == CALL) {
			s->home = s->slot;
			s->life = m->slots[s->slot].life;
		}
		return s->way == CALL && s->fn == SP_GATEWAY_FN ? SP_VIOLATION_EDGE : -1;
	}
	if (s->edge == SP_EDGE_RELEASE || s->edge == SP_EDGE_REFILL) {
		s->way = s->edge == SP_EDGE_RELEASE ? RELEASE : REFILL;
		if (s->way == REFILL && (s->fn == SP_GATEWAY_FN || s->ret->count != 1))
			return SP_VIOLATION_REFILL;
		return is_worker(m, s->home) ? -1 : SP_VIOLATION_HOME;
	}
	if (s->edge == SP_EDGE_GRANT && s->fn == SP_GATEWAY_FN)
		s->way = GRANT;
	else if (s->edge == SP_EDGE_REPLY || r->kind == SP_ROUTE_REPLY)
		s->way = REPLY;
	else
		return SP_VIOLATION_EDGE;
	if (s->home >= SP_INST_MAX)
		return s->way == GRANT ? SP_VIOLATION_EDGE : SP_VIOLATION_HOME;
	s->to_fn = s->home < MODEL_SLOTS ? m->slots[s->home].fn : SP_GATEWAY_FN;
	s->life = s->home < MODEL_SLOTS ? m->slots[s->home].life : 0;
	s->homecoming = s->way == REPLY && is_function(m, s->home);
	return -1;
}

/* Nobody is there: home, and when that is a caller that is gone, its lender. */
static void undeliverable(struct send *s)
{
	const struct model *m = s->m;

	s->flag = SP_DESC_UNDELIVERABLE;
	s->homecoming = false;
	s->to = s->way == GRANT ? s->slot : s->home;
	if (s->way > REPLY || !is_function(m, s->home))
		return;
	if (s->way != REPLY && reachable(m, s->home)) {
		s->homecoming = true;
		s->life = m->slots[s->home].life;
		s->flag |= s->way == FUNCTION ? SP_DESC_FAILED : 0;
	} else {
		s->to = m->slots[s->home].lender;
	}
}

static int move(struct send *s, struct model_buffer *from, uint32_t index)
{
	struct model_buffer *to, was;

	if (index >= MODEL_BUFFERS)
		return SP_VIOLATION_INDEX;
	to = &s->m->buffers[index];
	was = *to;
	if (to == from || to->holder != s->slot || from->leased == SP_LEASE_STOCK ||
	    to->leased != SP_LEASE_STOCK || to->ref)
		return SP_VIOLATION_OWNER;
	*to = *from;
	to->holder = was.holder;
	to->gen = was.gen;
	to->cap = was.cap;
	to->refs = was.refs;
	to->ref = was.ref;
	from->leased = SP_LEASE_STOCK;
	return -1;
}

static int share(struct send *s, struct model_buffer *reader, struct sp_desc *d)
{
	const struct model_buffer *of;
	uint32_t root;

	if (d->len >= MODEL_BUFFERS)
		return SP_VIOLATION_INDEX;
	of = &s->m->buffers[d->len];
	if (of == reader || of->holder != s->slot)
		return SP_VIOLATION_OWNER;
	root = of->ref ? of->ref - 1 : d->len;
	s->m->buffers[root].refs++;
	reader->ref = root + 1;
	return -1;
}

/* Stock leaves: as a call, a message, or part of a request. */
static int judge_stock(struct send *s, struct model_buffer *b, struct sp_desc *d, bool first)
{
	bool part = d->flags & SP_DESC_PART, shares = d->flags & SP_DESC_SHARES;
	int bad = d->len > b->cap ? SP_VIOLATION_LENGTH : -1;

	if (s->way == REPLY || (part && (shares || first)))
		return SP_VIOLATION_OWNER;
	if (part) {
		d->home = (uint16_t)(s->way == CALL && !s->homecoming ? s->slot : d->home);
		return bad;
	}
	if (b->ref)
		return SP_VIOLATION_OWNER;
	if (s->way == FUNCTION && !is_worker(s->m, s->home))
		return SP_VIOLATION_HOME;
	if (shares)
		bad = s->way == CALL && s->flag ? -1 : share(s, b, d);
	if (bad >= 0)
		return bad;
	d->len = shares ? 0 : d->len; /* without a receiver it is made again, without a reference */
	b->leased = s->homecoming ? SP_LEASE_STOCK : SP_LEASE_OUT;
	b->home = (uint16_t)s->home;
	b->tag = d->home;
	b->life = s->life;
	b->hops = 0;
	d->home = (uint16_t)(s->way == CALL && !s->homecoming ? s->slot : d->home);
	return -1;
}

/* A violation, or -1 when the entry and what the receiver reads are as they should be. */
static int judge(struct send *s, struct model_buffer *b, struct sp_desc *d, bool first)
{
	bool request = b->leased == SP_LEASE_NONE;
	int bad = d->len > b->cap ? SP_VIOLATION_LENGTH : -1;

	if (request && s->way != GRANT && b->home != s->home)
		return SP_VIOLATION_HOME;
	if (s->way == RELEASE && d->flags & SP_DESC_MOVED)
		return move(s, b, d->len);
	if (s->way >= RELEASE)
		return bad;
	if (b->leased == SP_LEASE_STOCK)
		return judge_stock(s, b, d, first);
	if (s->way == CALL || (s->way == FUNCTION && d->flags & (SP_DESC_SHARES | SP_DESC_PART)))
		return SP_VIOLATION_OWNER;
	if (b->home != s->home)
		return SP_VIOLATION_HOME;
	if (bad < 0 && !request && s->way == REPLY)
		d->edge = SP_EDGE_REPLY;
	if (bad < 0 && s->homecoming) {
		b->leased = SP_LEASE_STOCK;
		d->home = b->tag;
		s->stray = b->life != s->life; /* another has the caller's slot */
		d->edge = s->stray ? SP_EDGE_REPLY : d->edge;
	}
	return bad;
}

/* Flags that only the kernel sets. */
static uint8_t told(const struct send *s, uint8_t flags)
{
	flags &= (uint8_t) ~(SP_DESC_UNDELIVERABLE | SP_DESC_DENIED);
	return s->way < REPLY ? flags & (uint8_t) ~(SP_DESC_SHARES | SP_DESC_FAILED) : flags;
}

static int hand_over(struct send *s, uint32_t i)
{
	struct sp_desc *d = &s->ret->descs[i];
	const struct sp_desc sent = *d;
	struct model_buffer *b;
	int bad;

	if (d->edge != s->edge || (s->way != CALL && d->home != s->home))
		return SP_VIOLATION_MIXED;
	if (d->buf >= MODEL_BUFFERS)
		return SP_VIOLATION_INDEX;
	b = &s->m->buffers[d->buf];
	if (b->gen != d->gen)
		return SP_VIOLATION_STALE;
	if (b->holder != s->slot)
		return SP_VIOLATION_OWNER;
	s->was[i] = b->leased;
	s->stray = false;
	bad = judge(s, b, d, i == 0);
	if (bad >= 0)
		return bad;
	if (s->way == RELEASE && sent.flags & SP_DESC_MOVED)
		s->was[i] = SP_LEASE_STOCK;
	d->flags = told(s, sent.flags) | (uint8_t)s->flag | (s->stray ? SP_DESC_UNDELIVERABLE : 0);
	if (s->way <= REPLY && b->refs)
		d->flags |= SP_DESC_SHARED;
	b->holder = s->to;
	b->hops = b->hops < SP_HOPS_MAX ? b->hops + 1 : SP_HOPS_MAX;
	b->last = (struct sp_hop){ .fn = (uint16_t)s->to_fn, .slot = (uint16_t)s->to };
	s->turns_ended += s->was[i] != SP_LEASE_STOCK;
	s->turns_begun += b->leased != SP_LEASE_STOCK;
	/* What stays stock at both ends of an edge goes with another's request. */
	s->parts += s->way < REPLY && sent.flags & SP_DESC_PART;
	s->failed += s->way == REPLY && !s->flag && sent.flags & SP_DESC_FAILED;
	s->dropped += s->way == REPLY && !s->flag && sent.flags & SP_DESC_DROPPED;
	return -1;
}

static void take_back(struct send *s, uint32_t i)
{
	struct model_buffer *b = &s->m->buffers[s->ret->descs[i].buf];

	if (b->holder != s->to)
		return;
	b->holder = s->slot;
	if (s->was[i] == SP_LEASE_STOCK)
		b->leased = SP_LEASE_STOCK;
	else if (b->leased == SP_LEASE_STOCK)
		b->leased = SP_LEASE_OUT;
}

static void account(struct send *s)
{
	struct model *m = s->m;
	struct model_slot *from = &m->slots[s->slot], *to = &m->slots[s->to];
	struct model_fn *f = &m->fns[s->fn];
	uint32_t n = s->ret->count, left = n - s->parts;

	if (s->edge <= SP_EDGE_REPLY) {
		f->out += s->turns_ended;
		f->failed += s->fn != SP_GATEWAY_FN ? s->failed : 0;
		f->dropped += s->fn != SP_GATEWAY_FN ? s->dropped : 0;
		f->edges[s->edge < SP_EDGE_MAX ? s->edge : SP_EDGE_MAX] += left;
		m->fns[s->to_fn].undeliverable += s->flag ? left : 0;
		m->fns[s->to_fn].in += s->flag ? 0 : s->turns_begun;
	}
	from->in_flight -= s->fn != SP_GATEWAY_FN ? s->turns_ended : 0;
	from->out += n;
	if (s->way == CALL)
		from->cancels =
			from->cancels + n < MODEL_BUFFERS ? from->cancels + n : MODEL_BUFFERS;
	to->in_flight += to->fn != SP_GATEWAY_FN ? s->turns_begun : 0;
	to->in += n;
	m->counters[SP_COUNT_DESCRIPTORS] += n;
	m->counters[SP_COUNT_BATCHES]++;
	m->counters[SP_COUNT_REMOTE] += from->cpu != to->cpu ? n : 0;
	m->counters[SP_COUNT_UNDELIVERABLE] += s->flag ? n : 0;
}

static int signal_send(struct send *s)
{
	struct sp_desc *d = &s->ret->descs[0];
	struct model *m = s->m;
	struct model_slot *from = &m->slots[s->slot];
	const struct model_buffer *b;
	bool finds;

	if (s->ret->count != 1 || d->home != s->slot)
		return s->ret->count != 1 ? SP_VIOLATION_MIXED : SP_VIOLATION_HOME;
	s->to = s->slot;
	d->flags = 0;
	if (d->edge == SP_EDGE_WAKE && d->gen != from->wake)
		return SP_VIOLATION_WAKE;
	s->ret->renewed = d->edge == SP_EDGE_WAKE;
	if (s->ret->renewed)
		return reachable(m, s->slot) ? -1 : SP_VIOLATION_COUNT;
	if (d->buf >= MODEL_BUFFERS)
		return SP_VIOLATION_INDEX;
	b = &m->buffers[d->buf];
	if (s->fn != SP_GATEWAY_FN && from->cancels-- == 0) {
		from->cancels = 0;
		return SP_VIOLATION_HOME;
	}
	finds = b->gen == d->gen && b->leased != SP_LEASE_STOCK && b->home == s->slot &&
		is_function(m, b->holder) && reachable(m, b->holder);
	s->to = finds ? b->holder : s->slot;
	d->flags = finds ? 0 : SP_DESC_UNDELIVERABLE;
	return reachable(m, s->to) ? -1 : SP_VIOLATION_COUNT; /* dropped, and nobody to blame */
}

static int refill_send(struct send *s)
{
	struct sp_desc *d = &s->ret->descs[0];
	struct model_slot *from = &s->m->slots[s->slot];
	uint32_t bit = 1U << (d->buf & SP_DESC_ASKED_MASK);

	if (from->refill & bit)
		return SP_VIOLATION_REFILL;
	d->gen = s->slot;
	if (reachable(s->m, s->to)) {
		from->refill |= bit;
		return -1;
	}
	s->to = s->slot;
	d->edge = SP_EDGE_GRANT;
	d->flags = SP_DESC_DENIED | (d->buf & SP_DESC_ASKED_MASK);
	d->home = (uint16_t)s->slot;
	return reachable(s->m, s->to) ? -1 : SP_VIOLATION_COUNT;
}

static int batch_send(struct send *s)
{
	uint32_t moved = 0;
	int bad = -1;

	if (!reachable(s->m, s->to))
		undeliverable(s);
	if (s->way == GRANT && s->ret->count == 1 && s->ret->descs[0].flags & SP_DESC_DENIED)
		return -1;
	while (moved < s->ret->count && bad < 0) {
		bad = hand_over(s, moved);
		moved += bad < 0;
	}
	if (bad < 0)
		account(s);
	for (uint32_t i = 0; bad >= 0 && i < moved; i++)
		take_back(s, i);
	return bad;
}

void model_send(struct model *m, uint32_t slot, const void *data, size_t len, uint32_t choice,
		struct model_result *ret)
{
	struct send s = { .m = m, .ret = ret, .slot = slot, .fn = m->slots[slot].fn };

	*ret = (struct model_result){ .count = (uint32_t)(len / sizeof(struct sp_desc)) };
	if (len == 0 || len % sizeof(struct sp_desc) || ret->count > SP_BATCH_MAX) {
		ret->reason = SP_VIOLATION_SIZE;
	} else {
		memcpy(ret->descs, data, len);
		s.edge = ret->descs[0].edge;
		s.home = ret->descs[0].home;
		if (s.edge == SP_EDGE_WAKE || s.edge == SP_EDGE_CANCEL)
			ret->reason = signal_send(&s);
		else
			ret->reason = way_of(&s, choice);
		if (ret->reason < 0 && s.edge == SP_EDGE_REFILL)
			ret->reason = refill_send(&s);
		else if (ret->reason < 0 && s.edge < SP_EDGE_WAKE)
			ret->reason = batch_send(&s);
	}
	ret->to = ret->reason < 0 && reachable(m, s.to) ? s.to : SP_SLOT_NONE;
	if (ret->reason >= 0 && ret->reason < SP_VIOLATION_COUNT)
		m->counters[SP_COUNT_VIOLATION + ret->reason]++;
}
