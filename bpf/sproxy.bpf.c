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
 * The parts: sproxy_batch (one send), sproxy_gate (who gets it: revisions, gates), sproxy_owner
 * (the checks), sproxy_lease (calls and what else leased buffers do), sproxy_signal (wake, cancel),
 * sproxy_stats, sproxy_tap.
 *
 * Needs: Linux 5.17 or later (bpf_loop). Concurrency: runs on every CPU at once; owner words are
 * changed by compare-and-swap, in-flight counts by atomic add, everything else of a
 * buffer belongs to whoever holds it.
 */
#include <linux/bpf.h>
/* The helpers need the types above. */
#include <bpf/bpf_helpers.h>

#include "sproxy_batch.bpf.h"
#include "sproxy_gate.bpf.h"
#include "sproxy_lease.bpf.h"
#include "sproxy_owner.bpf.h"
#include "sproxy_signal.bpf.h"
#include "sproxy_stats.bpf.h"
#include "sproxy_tap.bpf.h"

/* The send as a whole, for what is wrong with b->shown. */
__noinline int refuse(struct batch *b, __u32 reason, __u32 size)
{
	struct sp_event *event;

	if (!b)
		return SK_DROP;
	count(SP_COUNT_VIOLATION + reason, 1);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->at_ns = bpf_ktime_get_ns();
		event->slot = b->slot;
		event->fn = b->fn;
		event->reason = reason;
		event->size = size;
		event->desc = b->shown;
		bpf_ringbuf_submit(event, 0);
	}
	if (tap_on())
		tap(b, SP_TAP_REFUSED + reason, 0);
	return SK_DROP;
}

/* What the sender may not say, and what asks for more than the plain check. */
static __always_inline void way_set(struct batch *b, __u32 way)
{
	b->way = way;
	b->clear = SP_DESC_UNDELIVERABLE | SP_DESC_DENIED; /* SP_DESC_SHARED is the same bit */
	if (way < WAY_REPLY) {
		b->clear |= SP_DESC_SHARES | SP_DESC_FAILED;
		b->special = SP_DESC_SHARES | SP_DESC_PART;
	} else if (way == WAY_RELEASE) {
		b->special = SP_DESC_MOVED;
	} else if (way == WAY_REPLY && b->fn != SP_GATEWAY_FN) {
		b->clear |= SP_DESC_BLAMELESS; /* counted here; of a gateway it is SP_DESC_AGAIN */
	}
	b->shared = way <= WAY_REPLY ? SP_DESC_SHARED : 0;
}

/* An edge of the graph. */
static __always_inline int route_edge(struct batch *b)
{
	__u32 key = b->fn * SP_EDGE_MAX + b->edge;
	struct sp_route *r = bpf_map_lookup_elem(&routes, &key);
	struct sp_instance *from;
	__u32 kind;

	if (!r)
		return SP_VIOLATION_EDGE;
	kind = r->kind;
	if (kind == SP_ROUTE_NONE || (kind == SP_ROUTE_CALL && b->fn == SP_GATEWAY_FN))
		return SP_VIOLATION_EDGE;
	if (kind == SP_ROUTE_REPLY) {
		way_set(b, WAY_REPLY);
		return -1;
	}
	way_set(b, kind == SP_ROUTE_CALL ? WAY_CALL : WAY_FUNCTION);
	/* The answer to a call comes to who made it, and to nobody else; it wrote a tag there. */
	if (kind == SP_ROUTE_CALL) {
		from = bpf_map_lookup_elem(&instances, &b->slot);
		b->home = b->slot;
		b->life = from ? from->life : 0;
	}
	pick(b, r->fn, r->split);
	return -1;
}

/* Where the edge leads: sets b->to, b->to_fn and b->way. Returns a violation or -1.
 * Not static, as deliverable() below: the verifier then judges it by itself, and what
 * follows only once, not once for each way through it. */
__noinline int route(struct batch *b)
{
	struct sp_instance *home;
	int bad;

	if (!b)
		return SP_VIOLATION_EDGE;
	b->to = b->home;
	b->to_fn = b->meant = SP_GATEWAY_FN;
	if (b->edge < SP_EDGE_MAX) {
		bad = route_edge(b);
		if (bad >= 0 || b->way != WAY_REPLY)
			return bad;
	} else if (b->edge == SP_EDGE_REPLY) {
		way_set(b, WAY_REPLY);
	} else if (b->edge == SP_EDGE_RELEASE) {
		way_set(b, WAY_RELEASE);
		return is_worker(b->home) ? -1 : SP_VIOLATION_HOME;
	} else if (b->edge == SP_EDGE_REFILL) {
		return -1;
	} else if (b->edge != SP_EDGE_GRANT || b->fn != SP_GATEWAY_FN) {
		return SP_VIOLATION_EDGE;
	} else {
		way_set(b, WAY_GRANT);
	}
	home = bpf_map_lookup_elem(&instances, &b->to);
	if (!home)
		return b->way == WAY_GRANT ? SP_VIOLATION_EDGE : SP_VIOLATION_HOME;
	b->to_fn = b->meant = home->fn;
	b->life = home->life;
	b->homecoming = b->way == WAY_REPLY && home->fn != SP_GATEWAY_FN;
	return -1;
}

