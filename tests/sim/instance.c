// SPDX-License-Identifier: Apache-2.0
/* Functions: what they may do with a request, in any order. */
#include "instance.h"

#include <string.h>

#include "shm/buffer.h"

#define BURST 8

struct instance sim_instance[SP_INST_MAX];
static uint32_t last_tag; /* no two instances use the same */

bool sim_slot_alive(uint32_t slot)
{
	return slot < SP_INST_MAX && sim_instance[slot].life == LIFE_RUNS;
}

bool sim_slot_used(uint32_t slot)
{
	return slot < SP_INST_MAX && sim_instance[slot].life != LIFE_NONE;
}

struct instance *sim_instance_any(void)
{
	uint32_t at = sim_random(SP_INST_MAX);

	for (uint32_t i = 0; i < 2 * SIM_INSTANCES + 2; i++) {
		struct instance *in = &sim_instance[2 + (at + i) % (2 * SIM_INSTANCES)];

		if (in->life == LIFE_RUNS)
			return in;
	}
	return NULL;
}

static struct shm_header *slot_of(uint32_t index)
{
	return (struct shm_header *)(void *)(sim.base + shm_layout_offset(&sim.layout, index));
}

/* What a client sent counts as executed from when it can be read. */
static void executed(const struct instance *in, const struct sp_desc *descs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (descs[i].edge < SP_EDGE_MAX && !(descs[i].flags & SP_DESC_UNDELIVERABLE) &&
		    sim_owners()[descs[i].buf].leased == SP_LEASE_NONE)
			sim_client_executed(shm_buffer_payload(slot_of(descs[i].buf)), in->fn);
}

void sim_instance_receive(uint32_t slot, const struct sp_desc *descs, uint32_t count)
{
	struct instance *in = &sim_instance[slot];

	if (slot == SIM_WORKER_SLOT) {
		sim_worker_receive(descs, count);
		return;
	}
	executed(in, descs, count);
	SIM_CHECK(in->count + count <= SIM_QUEUE, "slot %u: its queue is longer than the pool",
		  slot);
	for (uint32_t i = 0; i < count; i++)
		in->queue[(in->first + in->count++) % SIM_QUEUE] = descs[i];
}

bool sim_instance_send(struct instance *in, struct sp_desc *d, uint32_t count)
{
	ssize_t n = sim_kernel_send(sim_slot_of(in), d, count * sizeof(*d));

	SIM_LOG("slot %u fn %u sends %u: buf %u edge %#x flags %#x home %u len %u -> %zd",
		sim_slot_of(in), in->fn, count, d->buf, d->edge, d->flags, d->home, d->len, n);
	return n > 0;
}

/* What it holds may always be sent so. */
static void send_valid(struct instance *in, struct sp_desc *d, uint32_t count)
{
	SIM_CHECK(sim_instance_send(in, d, count), "slot %u: edge %#x of buffer %u was refused",
		  sim_slot_of(in), d->edge, d->buf);
}

static struct sp_desc stock_desc(const struct instance *in, uint32_t index, uint8_t edge)
{
	(void)in;
	return (struct sp_desc){ .buf = index,
				 .gen = (uint32_t)(sim_owners()[index].word >> 32),
				 .edge = edge,
				 .home = SIM_WORKER_SLOT };
}

/* ---- what arrives ---- */

static struct held *held_by_tag(struct instance *in, uint32_t tag)
{
	for (uint32_t i = 0; tag && i < in->held_count; i++)
		if (in->held[i].waits == tag)
			return &in->held[i];
	return NULL;
}

static void stock_add(struct instance *in, uint32_t index)
{
	SIM_CHECK(in->stock_count < STOCK_MAX, "slot %u: more stock than the pool",
		  sim_slot_of(in));
	in->stock[in->stock_count++] = index;
}

static void on_grant(struct instance *in, const struct sp_desc *d)
{
	uint32_t bit = 1U << (d->flags & SP_DESC_ASKED_MASK);
	bool denied = d->flags & SP_DESC_DENIED;

	/* One that takes over denies also what the one before it may have granted. */
	SIM_CHECK(in->asked & bit || (denied && sim.takeovers > 0),
		  "slot %u is given what it has not asked for", sim_slot_of(in));
	if (!denied)
		stock_add(in, d->buf);
	if (denied || d->len == 0)
		in->asked &= ~bit;
}

