// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * sproxy.bpf.c - the sk_msg program of a chain: every descriptor passes here.
 *
 * On each send of a function or gateway worker it asks, in this order:
 *   who sends?        the identity stored with the socket, not what was written
 *   where to?         edge -> function -> instance, or the request's home worker
 *   does it own it?   one compare-and-swap per descriptor: holder and generation at once
 * and only then redirects the whole batch to the receiver's AF_UNIX socket.
 *
 * A benign failure (no instance) redirects home, flagged undeliverable: SK_DROP would
 * poison the sender's socket for good. That is kept for violations, where it is the
 * quarantine: after SK_DROP every send on the socket fails with EACCES until the
 * controller has taken the instance out.
 *
 * Needs: Linux 5.17 or later (bpf_loop). Concurrency: runs on every CPU at once; owner words are
 * changed by compare-and-swap, in-flight counts by atomic add, everything else of a
 * buffer belongs to whoever holds it.
 */
#include <linux/bpf.h>
/* The helpers need the types above. */
#include <bpf/bpf_helpers.h>

#include "sproxy_maps.bpf.h"
#include "wire.h"

/* One send on its way through the program. */
struct batch {
	__u64 now;
	__u32 slot;  /* sender */
	__u32 fn;    /* sender's function */
	__u32 to;    /* receiver */
	__u32 to_fn; /* receiver's function; of an undeliverable batch, the one meant */
	__u32 count; /* descriptors in it */
	__u32 edge;
	__u32 home;
	__u32 flag;                  /* SP_DESC_UNDELIVERABLE or 0 */
	struct sp_desc *first, *end; /* the message */
	__u32 moved;                 /* descriptors handed over so far */
	__u32 requests;              /* those of them that carry a request, not a lease */
	int reason;                  /* violation that ended the walk, or -1 */
};

static __always_inline void count(__u32 which, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &which);

	if (value)
		*value += n;
}

static __noinline int refuse(struct batch *b, enum sp_violation reason, __u32 size,
			     struct sp_desc *desc)
{
	struct sp_event *event;

	count(SP_COUNT_VIOLATION + reason, 1);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->at_ns = bpf_ktime_get_ns();
		event->slot = b->slot;
		event->fn = b->fn;
		event->reason = reason;
		event->size = size;
		event->desc = *desc;
		bpf_ringbuf_submit(event, 0);
	}
	return SK_DROP;
}

/* The instance of `fn` on this CPU unless it is behind; then the less loaded of two. */
static __always_inline __u32 pick_instance(__u32 fn)
{
	struct sp_function_slots *f = bpf_map_lookup_elem(&functions, &fn);
	struct sp_instance *here = NULL, *a, *b;
	__u32 n, local, i, slot_a, slot_b;

	if (!f)
		return SP_SLOT_NONE;
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

/* Where the edge leads: sets b->to and b->to_fn. Returns a violation or -1.
 * Not static, as deliverable() below: the verifier then judges it by itself, and what
 * follows only once, not once for each way through it. */
__noinline int route(struct batch *b)
{
	struct sp_route *r;
	__u32 key;

	if (!b)
		return SP_VIOLATION_EDGE;
	b->to = b->home;
	b->to_fn = SP_GATEWAY_FN;
	if (b->edge < SP_EDGE_MAX) {
		key = b->fn * SP_EDGE_MAX + b->edge;
		r = bpf_map_lookup_elem(&routes, &key);
		if (!r || r->kind == SP_ROUTE_NONE)
			return SP_VIOLATION_EDGE;
		if (r->kind == SP_ROUTE_FUNCTION) {
			b->to_fn = r->fn;
			b->to = pick_instance(r->fn);
		}
		return -1;
	}
	if (b->edge == SP_EDGE_GRANT) {
		struct sp_instance *to = bpf_map_lookup_elem(&instances, &b->to);

		if (b->fn != SP_GATEWAY_FN || !to)
			return SP_VIOLATION_EDGE;
		b->to_fn = to->fn;
		return -1;
	}
	if (b->edge > SP_EDGE_GRANT || b->edge < SP_EDGE_REPLY)
		return SP_VIOLATION_EDGE;
	return -1;
}

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
	to->home = from->home;
	to->hops = from->hops;
	to->leased = 0;
	__builtin_memcpy(to->hop, from->hop, sizeof(to->hop));
	from->leased = 1;
	assign(to, held >> 32, b->slot);
	return -1;
}

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
	stamp(b, o);
	/* These two are the kernel's to set: the gateway passes over what bears them. */
	d->flags &= ~(SP_DESC_UNDELIVERABLE | SP_DESC_DENIED);
	d->flags |= b->flag;
	assign(o, d->gen, b->to);
	return -1;
}