static __always_inline void account(struct batch *b)
{
	struct sp_instance *from = bpf_map_lookup_elem(&instances, &b->slot);
	struct sp_instance *to = bpf_map_lookup_elem(&instances, &b->to);
	__u32 sent = b->count - b->unsent;

	if (!from || !to)
		return;
	if (from->fn != SP_GATEWAY_FN)
		__sync_fetch_and_add(&from->in_flight, -sent);
	if (to->fn != SP_GATEWAY_FN)
		__sync_fetch_and_add(&to->in_flight, b->count - b->ungot);
	/* Calls end no turn, nor do leases, which are told by their edge. */
	if (b->edge <= SP_EDGE_REPLY && sent)
		from->last_out_ns = b->now;
	if (b->way == WAY_CALL)
		from->cancels = from->cancels + b->count < buffer_count ? from->cancels + b->count :
									  buffer_count;
	from->out += b->count;
	__sync_fetch_and_add(&to->in, b->count);
	count(SP_COUNT_DESCRIPTORS, b->count);
	count(SP_COUNT_BATCHES, 1);
	if (from->cpu != to->cpu)
		count(SP_COUNT_REMOTE, b->count);
	if (b->flag)
		count(SP_COUNT_UNDELIVERABLE, b->count);
}

/* A class that no pool has is the gateway's to deny. */
static __always_inline __u32 refill_bit(const struct sp_desc *d)
{
	return 1U << (d->buf & SP_DESC_ASKED_MASK);
}

/* A refill names no buffer; the flags in the instance bound how many can be under way. */
static __always_inline int refill_check(struct batch *b, struct sp_desc *d)
{
	struct sp_instance *from = bpf_map_lookup_elem(&instances, &b->slot);

	if (b->count != 1 || !from || from->fn == SP_GATEWAY_FN)
		return SP_VIOLATION_REFILL;
	/* Where no worker can ever be, each would be denied at once, and nothing bound how many
	 * denials lie unread. */
	if (!is_worker(b->to))
		return SP_VIOLATION_HOME;
	if (__sync_fetch_and_or(&from->refill, refill_bit(d)) & refill_bit(d))
		return SP_VIOLATION_REFILL;
	d->gen = b->slot; /* who asks: set here, so that nobody asks for another */
	return -1;
}

static __always_inline int redirect(struct sk_msg_md *msg, __u32 slot)
{
	return slot != SP_SLOT_NONE &&
	       bpf_msg_redirect_map(msg, &receivers, slot, BPF_F_INGRESS) == SK_PASS;
}

/* The worker that answers for the request is not there. The sender is not to blame, and
 * what is passed without a redirect reaches the TCP peer, which is an alarm: so the message
 * goes where nobody acts on it. The worker's slot becomes the owner all the same: whoever
 * takes the slot over finds the buffers in the table. */
static __always_inline int to_sink(struct sk_msg_md *msg)
{
	return bpf_msg_redirect_map(msg, &sink, 0, BPF_F_INGRESS) == SK_PASS;
}

/* The batch has no receiver: home, to who waits for the answers (hand_over() checks that it
 * does), and a grant back to the worker it came from. A caller that is gone, too, has a lender,
 * who takes its calls. */
static __always_inline int undeliverable(struct sk_msg_md *msg, struct batch *b)
{
	struct sp_instance *home = bpf_map_lookup_elem(&instances, &b->home);

	b->flag = SP_DESC_UNDELIVERABLE | b->shut;
	b->homecoming = 0;
	b->to = b->way == WAY_GRANT ? b->slot : b->home;
	if (b->way > WAY_REPLY || !home || home->fn == SP_GATEWAY_FN) {
		b->flag |= b->full;
		return redirect(msg, b->to) || to_sink(msg);
	}
	if (b->way != WAY_REPLY && redirect(msg, b->to)) {
		b->homecoming = 1;
		b->life = home->life;
		/* The caller's own call it can make again; this one was let go elsewhere. */
		if (b->way == WAY_FUNCTION)
			b->flag |= SP_DESC_FAILED;
		return 1;
	}
	b->to = home->lender;
	return redirect(msg, b->to) || to_sink(msg);
}

/* Redirects to the receiver, or to who takes what has none. */
__noinline int deliverable(struct sk_msg_md *msg, struct batch *b)
{
	if (!b)
		return 0;
	return redirect(msg, b->to) || undeliverable(msg, b);
}