/* A call that came back: answered, failed, or not taken. Its buffer is stock again. */
static void on_answer(struct instance *in, const struct sp_desc *d)
{
	struct held *h = d->flags & SP_DESC_UNDELIVERABLE && d->edge == SP_EDGE_REPLY ?
				 NULL :
				 held_by_tag(in, d->home);

	stock_add(in, d->buf);
	SIM_CHECK(h || (d->flags & SP_DESC_UNDELIVERABLE && d->edge == SP_EDGE_REPLY),
		  "slot %u got an answer to a call that it has not made (tag %u)", sim_slot_of(in),
		  d->home);
	if (h)
		h->waits = 0;
}

static void on_cancel(struct instance *in, const struct sp_desc *d)
{
	for (uint32_t i = 0; i < in->held_count; i++)
		if (in->held[i].d.buf == d->buf && in->held[i].d.gen == d->gen)
			in->held[i].canceled = true;
}

static void take(struct instance *in, const struct sp_desc *d)
{
	if (d->edge == SP_EDGE_GRANT)
		on_grant(in, d);
	else if (d->edge == SP_EDGE_CANCEL)
		on_cancel(in, d);
	else if (d->edge == SP_EDGE_REPLY || d->flags & SP_DESC_UNDELIVERABLE)
		on_answer(in, d);
	else
		in->held[in->held_count++] = (struct held){ .d = *d };
}

static bool queue_take(struct instance *in)
{
	if (in->count == 0 || in->held_count == HELD_MAX)
		return false;
	take(in, &in->queue[in->first]);
	in->first = (in->first + 1) % SIM_QUEUE;
	in->count--;
	return true;
}

/* ---- what it does ---- */

static void held_remove(struct instance *in, uint32_t i)
{
	in->held[i] = in->held[--in->held_count];
}

/* Sends the n-th on, and others like it in the same batch. */
static void hand_on(struct instance *in, uint32_t i, uint8_t edge, uint8_t flags)
{
	struct sp_desc batch[BURST];
	uint32_t count = 0, most = 1 + sim_random(BURST);
	uint16_t home = in->held[i].d.home;

	for (uint32_t at = i; at < in->held_count && count < most;) {
		struct held *h = &in->held[at];

		if (h->waits || h->d.home != home) {
			at++;
			continue;
		}
		batch[count] = h->d;
		batch[count].edge = edge;
		batch[count].flags = flags;
		if (flags & SP_DESC_DROPPED)
			batch[count].len = flags & SP_DESC_FAILED ? 1 + sim_random(5) : 0;
		count++;
		held_remove(in, at);
	}
	send_valid(in, batch, count);
}

static void let_go(struct instance *in, uint32_t i)
{
	struct sp_desc d = in->held[i].d;

	d.edge = SP_EDGE_RELEASE;
	d.flags = 0;
	d.home = SIM_WORKER_SLOT;
	held_remove(in, i);
	send_valid(in, &d, 1);
}

/* The request goes on in a buffer of its own stock. */
static void move(struct instance *in, uint32_t i)
{
	struct held *h = &in->held[i];
	uint32_t to = in->stock[in->stock_count - 1];
	struct sp_desc d = h->d;

	if (shm_layout_class(&sim.layout, to) != shm_layout_class(&sim.layout, d.buf) ||
	    sim_owners()[to].ref || sim_owners()[to].refs || sim_owners()[d.buf].ref)
		return;
	memcpy(slot_of(to), slot_of(d.buf), shm_layout_class(&sim.layout, to)->stride);
	in->stock_count--;
	sim.moves++;
	d.edge = SP_EDGE_RELEASE;
	d.flags = SP_DESC_MOVED;
	d.home = SIM_WORKER_SLOT;
	d.len = to;
	send_valid(in, &d, 1);
	h->d.buf = to;
	h->d.gen = (uint32_t)(sim_owners()[to].word >> 32);
}

/* A call (edge 2) or a message (edge 3) out of stock; with `shared`, of the payload it holds. */
static void message(struct instance *in, uint32_t i, uint8_t edge, bool shared)
{
	struct held *h = &in->held[i];
	uint32_t index = in->stock[in->stock_count - 1];
	struct sp_desc d = stock_desc(in, index, edge);

	if (sim_owners()[index].ref || sim_owners()[index].refs)
		return;
	shm_header_init(slot_of(index), shm_layout_class(&sim.layout, index)->stride);
	in->stock_count--;
	*(edge == 2 ? &sim.calls : &sim.messages) += 1;
	sim.shares += shared;
	d.len = 8;
	if (shared) {
		d.flags = SP_DESC_SHARES;
		d.len = h->d.buf;
	}
	if (edge == 2) {
		last_tag = last_tag % UINT16_MAX + 1;
		d.home = (uint16_t)last_tag;
		h->waits = last_tag;
	}
	send_valid(in, &d, 1);
}

