/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_owner.bpf.h - handing buffers over: the ownership checks, one per descriptor.
 *
 * For: sproxy.bpf.c, which walks a batch with hand_over_nth() and, when one descriptor is
 * refused, walks back with take_back_nth(). Leased buffers: sproxy_lease.bpf.h.
 * Concurrency: owner words are changed by compare-and-swap; nothing else of an entry is
 * touched before its claim.
 */
#ifndef SPROCKET_BPF_SPROXY_OWNER_BPF_H
#define SPROCKET_BPF_SPROXY_OWNER_BPF_H

#include "sproxy_batch.bpf.h"
#include "sproxy_lease.bpf.h"
#include "sproxy_stats.bpf.h"

/* The path of the request in `o`, which is ours. */
static __always_inline void stamp(struct batch *b, struct sp_owner *o)
{
	__u32 i = o->hops;
	__u64 since;

	if (i == 0)
		o->start_ns = b->now;
	since = b->now - o->start_ns;
	if (i >= SP_HOPS_MAX)
		i = SP_HOPS_MAX - 1;
	o->hop[i].at_ns = since > 0xffffffffULL ? 0xffffffffU : since;
	o->hop[i].fn = b->meant;
	o->hop[i].slot = b->to;
	o->hops = i + 1;
	o->arrived_ns = b->now;
}

/* A buffer that is leased, or a descriptor that asks for more than to be handed over. */
static __always_inline int hand_over_leased(struct batch *b, struct sp_desc *d, __u32 *was)
{
	struct leased l = { .index = d->buf,
			    .len = d->len,
			    .flags = d->flags,
			    .tag = d->home,
			    .was = *was,
			    .slot = b->slot,
			    .home = b->home,
			    .way = b->way,
			    .homecoming = b->homecoming,
			    .undeliverable = b->flag,
			    .first = b->moved == 0,
			    .life = b->life };
	int bad = check_leased(&l);

	if (bad >= 0)
		return bad;
	d->len = l.len;
	d->home = b->homecoming || b->way != WAY_CALL ? l.tag : b->slot;
	/* The sender may have answered by an edge of its own; the caller knows but one. */
	if (b->way == WAY_REPLY || l.stray)
		d->edge = SP_EDGE_REPLY;
	b->stray = l.stray ? SP_DESC_UNDELIVERABLE : 0;
	*was = l.was;
	b->unsent += l.was == SP_LEASE_STOCK;
	b->ungot += l.now == SP_LEASE_STOCK;
	b->stock |= (__u64)(l.was == SP_LEASE_STOCK) << (b->moved % SP_BATCH_MAX);
	if (b->way < WAY_REPLY)
		b->parts += d->flags / SP_DESC_PART & 1;
	return -1;
}

/* A client's request, which goes on as it came. */
static __always_inline int check_plain(struct batch *b, struct sp_desc *d, struct sp_owner *o)
{
	if (o->home != b->home && b->way != WAY_GRANT)
		return SP_VIOLATION_HOME;
	return d->len > o->cap ? SP_VIOLATION_LENGTH : -1;
}

/* The next generation of the send's own sequence (splitmix64, the upper half). A draw of the
 * kernel's for each descriptor costs a third of the walk; and they are linear: some in a row,
 * as who reads a few of a batch would have, tell the others. */
static __always_inline __u32 draw(struct batch *b)
{
	__u64 z = b->draw += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z >> 32;
}

/* Checks one descriptor and makes the receiver its owner. A violation, or -1. */
static __always_inline int hand_over(struct walk *w, struct batch *b, struct sp_desc *d)
{
	__u32 index = d->buf, was;
	struct sp_owner *o;
	__u64 held;
	int bad;

	if (d->edge != b->edge || (d->home != b->home && b->way != WAY_CALL))
		return SP_VIOLATION_MIXED;
	if (index >= buffer_count)
		return SP_VIOLATION_INDEX;
	o = bpf_map_lookup_elem(&owners, &index);
	if (!o)
		return SP_VIOLATION_INDEX;
	held = SP_OWNER_WORD(d->gen, b->slot);
	if (o->word != held)
		return o->word >> 32 != d->gen ? SP_VIOLATION_STALE : SP_VIOLATION_OWNER;
	if (!claim(o, held))
		return SP_VIOLATION_OWNER;
	was = o->leased;
	if (was != SP_LEASE_NONE || d->flags & b->special)
		bad = hand_over_leased(b, d, &was);
	else
		bad = check_plain(b, d, o);
	if (bad >= 0) {
		assign(o, d->gen, b->slot);
		return bad;
	}
	if (b->edge <= SP_EDGE_REPLY)
		stats_descriptor(w, b, d, o, was);
	stamp(b, o);
	d->flags &= ~b->clear;
	d->flags |= b->flag | b->stray | (o->refs ? b->shared : 0);
	/* Whoever hands on what it did not read (an answer to a number that it guessed, or once
	 * more around a cycle) would leave one more unread each time, and no buffer would limit
	 * that: so it takes a number that only who reads it knows. */
	if (b->renew)
		d->gen = draw(b);
	assign(o, d->gen, b->to);
	return -1;
}

/* One step of the walk over a batch: bpf_loop() lets the verifier see it once. */
static long hand_over_nth(__u32 i, void *arg)
{
	struct walk *w = arg;
	struct batch *b = w->b;
	struct sp_desc *d = nth(w, i);

	if (!d)
		return 1;
	b->reason = hand_over(w, b, d);
	if (b->reason >= 0)
		return 1;
	b->moved++;
	return 0;
}

/* Takes back what hand_over() gave away: the batch is refused as a whole. */
static long take_back_nth(__u32 i, void *arg)
{
	struct walk *w = arg;
	struct batch *b = w->b;
	struct sp_desc *d = nth(w, i);
	struct sp_owner *o;
	__u32 index;

	if (!d)
		return 1;
	index = d->buf;
	if (index >= buffer_count)
		return 1;
	o = bpf_map_lookup_elem(&owners, &index);
	if (!o || !claim(o, SP_OWNER_WORD(d->gen, b->to)))
		return 0;
	/* A call stays one: who made it is told when the sender's buffers are taken back. What
	 * was read of another buffer stays so until the gateway has this one. */
	if (b->stock >> (i % SP_BATCH_MAX) & 1)
		o->leased = SP_LEASE_STOCK;
	else if (o->leased == SP_LEASE_STOCK)
		o->leased = SP_LEASE_OUT;
	assign(o, d->gen, b->slot);
	return 0;
}

#endif
