/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_signal.bpf.h - what is said without handing anything over: wake and cancel.
 *
 * For: sproxy.bpf.c. Both name their sender as home. A wake goes to the sender itself; a cancel
 * to whoever holds the buffer that its home waits for. When nobody else has it any more, which
 * no sender can know, the cancel comes back flagged, and nobody is to blame.
 * Concurrency: nothing is claimed, so the holder may have handed the buffer on by the time it
 * reads the cancel. It compares buffer and generation with what it has.
 */
#ifndef SPROCKET_BPF_SPROXY_SIGNAL_BPF_H
#define SPROCKET_BPF_SPROXY_SIGNAL_BPF_H

#include "sproxy_batch.bpf.h"

/* Whether `d`, a cancel of the sender's, has a holder to be told: sets b->to, and in `d` the
 * generation that the holder knows. A caller knows but that with which its call left. */
static __always_inline int cancel_finds(struct batch *b, struct sp_desc *d,
					const struct sp_owner *o)
{
	__u64 word = *(const volatile __u64 *)&o->word;
	__u32 holder = word, gen = b->fn == SP_GATEWAY_FN ? word >> 32 : o->called;
	struct sp_instance *to = bpf_map_lookup_elem(&instances, &holder);

	if (gen != d->gen || o->leased == SP_LEASE_STOCK || o->home != b->slot)
		return 0;
	if (!to || to->fn == SP_GATEWAY_FN || *(const volatile __u64 *)&o->word != word)
		return 0;
	b->to = holder;
	d->gen = word >> 32;
	return 1;
}

/* Nor is a cancel limited by the buffer that it names, which stays where it is. A function has one
 * for each call; of those it did not use it keeps as many as calls can be under way. Sends of one
 * socket come one after another: nobody else writes it. */
static __always_inline int cancel_spend(struct batch *b)
{
	struct sp_instance *from = bpf_map_lookup_elem(&instances, &b->slot);

	if (b->fn == SP_GATEWAY_FN)
		return -1;
	if (!from || from->cancels == 0)
		return SP_VIOLATION_HOME;
	from->cancels--;
	return -1;
}

/* No buffer limits the wakes in the sender's own queue, so a number does that only who reads the
 * one before can know. Sends of one socket come one after another: nobody else writes it. */
static __always_inline int wake_renew(struct batch *b)
{
	struct sp_instance *from = bpf_map_lookup_elem(&instances, &b->slot);

	if (!from || b->shown.gen != from->wake)
		return SP_VIOLATION_WAKE;
	b->shown.gen = bpf_get_prandom_u32();
	from->wake = b->shown.gen;
	return -1;
}

/* Where b->shown, a wake or a cancel, goes: sets b->to and b->flag. A violation, or -1. */
__noinline int signal_route(struct batch *b)
{
	struct sp_owner *o;
	__u32 index;

	if (!b || b->count != 1)
		return SP_VIOLATION_MIXED;
	if (b->home != b->slot)
		return SP_VIOLATION_HOME;
	b->to = b->slot;
	if (b->edge == SP_EDGE_WAKE)
		return wake_renew(b);
	index = b->shown.buf;
	o = index < buffer_count ? bpf_map_lookup_elem(&owners, &index) : NULL;
	if (!o)
		return SP_VIOLATION_INDEX;
	if (!cancel_finds(b, &b->shown, o))
		b->flag = SP_DESC_UNDELIVERABLE;
	return cancel_spend(b);
}

#endif