static void ask(struct instance *in)
{
	uint32_t cls = sim_random(sim.layout.class_count);
	struct sp_desc d = { .buf = cls,
			     .len = 1 + sim_random(4),
			     .edge = SP_EDGE_REFILL,
			     .home = SIM_WORKER_SLOT };

	if (in->asked >> cls & 1 || in->stock_count > 8)
		return;
	in->asked |= 1U << cls;
	send_valid(in, &d, 1);
}

static void stock_return(struct instance *in)
{
	struct sp_desc d;

	if (in->stock_count == 0)
		return;
	d = stock_desc(in, in->stock[--in->stock_count], SP_EDGE_RELEASE);
	send_valid(in, &d, 1);
}

static bool is_called(const struct held *h)
{
	return h->d.home != SIM_WORKER_SLOT;
}

static void answer(struct instance *in, uint32_t i)
{
	uint8_t edge = sim_chance(50) ? SP_EDGE_REPLY : 1, flags = 0;

	if (edge == SP_EDGE_REPLY && sim_chance(10)) /* by the last it says that it cannot write */
		flags = SP_DESC_FAILED | (sim_chance(30) ? SP_DESC_BLAMELESS : 0) |
			(sim_chance(30) ? SP_DESC_DROPPED : 0);
	else if (edge == SP_EDGE_REPLY && sim_chance(10))
		flags = SP_DESC_DROPPED;
	hand_on(in, i, edge, flags);
}

/* Something with the n-th of what it holds. */
static void work(struct instance *in, uint32_t i)
{
	struct held *h = &in->held[i];
	uint32_t what = sim_random(100);

	if (h->waits)
		return;
	if (what < 25 && in->fn < SIM_FUNCTIONS && !h->canceled)
		hand_on(in, i, 0, 0);
	else if (what < 45)
		answer(in, i);
	else if (what < 48)
		let_go(in, i);
	else if (what < 56 && in->stock_count && !is_called(h))
		move(in, i);
	else if (what < 78 && in->stock_count && in->fn < SIM_FUNCTIONS)
		message(in, i, 2, sim_chance(30));
	else if (what < 84 && in->stock_count && in->fn < SIM_FUNCTIONS)
		message(in, i, 3, sim_chance(30));
	/* else it takes its time */
}

bool sim_instance_step(void)
{
	struct instance *in = sim_instance_any();
	uint32_t what = sim_random(100);

	if (!in)
		return false;
	if (in->count && what < 55)
		return queue_take(in);
	if (in->held_count && in->stock_count == 0 && what < 75) {
		ask(in); /* who has work wants to be able to make calls */
		return true;
	}
	if (in->held_count && what < 90) {
		work(in, sim_random(in->held_count));
		return true;
	}
	if (what < 3)
		ask(in);
	else if (what < 5)
		stock_return(in);
	return in->count > 0 || in->held_count > 0;
}

bool sim_instances_give_up(void)
{
	bool any = false;

	for (uint32_t slot = 2; slot < SP_INST_MAX; slot++) {
		struct instance *in = &sim_instance[slot];

		if (in->life != LIFE_RUNS)
			continue;
		for (uint32_t i = 0; i < in->held_count; i++) {
			any |= in->held[i].waits != 0;
			in->held[i].waits = 0;
		}
	}
	return any;
}

/* What came home without a request gets no new one: it is answered. */
static bool settle_one(struct instance *in)
{
	bool moved = false;

	while (queue_take(in))
		moved = true;
	for (uint32_t i = 0; i < in->held_count;) {
		uint32_t before = in->held_count;

		if (!in->held[i].waits)
			hand_on(in, i, SP_EDGE_REPLY, 0);
		if (in->held_count == before)
			i++;
		else
			moved = true;
	}
	while (in->held_count == 0 && in->stock_count) {
		stock_return(in);
		moved = true;
	}
	return moved;
}

bool sim_instances_settle(void)
{
	bool moved = false;

	for (uint32_t slot = 2; slot < SP_INST_MAX; slot++)
		if (sim_instance[slot].life == LIFE_RUNS)
			moved |= settle_one(&sim_instance[slot]);
	return !moved;
}
