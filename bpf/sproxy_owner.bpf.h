/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_owner.bpf.h - handing buffers over: the ownership checks, one per descriptor.
 *
 * For: sproxy.bpf.c, which walks a batch with hand_over_nth() and, when one descriptor is
 * refused, walks back with take_back_nth().
 * Concurrency: owner words are changed by compare-and-swap; nothing else of an entry is
 * touched before its claim.
 */
#ifndef SPROCKET_BPF_SPROXY_OWNER_BPF_H
#define SPROCKET_BPF_SPROXY_OWNER_BPF_H

#include "sproxy_batch.bpf.h"
#include "sproxy_stats.bpf.h"

/* Makes the entry ours alone. The sender may race with itself (threads, a forked copy), and
 * a buffer it has just handed on may carry another's request by now: nothing in an entry is
 * touched before the claim, and only one claim wins. */
static __always_inline int claim(struct sp_owner *o, __u64 held)
{
	return __sync_val_compare_and_swap(&o->word, held,
					   SP_OWNER_WORD(held >> 32, SP_HOLDER_MOVING)) == held;
}

/* Ends a claim: what was written to the entry is seen before the holder is. */
static __always_inline void assign(struct sp_owner *o, __u32 gen, __u32 holder)
{
#ifdef __TARGET_ARCH_x86
	/* Stores are seen in their order: that of the program has to be kept, no more. */
	__asm__ volatile("" : : : "memory");
	*(volatile __u64 *)&o->word = SP_OWNER_WORD(gen, holder);
#else
	__sync_lock_test_and_set(&o->word, SP_OWNER_WORD(gen, holder));
#endif
}

/* The request in `from`, which is claimed, continues in the buffer `index`, which the sender
 * must hold. */
static __always_inline int move_request(struct batch *b, struct sp_owner *from, __u32 index)
{
	struct sp_owner *to;
	__u64 held;

	if (index >= buffer_count)
		return SP_VIOLATION_INDEX;
	to = bpf_map_lookup_elem(&owners, &index);
	if (!to)
		return SP_VIOLATION_INDEX;
	held = to->word;
	if ((__u32)held != b->slot || from->leased || !claim(to, held))
		return SP_VIOLATION_OWNER;
	if (!to->leased) {
		assign(to, held >> 32, b->slot);
		return SP_VIOLATION_OWNER;
	}
	to->start_ns = from->start_ns;
	to->arrived_ns = from->arrived_ns;
	to->home = from->home;
	to->hops = from->hops;
	to->leased = 0;
	__builtin_memcpy(to->hop, from->hop, sizeof(to->hop));
	from->leased = 1;
	assign(to, held >> 32, b->slot);
	return -1;
}

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
	o->hop[i].fn = b->to_fn;
	o->hop[i].slot = b->to;
	o->hops = i + 1;
	o->arrived_ns = b->now;
}

/* What the entry, which is claimed, says of the descriptor. A violation, or -1. */
static __always_inline int check_claimed(struct batch *b, struct sp_desc *d, struct sp_owner *o)
{
	int bad;

	if (o->home != b->home && b->edge != SP_EDGE_GRANT)
		return SP_VIOLATION_HOME;
	if (b->edge == SP_EDGE_RELEASE && d->flags & SP_DESC_MOVED) {
		bad = move_request(b, o, d->len);
		if (bad >= 0)
			return bad;
	} else if (d->len > o->cap) {
		return SP_VIOLATION_LENGTH;
	}
	/* A leased buffer holds no request, so no edge but back to the gateway takes it. */
	if (o->leased && b->edge != SP_EDGE_RELEASE && b->edge != SP_EDGE_GRANT)
		return SP_VIOLATION_OWNER;
	return -1;
}

/* Checks one descriptor and makes the receiver its owner. A violation, or -1. */
static __always_inline int hand_over(struct batch *b, struct sp_desc *d)
{
	__u32 index = d->buf;
	struct sp_owner *o;
	__u64 held;
	int bad;

	if (d->edge != b->edge || d->home != b->home)
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
	bad = check_claimed(b, d, o);
	if (bad >= 0) {
		assign(o, d->gen, b->slot);
		return bad;
	}
	b->requests += !o->leased;
	if (b->edge <= SP_EDGE_REPLY)
		stats_descriptor(b, d, o);
	stamp(b, o);
	/* These two are the kernel's to set: the gateway passes over what bears them. */
	d->flags &= ~(SP_DESC_UNDELIVERABLE | SP_DESC_DENIED);
	d->flags |= b->flag;
	assign(o, d->gen, b->to);
	return -1;
}

/* One step of the walk over a batch: bpf_loop() lets the verifier see it once. */
static long hand_over_nth(__u32 i, void *arg)
{
	struct batch *b = arg;
	struct sp_desc *d = nth(b, i);

	if (!d)
		return 1;
	b->reason = hand_over(b, d);
	if (b->reason >= 0)
		return 1;
	b->moved++;
	return 0;
}

/* Takes back what hand_over() gave away: the batch is refused as a whole. */
static long take_back_nth(__u32 i, void *arg)
{
	struct batch *b = arg;
	struct sp_desc *d = nth(b, i);
	struct sp_owner *o;
	__u32 index;

	if (!d)
		return 1;
	index = d->buf;
	if (index >= buffer_count)
		return 1;
	o = bpf_map_lookup_elem(&owners, &index);
	if (o)
		__sync_val_compare_and_swap(&o->word, SP_OWNER_WORD(d->gen, b->to),
					    SP_OWNER_WORD(d->gen, b->slot));
	return 0;
}

#endif
