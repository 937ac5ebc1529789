/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_batch.bpf.h - one send on its way through the kernel program.
 *
 * For: sproxy.bpf.c and the parts it is made of. Lives on the program's stack.
 */
#ifndef SPROCKET_BPF_SPROXY_BATCH_BPF_H
#define SPROCKET_BPF_SPROXY_BATCH_BPF_H

#include "sproxy_maps.bpf.h"

/* What an edge does; a route of kind REPLY is as good as SP_EDGE_REPLY. */
enum way { WAY_FUNCTION, WAY_CALL, WAY_REPLY, WAY_RELEASE, WAY_GRANT };

struct batch {
	__u64 now;
	__u32 slot;  /* sender */
	__u32 fn;    /* sender's function */
	__u32 to;    /* receiver */
	__u32 to_fn; /* receiver's function; of an undeliverable batch, the one meant */
	__u32 meant; /* the same, whichever revision it is that gets it */
	__u32 shut;  /* SP_DESC_FAILED when the gate of that function is shut, or 0 */
	__u32 count; /* descriptors in it */
	__u32 edge;
	__u32 home;
	__u32 way;             /* enum way */
	__u32 flag;            /* not deliverable: what its descriptors are flagged, or 0 */
	__u32 full;            /* SP_DESC_FULL: the one picked is at its limit; or 0 */
	__u32 homecoming;      /* it arrives where its calls were made */
	__u32 renew;           /* a function gets it: its descriptors' generations are new */
	__u32 life;            /* of the instance that calls, or is called from */
	__u32 stray;           /* what a call is flagged whose caller had the slot before */
	__u32 special;         /* flags that ask for more than the plain check */
	__u32 clear;           /* flags that are not the sender's to set */
	__u32 shared;          /* SP_DESC_SHARED where that flag has this meaning, or 0 */
	__u32 moved;           /* descriptors handed over so far */
	__u32 unsent;          /* those that carried no request before */
	__u32 ungot;           /* those that carry none now */
	__u32 parts;           /* those that go with another's request */
	__u64 stock;           /* a bit for each that was stock, to take it back as such */
	int reason;            /* violation that ended the walk, or -1 */
	__u64 draw;            /* what the next generation is made of */
	__u64 begin_ns;        /* when the sender began with the next descriptor */
	__u64 share_ns;        /* what it spent on each */
	__u64 wait_ns, end_ns; /* sums over the batch */
	__u32 failed, dropped, faults; /* replies that say so */
	struct sp_desc shown;          /* what an event or a tap's record is about */
};

/* The walk over its descriptors. Apart from the batch, which as memory of who called has no
 * values that the verifier would follow, and could hold no pointers. */
struct walk {
	struct batch *b;
	struct sp_desc *first, *end;            /* the message */
	struct sp_function_counts *from_counts; /* the sending function's */
	struct sp_function_counts *end_counts;  /* the gateway's, where replies arrive */
};

static __always_inline void count(__u32 which, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &which);

	if (value)
		*value += n;
}

/* Descriptor `i` of the batch, or NULL beyond its end. */
static __always_inline struct sp_desc *nth(struct walk *w, __u32 i)
{
	struct sp_desc *d = w->first;

	if (i >= SP_BATCH_MAX)
		return NULL;
	d += i;
	/* One register for check and use: the verifier ties the bound to it. */
	__asm__ volatile("" : "+r"(d));
	return d + 1 > w->end ? NULL : d;
}

/* The instance picked, unless the batch is more than it may take. */
static __always_inline __u32 admit(struct batch *b, __u32 slot)
{
	struct sp_instance *to = bpf_map_lookup_elem(&instances, &slot);

	if (!to || to->limit == 0 || to->in_flight + b->count <= to->limit)
		return slot;
	b->full = SP_DESC_FULL;
	return SP_SLOT_NONE;
}

#endif
