// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/bpf/model_route.h"

static int move(struct model_sending *s, struct model_buffer *from, uint32_t index)
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

static int share(struct model_sending *s, struct model_buffer *reader, struct sp_desc *d)
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
static int judge_stock(struct model_sending *s, struct model_buffer *b, struct sp_desc *d,
		       bool first)
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
	if (s->way == FUNCTION && !model_is_worker(s->m, s->home))
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
	b->called = b->gen;
	b->hops = 0;
	d->home = (uint16_t)(s->way == CALL && !s->homecoming ? s->slot : d->home);
	return -1;
}

/* A violation, or -1 when the entry and what the receiver reads are as they should be. */
static int judge(struct model_sending *s, struct model_buffer *b, struct sp_desc *d, bool first)
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

/* Without flags that only the kernel sets, or reads. */
static uint8_t cleared(const struct model_sending *s, uint8_t flags)
{
	flags &= (uint8_t) ~(SP_DESC_UNDELIVERABLE | SP_DESC_DENIED);
	if (s->way == REPLY && s->fn != SP_GATEWAY_FN)
		flags &= (uint8_t)~SP_DESC_BLAMELESS;
	return s->way < REPLY ? flags & (uint8_t) ~(SP_DESC_SHARES | SP_DESC_FAILED) : flags;
}

static int hand_over(struct model_sending *s, uint32_t i)
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
	if (b->gen != d->gen || s->ret->drawn & 1ULL << d->buf)
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
	d->flags =
		cleared(s, sent.flags) | (uint8_t)s->flag | (s->stray ? SP_DESC_UNDELIVERABLE : 0);
	if (s->way <= REPLY && b->refs)
		d->flags |= SP_DESC_SHARED;
	b->holder = s->to;
	b->hops = b->hops < SP_HOPS_MAX ? b->hops + 1 : SP_HOPS_MAX;
	b->last = (struct sp_hop){ .fn = (uint16_t)s->meant, .slot = (uint16_t)s->to };
	s->ret->drawn |= model_is_function(s->m, s->to) || (s->way == GRANT && !s->flag) ?
				 1ULL << d->buf :
				 0;
	s->turns_ended += s->was[i] != SP_LEASE_STOCK;
	s->turns_begun += b->leased != SP_LEASE_STOCK;
	/* What stays stock at both ends of an edge goes with another's request. */
	s->parts += s->way < REPLY && sent.flags & SP_DESC_PART;
	s->failed += s->way == REPLY && !s->flag && sent.flags & SP_DESC_FAILED;
	s->faults += s->way == REPLY && !s->flag &&
		     (sent.flags & (SP_DESC_FAILED | SP_DESC_BLAMELESS)) == SP_DESC_FAILED;
	s->dropped += s->way == REPLY && !s->flag && sent.flags & SP_DESC_DROPPED;
	return -1;
}

static void take_back(struct model_sending *s, uint32_t i)
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

static void account(struct model_sending *s)
{
	struct model *m = s->m;
	struct model_slot *from = &m->slots[s->slot], *to = &m->slots[s->to];
	struct model_fn *f = &m->fns[s->fn];
	uint32_t n = s->ret->count, left = n - s->parts;

	if (s->edge <= SP_EDGE_REPLY) {
		f->out += s->turns_ended;
		f->failed += s->fn != SP_GATEWAY_FN ? s->failed : 0;
		f->faults += s->fn != SP_GATEWAY_FN ? s->faults : 0;
		if (s->fn != SP_GATEWAY_FN && s->faults)
			model_watched(s, s->slot);
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

static int signal_send(struct model_sending *s)
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
		return model_reachable(m, s->slot) ? -1 : SP_VIOLATION_COUNT;
	if (d->buf >= MODEL_BUFFERS)
		return SP_VIOLATION_INDEX;
	b = &m->buffers[d->buf];
	if (s->fn != SP_GATEWAY_FN && from->cancels-- == 0) {
		from->cancels = 0;
		return SP_VIOLATION_HOME;
	}
	finds = (s->fn != SP_GATEWAY_FN ? b->called : b->gen) == d->gen &&
		b->leased != SP_LEASE_STOCK && b->home == s->slot &&
		model_is_function(m, b->holder) && model_reachable(m, b->holder);
	s->to = finds ? b->holder : s->slot;
	d->gen = finds ? b->gen : d->gen;
	d->flags = finds ? 0 : SP_DESC_UNDELIVERABLE;
	return model_reachable(m, s->to) ? -1 :
					   SP_VIOLATION_COUNT; /* dropped, and nobody to blame */
}

static int refill_send(struct model_sending *s)
{
	struct sp_desc *d = &s->ret->descs[0];
	struct model_slot *from = &s->m->slots[s->slot];
	uint32_t bit = 1U << (d->buf & SP_DESC_ASKED_MASK);

	if (from->refill & bit)
		return SP_VIOLATION_REFILL;
	d->gen = s->slot;
	if (model_reachable(s->m, s->to)) {
		from->refill |= bit;
		return -1;
	}
	s->to = s->slot;
	d->edge = SP_EDGE_GRANT;
	d->flags = SP_DESC_DENIED | (d->buf & SP_DESC_ASKED_MASK);
	d->home = (uint16_t)s->slot;
	return model_reachable(s->m, s->to) ? -1 : SP_VIOLATION_COUNT;
}

static int batch_send(struct model_sending *s)
{
	uint32_t moved = 0;
	int bad = -1;

	if (!model_reachable(s->m, s->to))
		model_undeliverable(s);
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
	struct model_sending s = { .m = m, .ret = ret, .slot = slot, .fn = m->slots[slot].fn };

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
			ret->reason = model_way(&s, choice);
		if (ret->reason < 0 && s.edge == SP_EDGE_REFILL)
			ret->reason = refill_send(&s);
		else if (ret->reason < 0 && s.edge < SP_EDGE_WAKE)
			ret->reason = batch_send(&s);
	}
	ret->to = ret->reason < 0 && model_reachable(m, s.to) ? s.to : SP_SLOT_NONE;
	if (ret->reason >= 0 && ret->reason < SP_VIOLATION_COUNT)
		m->counters[SP_COUNT_VIOLATION + ret->reason]++;
}
