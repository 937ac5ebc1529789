/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_stats.bpf.h - how many, how long waited, how long worked: per function and CPU.
 *
 * Counted is, for the sender, what carried a request before, for the receiver, what carries one
 * now: a call begins at the callee, and ends there.
 *
 * For: the walk over a batch. The sender's entry and the gateway's are looked up once per
 * batch; each descriptor costs one bucket for its wait and, at its end, one for its whole way.
 * How: an instance works on its batch one descriptor after another, from when it last handed
 * on or got the first of them, whichever is later; each takes the same share of the time.
 * Concurrency: entries are per CPU and added to without a lock. Where the kernel may preempt
 * the program (not with preempt=none), an increment can be lost; nothing is decided by them.
 * A refused batch's waits stay counted: one batch at most per instance, which is cut off.
 */
#ifndef SPROCKET_BPF_SPROXY_STATS_BPF_H
#define SPROCKET_BPF_SPROXY_STATS_BPF_H

#include "sproxy_batch.bpf.h"
#include "sproxy_gate.bpf.h"

#define NS_BITS 36 /* 68 s, beyond the last bucket's begin: above it, times are all one */

/* Without a division: / 8, then times 2^32 / 125. */
static __always_inline __u32 us_of(__u64 ns)
{
	__u64 above = -(ns >> NS_BITS) >> 63; /* 0 or 1 */

	ns = (ns | -above) & ((1ULL << NS_BITS) - 1);
	return (ns >> 3) * 34359739ULL >> 32;
}

static __always_inline void histogram_add(struct sp_histogram *h, __u64 ns, __u32 n)
{
	h->count[sp_histogram_bucket(us_of(ns))] += n;
}

/* Before the walk: whose entries, and what each descriptor's share of the time is. Leases
 * end no turn: they are told by their edge. 0 when the maps have no such entries. */
static __always_inline int stats_begin(struct walk *w, struct batch *b)
{
	struct sp_instance *from = bpf_map_lookup_elem(&instances, &b->slot);
	__u32 gateway = SP_GATEWAY_FN, buf = w->first->buf;
	struct sp_owner *first;

	buf = buf < buffer_count ? buf : 0; /* out of range: the walk will say so */
	first = bpf_map_lookup_elem(&owners, &buf);
	w->from_counts = bpf_map_lookup_elem(&function_counts, &b->fn);
	w->end_counts = bpf_map_lookup_elem(&function_counts, &gateway);
	if (!from || !first || !w->from_counts || !w->end_counts)
		return 0;
	b->begin_ns = first->arrived_ns;
	if (b->begin_ns < from->last_out_ns)
		b->begin_ns = from->last_out_ns;
	/* Threads of one sender may overtake each other. */
	if (b->begin_ns > b->now)
		b->begin_ns = b->now;
	b->share_ns = b->now - b->begin_ns;
	if (b->count > 1)
		b->share_ns /= b->count;
	return 1;
}

/* In the walk, for a buffer whose entry `o` is ours and not yet stamped; it came as `was`. */
static __always_inline void stats_descriptor(struct walk *w, struct batch *b,
					     const struct sp_desc *d, const struct sp_owner *o,
					     __u32 was)
{
	__u64 ns;

	if (b->fn != SP_GATEWAY_FN && was != SP_LEASE_STOCK) {
		ns = b->begin_ns > o->arrived_ns ? b->begin_ns - o->arrived_ns : 0;
		b->begin_ns += b->share_ns;
		b->wait_ns += ns;
		histogram_add(&w->from_counts->stats.wait, ns, 1);
	}
	if (b->way != WAY_REPLY || b->flag)
		return;
	b->failed += d->flags / SP_DESC_FAILED & 1;
	b->dropped += d->flags / SP_DESC_DROPPED & 1;
	b->faults += (d->flags & (SP_DESC_FAILED | SP_DESC_BLAMELESS)) == SP_DESC_FAILED;
	if (was == SP_LEASE_NONE) {
		ns = b->now - o->start_ns;
		b->end_ns += ns;
		histogram_add(&w->end_counts->stats.run, ns, 1);
	}
}

/* Sums are rounded to the nearest us, not down: a batch of one would lose half a us each. */
static __always_inline __u32 us_near(__u64 ns)
{
	return us_of(ns + 500);
}

/* After the walk, which moved all of the batch. */
static __always_inline void stats_end(struct walk *w, struct batch *b)
{
	__u32 n = b->count - b->unsent, left = b->count - b->parts, edge = b->edge, key = b->to_fn;
	struct sp_function_counts *from = w->from_counts, *to;

	if (edge > SP_EDGE_REPLY)
		return;
	from->stats.out += n;
	from->edges[edge < SP_EDGE_MAX ? edge : SP_EDGE_MAX] += left;
	/* The time belongs to the requests alone, however much went with them. */
	if (n && b->unsent)
		b->share_ns = b->share_ns * b->count / n;
	if (b->fn != SP_GATEWAY_FN) {
		from->stats.wait.sum_us += us_near(b->wait_ns);
		from->stats.run.sum_us += us_near(b->share_ns * n);
		histogram_add(&from->stats.run, b->share_ns, n);
		from->stats.failed += b->failed;
		from->faults += b->faults;
		if (b->faults)
			watched(b->slot);
		from->stats.dropped += b->dropped;
	}
	w->end_counts->stats.run.sum_us += us_near(b->end_ns);
	to = bpf_map_lookup_elem(&function_counts, &key);
	if (!to)
		return;
	if (b->flag)
		to->stats.undeliverable += left;
	else
		to->stats.in += b->count - b->ungot;
}

#endif