/* Descriptor `i` of the batch, or NULL beyond its end. */
static __always_inline struct sp_desc *nth(struct batch *b, __u32 i)
{
	struct sp_desc *d = b->first;

	if (i >= SP_BATCH_MAX)
		return NULL;
	d += i;
	/* One register for check and use: the verifier ties the bound to it. */
	__asm__ volatile("" : "+r"(d));
	return d + 1 > b->end ? NULL : d;
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

static __always_inline void account(struct batch *b)
{
	struct sp_instance *from = bpf_map_lookup_elem(&instances, &b->slot);
	struct sp_instance *to = bpf_map_lookup_elem(&instances, &b->to);

	if (!from || !to)
		return;
	if (from->fn != SP_GATEWAY_FN)
		__sync_fetch_and_add(&from->in_flight, -b->requests);
	if (to->fn != SP_GATEWAY_FN)
		__sync_fetch_and_add(&to->in_flight, b->requests);
	from->out += b->count;
	__sync_fetch_and_add(&to->in, b->count);
	count(SP_COUNT_DESCRIPTORS, b->count);
	count(SP_COUNT_BATCHES, 1);
	if (from->cpu != to->cpu)
		count(SP_COUNT_REMOTE, b->count);
}

/* A refill names no buffer; the flag in the instance bounds how many can be under way. */
static __always_inline int refill_check(struct batch *b, struct sp_desc *d)
{
	struct sp_instance *from = bpf_map_lookup_elem(&instances, &b->slot);
	struct sp_instance *to = bpf_map_lookup_elem(&instances, &b->to);

	if (b->count != 1 || !from || from->fn == SP_GATEWAY_FN)
		return SP_VIOLATION_REFILL;
	if (!to || to->fn != SP_GATEWAY_FN)
		return SP_VIOLATION_HOME;
	if (__sync_val_compare_and_swap(&from->refill, 0, 1) != 0)
		return SP_VIOLATION_REFILL;
	d->gen = b->slot; /* who asks: set here, so that nobody asks for another */
	return -1;
}

/* Redirects to the receiver; without one, home: to the worker that answers for the
 * request (hand_over() checks that it is), and a grant back to the worker it came from. */
__noinline int deliverable(struct sk_msg_md *msg, struct batch *b)
{
	if (!b)
		return 0;
	if (b->to != SP_SLOT_NONE &&
	    bpf_msg_redirect_map(msg, &receivers, b->to, BPF_F_INGRESS) == SK_PASS)
		return 1;
	b->flag = SP_DESC_UNDELIVERABLE;
	b->to = b->edge == SP_EDGE_GRANT ? b->slot : b->home;
	return bpf_msg_redirect_map(msg, &receivers, b->to, BPF_F_INGRESS) == SK_PASS;
}

SEC("sk_msg")
int sproxy(struct sk_msg_md *msg)
{
	struct sp_desc none = {}, bad;
	struct batch b = {};
	struct sp_identity *who;
	struct sp_desc *d, *end;
	int reason;

	who = msg->sk ? bpf_sk_storage_get(&identities, msg->sk, NULL, 0) : NULL;
	if (!who)
		return refuse(&b, SP_VIOLATION_IDENTITY, msg->size, &none);
	b.slot = who->slot;
	b.fn = who->fn;
	b.count = msg->size / sizeof(*d);
	if (b.count == 0 || b.count > SP_BATCH_MAX || msg->size % sizeof(*d))
		return refuse(&b, SP_VIOLATION_SIZE, msg->size, &none);
	if ((__u8 *)msg->data_end - (__u8 *)msg->data < msg->size &&
	    bpf_msg_pull_data(msg, 0, msg->size, 0))
		return refuse(&b, SP_VIOLATION_SIZE, msg->size, &none);
	d = msg->data;
	end = msg->data_end;
	if (d + 1 > end)
		return refuse(&b, SP_VIOLATION_SIZE, msg->size, &none);
	b.edge = d->edge;
	b.home = d->home;
	reason = route(&b);
	if (reason >= 0) {
		bad = *d;
		return refuse(&b, reason, msg->size, &bad);
	}
	if (b.edge == SP_EDGE_REFILL) {
		reason = refill_check(&b, d);
		if (reason >= 0) {
			bad = *d;
			return refuse(&b, reason, msg->size, &bad);
		}
	}
	if (!deliverable(msg, &b)) {
		bad = *d;
		return refuse(&b, SP_VIOLATION_HOME, msg->size, &bad);
	}
	/* Two descriptors name no buffer: the request for a lease, and its refusal. */
	if (b.edge == SP_EDGE_REFILL ||
	    (b.edge == SP_EDGE_GRANT && d->flags & SP_DESC_DENIED && b.count == 1))
		return SK_PASS;
	b.now = bpf_ktime_get_ns();

	b.first = d;
	b.end = end;
	b.reason = -1;
	bpf_loop(b.count, hand_over_nth, &b, 0);
	if (b.reason < 0) {
		account(&b);
		if (b.flag)
			count(SP_COUNT_UNDELIVERABLE, b.count);
		return SK_PASS;
	}
	bpf_loop(b.moved, take_back_nth, &b, 0);
	d = nth(&b, b.moved);
	bad = d ? *d : none;
	return refuse(&b, b.reason, msg->size, &bad);
}

char LICENSE[] SEC("license") = "GPL";
