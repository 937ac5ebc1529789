/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_gate.bpf.h - revisions that share a function's requests, and gates that keep them out.
 *
 * For: the route of a batch, and its end. All of it is the controller's to switch: a split is in
 * the route, a gate beside the function's instances, a watch at an instance.
 * How: each revision is a function of its own number, with instances and statistics of its own;
 * only a request's path names the one that was meant. A send goes to one revision as a whole.
 * Concurrency: words that the controller stores whole. Probes and watch are taken by atomic
 * operations; two sends at once may both pass as the last.
 */
#ifndef SPROCKET_BPF_SPROXY_GATE_BPF_H
#define SPROCKET_BPF_SPROXY_GATE_BPF_H

#include "sproxy_batch.bpf.h"

static __always_inline int has_instance(__u32 fn)
{
	struct sp_function_slots *f = bpf_map_lookup_elem(&functions, &fn);

	return f && f->count > 0;
}

/* Function `fn` or the other one of the split. */
__noinline int split_pick(__u32 fn, __u32 split)
{
	__u32 other = SP_SPLIT_FN(split);
	int second = (bpf_get_prandom_u32() >> 9) < SP_SPLIT_SHARE(split);

	if (second)
		return has_instance(other) || !has_instance(fn) ? other : fn;
	return has_instance(fn) || !has_instance(other) ? fn : other;
}

/* Tells the controller what it watches for at `slot`, once. Not given the batch: the verifier
 * would forget what the pointers in it are. */
__noinline int watched(__u32 slot)
{
	struct sp_instance *i = bpf_map_lookup_elem(&instances, &slot);
	struct sp_event *event;

	if (!i || !i->watch)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	i->watch = 0;
	__builtin_memset(event, 0, sizeof(*event));
	event->at_ns = bpf_ktime_get_ns();
	event->slot = slot;
	event->fn = i->fn;
	event->reason = SP_EVENT_WATCHED;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Shut out, unless it is a probe: then b->to stays what it is. */
__noinline int gate_pass(struct batch *b, __u32 gate)
{
	struct sp_instance *i;

	if (!b)
		return 0;
	i = bpf_map_lookup_elem(&instances, &b->to);
	if (gate == SP_GATE_AJAR && i && (__s32)i->probes > 0 &&
	    (__s32)__sync_fetch_and_sub(&i->probes, 1) > 0) {
		watched(b->to);
		return 1;
	}
	b->to = SP_SLOT_NONE;
	b->shut = SP_DESC_FAILED;
	return 0;
}

#endif
