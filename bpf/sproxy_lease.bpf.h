/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_lease.bpf.h - leased buffers: calls, messages, parts, references, and requests that move.
 *
 * For: the walk over a batch, which comes here with what is not a plain client's request.
 * How: a function judged by the verifier alone, so that the walk is not judged once for each
 * way through it. It works on an entry that the walk has claimed, by its index.
 * Concurrency: a second entry (the one whose payload is shared, the one a request moves to) is
 * claimed like the first, and let go before the end. `refs` of a root is raised by an atomic
 * add: a reference that holds it up exists meanwhile, or its claim does.
 */
#ifndef SPROCKET_BPF_SPROXY_LEASE_BPF_H
#define SPROCKET_BPF_SPROXY_LEASE_BPF_H

#include "sproxy_batch.bpf.h"

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

/* One descriptor, as check_leased() judges it. */
struct leased {
	__u32 index;
	__u32 len; /* the descriptor's; afterwards the payload's */
	__u32 flags;
	__u32 tag; /* what was written into `home`; afterwards what the receiver reads there */
	__u32 was; /* enum sp_lease before; of a request that moved away, what it leaves */
	__u32 now; /* and afterwards */
	__u32 slot;
	__u32 home;
	__u32 way;
	__u32 homecoming;
	__u32 undeliverable;
	__u32 life;
	__u32 first; /* of its send */
	__u32 stray; /* afterwards: the one who made the call is gone, and another has its slot */
};

static __always_inline struct sp_owner *owner_at(__u32 index)
{
	return index < buffer_count ? bpf_map_lookup_elem(&owners, &index) : NULL;
}

/* A gateway worker's slot, whether the worker is there or not: such a one lends from itself. */
static __always_inline int is_worker(__u32 slot)
{
	struct sp_instance *i = bpf_map_lookup_elem(&instances, &slot);

	return i && i->fn == SP_GATEWAY_FN && i->lender != SP_SLOT_NONE;
}

/* The request in `from`, which is claimed, continues in the buffer `index`, which the sender
 * must hold. */
static __always_inline int move_request(struct leased *l, struct sp_owner *from)
{
	struct sp_owner *to = owner_at(l->len);
	__u64 held;

	if (!to)
		return SP_VIOLATION_INDEX;
	held = to->word;
	if ((__u32)held != l->slot || from->leased == SP_LEASE_STOCK || !claim(to, held))
		return SP_VIOLATION_OWNER;
	if (to->leased != SP_LEASE_STOCK || to->ref) {
		assign(to, held >> 32, l->slot);
		return SP_VIOLATION_OWNER;
	}
	to->start_ns = from->start_ns;
	to->arrived_ns = from->arrived_ns;
	to->home = from->home;
	to->hops = from->hops;
	to->leased = from->leased;
	to->tag = from->tag;
	to->life = from->life;
	to->called = from->called;
	__builtin_memcpy(to->hop, from->hop, sizeof(to->hop));
	/* What it reads of others stays with it until the gateway has it. */
	from->leased = SP_LEASE_STOCK;
	l->was = SP_LEASE_STOCK;
	assign(to, held >> 32, l->slot);
	return -1;
}

/* The request in `o` reads the payload of buffer l->len, which the sender must hold, or what
 * that one reads itself. `o` is claimed, so it cannot be named. */
static __always_inline int share(struct leased *l, struct sp_owner *o)
{
	struct sp_owner *from = owner_at(l->len), *root = from;
	__u32 index = l->len;
	__u64 held;

	if (!from)
		return SP_VIOLATION_INDEX;
	held = from->word;
	if ((__u32)held != l->slot || !claim(from, held))
		return SP_VIOLATION_OWNER;
	if (from->ref) {
		index = from->ref - 1;
		root = owner_at(index);
	}
	if (root) {
		__sync_fetch_and_add(&root->refs, 1);
		o->ref = index + 1;
		l->len = 0;
	}
	assign(from, held >> 32, l->slot);
	return root ? -1 : SP_VIOLATION_INDEX;
}

/* Stock becomes a call or a message, or goes with another's request. */
static __always_inline int check_stock(struct leased *l, struct sp_owner *o)
{
	int bad;

	if (l->way == WAY_REPLY)
		return SP_VIOLATION_OWNER;
	if (l->flags & SP_DESC_PART) {
		/* One of no request has a home that nobody checked: with no instance to go to it
		 * would be whose the sender likes, also nobody's. */
		if (l->flags & SP_DESC_SHARES || l->first)
			return SP_VIOLATION_OWNER;
		return l->len > o->cap ? SP_VIOLATION_LENGTH : -1;
	}
	/* What it reads has to be let go of first, by the gateway. */
	if (o->ref)
		return SP_VIOLATION_OWNER;
	if (l->way == WAY_FUNCTION && !is_worker(l->home))
		return SP_VIOLATION_HOME;
	if (l->flags & SP_DESC_SHARES && l->way == WAY_CALL && l->undeliverable) {
		l->len = 0; /* it is tried again, and may not have a reference then */
	} else if (l->flags & SP_DESC_SHARES) {
		bad = share(l, o);
		if (bad >= 0)
			return bad;
	} else if (l->len > o->cap) {
		return SP_VIOLATION_LENGTH;
	}
	o->leased = l->homecoming ? SP_LEASE_STOCK : SP_LEASE_OUT;
	o->home = l->home;
	o->tag = l->tag;
	o->life = l->life;
	o->called = o->word >> 32;
	o->hops = 0;
	return -1;
}

static __always_inline int check_leased_as(struct leased *l, struct sp_owner *o)
{
	int moved = l->way == WAY_RELEASE && l->flags & SP_DESC_MOVED;

	if (l->was == SP_LEASE_NONE && o->home != l->home)
		return SP_VIOLATION_HOME;
	if (moved)
		return move_request(l, o);
	if (l->way == WAY_RELEASE || l->way == WAY_GRANT)
		return l->len > o->cap ? SP_VIOLATION_LENGTH : -1;
	if (l->was == SP_LEASE_STOCK)
		return check_stock(l, o);
	/* A request takes no part in what only stock can do. */
	if (l->way == WAY_CALL ||
	    (l->way == WAY_FUNCTION && l->flags & (SP_DESC_SHARES | SP_DESC_PART)))
		return SP_VIOLATION_OWNER;
	if (o->home != l->home)
		return SP_VIOLATION_HOME;
	if (l->len > o->cap)
		return SP_VIOLATION_LENGTH;
	if (l->homecoming) {
		o->leased = SP_LEASE_STOCK;
		l->tag = o->tag;
		l->stray = o->life != l->life;
	}
	return -1;
}

/* What the entry, which is claimed, says of the descriptor. A violation, or -1. */
__noinline int check_leased(struct leased *l)
{
	struct sp_owner *o;
	int bad;

	if (!l)
		return SP_VIOLATION_INDEX;
	o = owner_at(l->index);
	if (!o)
		return SP_VIOLATION_INDEX;
	bad = check_leased_as(l, o);
	l->now = o->leased;
	return bad;
}

#endif