/* Nobody is there to grant a lease: the sender, which waits, is told so at once. */
static __always_inline int deny(struct sk_msg_md *msg, struct batch *b, struct sp_desc *d)
{
	struct sp_instance *from = bpf_map_lookup_elem(&instances, &b->slot);

	d->edge = SP_EDGE_GRANT;
	d->flags = SP_DESC_DENIED | (d->buf & SP_DESC_ASKED_MASK);
	d->home = b->slot;
	b->to = b->slot;
	if (from)
		__sync_fetch_and_and(&from->refill, ~refill_bit(d));
	return redirect(msg, b->slot) ? SK_PASS : SK_DROP;
}

/* A wake or a cancel; back to the sender with what finds nobody. */
static __always_inline int signal_pass(struct sk_msg_md *msg, struct batch *b, struct sp_desc *d)
{
	int bad;

	b->shown = *d;
	bad = signal_route(b);
	if (bad >= 0)
		return refuse(b, bad, msg->size);
	d->gen = b->shown.gen;
	d->flags = b->flag;
	if (redirect(msg, b->to))
		return SK_PASS;
	d->flags = SP_DESC_UNDELIVERABLE;
	return redirect(msg, b->slot) ? SK_PASS : SK_DROP;
}

/* The walk: all of the batch changes hands, or nothing of it. SK_PASS or SK_DROP. */
__noinline int batch_move(struct sk_msg_md *msg, struct batch *b)
{
	struct walk w = { .b = b, .first = msg->data, .end = msg->data_end };
	struct sp_desc *d;

	if (!b || w.first + 1 > w.end)
		return SK_DROP;
	b->now = bpf_ktime_get_ns();
	b->reason = -1;
	b->renew = b->homecoming || (!b->flag && (b->way < WAY_REPLY || b->way == WAY_GRANT));
	if (b->renew)
		b->draw = ((__u64)bpf_get_prandom_u32() << 32 ^ b->now) + draw_key;
	if (!stats_begin(&w, b))
		return refuse(b, SP_VIOLATION_IDENTITY, msg->size);
	bpf_loop(b->count, hand_over_nth, &w, 0);
	if (b->reason < 0) {
		if (tap_on())
			bpf_loop(b->count, tap_nth, &w, 0);
		stats_end(&w, b);
		account(b);
		return SK_PASS;
	}
	bpf_loop(b->moved, take_back_nth, &w, 0);
	d = nth(&w, b->moved);
	if (d)
		b->shown = *d;
	return refuse(b, b->reason, msg->size);
}

SEC("sk_msg")
int sproxy(struct sk_msg_md *msg)
{
	struct batch b = {};
	struct sp_identity *who;
	struct sp_desc *d, *end;
	int reason;

	who = msg->sk ? bpf_sk_storage_get(&identities, msg->sk, NULL, 0) : NULL;
	if (!who)
		return refuse(&b, SP_VIOLATION_IDENTITY, msg->size);
	b.slot = who->slot;
	b.fn = who->fn;
	b.count = msg->size / sizeof(*d);
	if (b.count == 0 || b.count > SP_BATCH_MAX || msg->size % sizeof(*d))
		return refuse(&b, SP_VIOLATION_SIZE, msg->size);
	if ((__u8 *)msg->data_end - (__u8 *)msg->data < msg->size &&
	    bpf_msg_pull_data(msg, 0, msg->size, 0))
		return refuse(&b, SP_VIOLATION_SIZE, msg->size);
	d = msg->data;
	end = msg->data_end;
	if (d + 1 > end)
		return refuse(&b, SP_VIOLATION_SIZE, msg->size);
	b.edge = d->edge;
	b.home = d->home;
	if (b.edge == SP_EDGE_WAKE || b.edge == SP_EDGE_CANCEL)
		return signal_pass(msg, &b, d);
	reason = route(&b);
	if (reason < 0 && b.edge == SP_EDGE_REFILL)
		reason = refill_check(&b, d);
	if (reason < 0 && !deliverable(msg, &b))
		reason = SP_VIOLATION_HOME;
	if (reason >= 0) {
		b.shown = *d;
		return refuse(&b, reason, msg->size);
	}
	/* Two descriptors name no buffer: the request for a lease, and its refusal. */
	if (b.edge == SP_EDGE_REFILL ||
	    (b.edge == SP_EDGE_GRANT && d->flags & SP_DESC_DENIED && b.count == 1)) {
		if (tap_on()) {
			b.shown = *d;
			tap(&b, b.flag ? SP_TAP_UNDELIVERABLE : SP_TAP_PASSED, 0);
		}
		return b.edge == SP_EDGE_REFILL && b.flag ? deny(msg, &b, d) : SK_PASS;
	}
	return batch_move(msg, &b);
}

/*
 * What is attached to the sockets. A program sticks to the sockets that were in the map when
 * it was attached, so this one never changes, and what it calls can be replaced while they
 * live. With an empty slot, which happens only when the array has lost its last pin and fd,
 * every send is refused: nothing passes unchecked.
 */
SEC("sk_msg")
int sproxy_entry(struct sk_msg_md *msg)
{
	bpf_tail_call_static(msg, &programs, 0);
	return SK_DROP;
}

char LICENSE[] SEC("license") = "GPL";
