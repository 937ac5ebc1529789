/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_tap.bpf.h - a record of each descriptor, while somebody listens.
 *
 * For: the end of a send, passed or refused: one look at the settings, nothing else when
 * nobody listens. The walk is made a second time, so the first is not slower for it.
 * Failure modes: a full ring loses the record and counts it (SP_COUNT_TAP_LOST).
 */
#ifndef SPROCKET_BPF_SPROXY_TAP_BPF_H
#define SPROCKET_BPF_SPROXY_TAP_BPF_H

#include "sproxy_batch.bpf.h"
#include "sproxy_stats.bpf.h"

static __always_inline int tap_on(void)
{
	__u32 key = 0;
	struct sp_settings *s = bpf_map_lookup_elem(&settings, &key);

	return s && s->tap;
}

/* What the entry of a buffer just handed over says; its receiver cannot know of it yet. */
static __always_inline void tap_times(struct sp_tap *t, __u32 index)
{
	struct sp_owner *o;
	__u32 last;

	if (index >= buffer_count)
		return;
	o = bpf_map_lookup_elem(&owners, &index);
	if (!o)
		return;
	t->start_ns = o->start_ns;
	last = o->hops;
	last--;
	if (last >= 1 && last < SP_HOPS_MAX)
		t->since_us = us_of(o->hop[last].at_ns - o->hop[last - 1].at_ns);
}

/* A record of b->shown. `has_times`: the buffer that it names has just been handed over. */
__noinline int tap(struct batch *b, __u32 verdict, __u32 has_times)
{
	struct sp_tap *t;

	if (!b)
		return 0;
	t = bpf_ringbuf_reserve(&taps, sizeof(*t), 0);
	if (!t) {
		count(SP_COUNT_TAP_LOST, 1);
		return 0;
	}
	t->at_ns = bpf_ktime_get_ns();
	t->start_ns = 0;
	t->buf = b->shown.buf;
	t->gen = b->shown.gen;
	t->len = b->shown.len;
	t->since_us = 0;
	t->verdict = verdict;
	t->from_fn = b->fn;
	t->to_fn = b->to_fn;
	t->from_slot = b->slot;
	t->to_slot = b->to;
	t->edge = b->shown.edge;
	t->flags = b->shown.flags;
	t->reserved = 0;
	if (has_times)
		tap_times(t, b->shown.buf);
	bpf_ringbuf_submit(t, 0);
	return 0;
}

static long tap_nth(__u32 i, void *arg)
{
	struct walk *w = arg;
	struct sp_desc *d = nth(w, i);

	if (!d)
		return 1;
	w->b->shown = *d;
	tap(w->b, w->b->flag ? SP_TAP_UNDELIVERABLE : SP_TAP_PASSED, 1);
	return 0;
}

#endif
