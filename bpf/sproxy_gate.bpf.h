/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_gate.bpf.h - revisions that share a function's requests, and gates that keep them out.
 *
 * For: the choice of an instance, and the end of a batch. All of it is the controller's to switch:
 * a split is in the route, a gate beside the function's instances, a watch at an instance.
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

/* The instance of `f` on this CPU unless it is behind; then the less loaded of two. */
static __always_inline __u32 pick_instance(struct sp_function_slots *f)
{
	struct sp_instance *here = NULL, *a, *b;
	__u32 n, local, i, slot_a, slot_b;

	n = f->count;
	if (n == 0)
		return SP_SLOT_NONE;
	local = f->on_cpu[bpf_get_smp_processor_id() % SP_CPU_MAX];
	if (local) {
		here = bpf_map_lookup_elem(&instances, &local);
		if (n == 1 || (here && here->in_flight < f->behind))
			return local;
	}
	i = bpf_get_prandom_u32() % n;
	if (i >= SP_FN_INST_MAX)
		return SP_SLOT_NONE;
	slot_a = f->slot[i];
	i = i + 1 < n ? i + 1 : 0;
	if (i >= SP_FN_INST_MAX)
		return SP_SLOT_NONE;
	slot_b = f->slot[i];
	a = bpf_map_lookup_elem(&instances, &slot_a);
	b = bpf_map_lookup_elem(&instances, &slot_b);
	if (!a || !b)
		return SP_SLOT_NONE;
	if (b->in_flight < a->in_flight) {
		a = b;
		slot_a = slot_b;
	}
	if (local && here && here->in_flight <= a->in_flight)
		return local;
	return slot_a;
}

/* Who gets what is meant for function `fn`. A split or a gate costs nothing where there is none
 * but a look at words that were read anyway. */
static __always_inline void pick(struct batch *b, __u32 fn, __u32 split)
{
	struct sp_function_slots *f;

	b->meant = fn;
	b->to_fn = split ? (__u32)split_pick(fn, split) : fn;
	b->to = SP_SLOT_NONE;
	f = bpf_map_lookup_elem(&functions, &b->to_fn);
	if (!f)
		return;
	b->to = pick_instance(f);
	if (f->gate)
		gate_pass(b, f->gate);
	b->to = admit(b, b->to);
}

#endif
