// SPDX-License-Identifier: Apache-2.0
/*
 * rig_kernel.c - the rig's account of buffers, kept by the rules of the kernel program: what the
 * child sends is asserted to be no violation, and what others send it is made as they would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/sdk/rig.h"

uint64_t rig_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static struct rig_buffer *buffer_at(const struct rig *rig, uint32_t index)
{
	assert_true(index < rig->table.layout.buffer_count);
	return &rig->buffers[index];
}

static uint16_t own_slot(const struct rig *rig)
{
	return (uint16_t)(RIG_SLOT + rig->worker);
}

/* ---- what the child may send ---- */

static void reference_end(const struct rig *rig, struct rig_buffer *b)
{
	if (b->ref) {
		assert_true(rig->buffers[b->ref - 1].refs > 0);
		rig->buffers[b->ref - 1].refs--;
	}
	b->ref = 0;
}

static void judge_moved(const struct rig *rig, const struct sp_desc *d, struct rig_buffer *from)
{
	struct rig_buffer *to = buffer_at(rig, d->len);

	assert_int_equal(from->hold, RIG_REQUEST);
	assert_int_equal(to->hold, RIG_STOCK);
	assert_int_equal(to->ref, 0);
	to->hold = RIG_REQUEST;
	to->home = from->home;
}

static void judge_release(const struct rig *rig, const struct sp_desc *d)
{
	struct rig_buffer *b = buffer_at(rig, d->buf);

	assert_true(b->hold == RIG_STOCK || b->hold == RIG_REQUEST);
	assert_int_equal(b->gen, d->gen);
	assert_true(d->home > 0 && d->home <= RIG_HOME);
	if (b->hold == RIG_REQUEST && b->home <= RIG_HOME)
		assert_int_equal(d->home, b->home);
	if (d->flags & SP_DESC_MOVED)
		judge_moved(rig, d, b);
	reference_end(rig, b);
	b->hold = RIG_OURS;
}

/* The request in `b` reads the payload of a buffer that the child holds, or what that reads. */
static void judge_shares(const struct rig *rig, struct sp_desc *d, struct rig_buffer *b)
{
	struct rig_buffer *from = buffer_at(rig, d->len);

	assert_ptr_not_equal(from, b);
	assert_true(from->hold == RIG_STOCK || from->hold == RIG_REQUEST);
	b->ref = from->ref ? from->ref : d->len + 1;
	rig->buffers[b->ref - 1].refs++;
	assert_int_equal(rig_slot(rig, d->buf)->body_buf, b->ref);
	d->len = 0;
}

static void judge_edge(const struct rig *rig, struct sp_desc *d)
{
	bool is_call = rig->call_edges >> d->edge & 1;
	struct rig_buffer *b = buffer_at(rig, d->buf);

	assert_int_equal(b->gen, d->gen);
	assert_false(d->flags & (SP_DESC_UNDELIVERABLE | SP_DESC_FAILED));
	if (b->hold == RIG_REQUEST) {
		assert_false(is_call || d->flags & (SP_DESC_SHARES | SP_DESC_PART));
		assert_int_equal(b->home, d->home);
		b->hold = RIG_OURS;
		return;
	}
	assert_int_equal(b->hold, RIG_STOCK);
	b->hold = is_call ? RIG_AWAY : RIG_OURS;
	b->tag = d->home;
	if (d->flags & SP_DESC_PART) {
		assert_false(is_call || d->flags & SP_DESC_SHARES);
		return;
	}
	assert_int_equal(b->ref, 0);
	assert_true(is_call || d->home == RIG_HOME);
	if (d->flags & SP_DESC_SHARES)
		judge_shares(rig, d, b);
}

static void judge_reply(const struct rig *rig, const struct sp_desc *d)
{
	struct rig_buffer *b = buffer_at(rig, d->buf);

	assert_int_equal(b->hold, RIG_REQUEST);
	assert_int_equal(b->gen, d->gen);
	assert_int_equal(b->home, d->home);
	b->hold = RIG_OURS;
}

static void judge_refill(struct rig *rig, const struct sp_desc *d)
{
	assert_false(rig->refill & 1U << d->buf);
	assert_int_equal(d->home, RIG_HOME);
	assert_true(d->buf < rig->table.layout.class_count);
	assert_true(d->len > 0);
	rig->refill |= 1U << d->buf;
}

/* As the kernel does: straight back. One that is not read yet is a violation. */
static void judge_wake(struct rig *rig, const struct sp_desc *d, uint32_t count)
{
	struct sp_desc back = *d;

	assert_int_equal(count, 1);
	assert_int_equal(d->home, own_slot(rig));
	assert_int_equal(d->gen, rig->wake);
	back.gen = ++rig->wake;
	rig_write(rig, &back, sizeof(back));
}

void rig_judge(struct rig *rig, struct sp_desc *descs, uint32_t count)
{
	uint8_t edge = descs[0].edge;
	bool is_call = edge < SP_EDGE_MAX && rig->call_edges >> edge & 1;

	for (uint32_t i = 0; i < count; i++) {
		struct sp_desc *d = &descs[i];

		assert_int_equal(d->edge, edge);
		if (!is_call)
			assert_int_equal(d->home, descs[0].home);
		if (edge < SP_EDGE_MAX)
			judge_edge(rig, d);
		else if (edge == SP_EDGE_REPLY)
			judge_reply(rig, d);
		else if (edge == SP_EDGE_RELEASE)
			judge_release(rig, d);
		else if (edge == SP_EDGE_REFILL)
			judge_refill(rig, d);
		else if (edge == SP_EDGE_WAKE)
			judge_wake(rig, d, count);
		else
			assert_int_equal(edge, SP_EDGE_CANCEL);
	}
	if (edge == SP_EDGE_CANCEL || edge == SP_EDGE_REFILL)
		assert_int_equal(count, 1);
	if (edge == SP_EDGE_CANCEL)
		assert_int_equal(descs[0].home, own_slot(rig));
}

/* ---- what others send it ---- */

void rig_give(struct rig *rig, const struct sp_desc *descs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct rig_buffer *b = buffer_at(rig, descs[i].buf);
		bool part = descs[i].flags & SP_DESC_PART;

		assert_int_equal(b->hold, RIG_OURS);
		b->hold = part ? RIG_STOCK : RIG_REQUEST;
		b->gen = descs[i].gen;
		b->home = descs[i].home;
	}
}

/* The class that was asked for, when buffer `first` is the answer: its own, or the next smaller
 * one; or any. */
static uint32_t asked_for(const struct rig *rig, uint32_t first)
{
	uint32_t cls =
		(uint32_t)(shm_layout_class(&rig->table.layout, first) - rig->table.layout.classes);

	while (cls > 0 && !(rig->refill & 1U << cls))
		cls--;
	return rig->refill & 1U << cls ? cls : (uint32_t)__builtin_ctz(rig->refill);
}

void rig_grant_some(struct rig *rig, uint32_t first, uint32_t count, uint32_t more)
{
	uint32_t asked = asked_for(rig, first);
	struct sp_desc d[SP_BATCH_MAX];

	assert_true(count <= SP_BATCH_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct rig_buffer *b = buffer_at(rig, first + i);

		assert_int_equal(b->hold, RIG_OURS);
		assert_int_equal(b->refs, 0);
		b->hold = RIG_STOCK;
		b->gen = 5000 + first + i;
		shm_header_init(rig_slot(rig, first + i),
				shm_layout_class(&rig->table.layout, first + i)->stride);
		d[i] = (struct sp_desc){ .buf = first + i,
					 .gen = b->gen,
					 .len = more + count - 1 - i,
					 .edge = SP_EDGE_GRANT,
					 .flags = (uint8_t)asked,
					 .home = own_slot(rig) };
	}
	if (more == 0)
		rig->refill &= ~(1U << asked);
	rig_write(rig, d, count * sizeof(d[0]));
}

void rig_grant(struct rig *rig, uint32_t first, uint32_t count)
{
	rig_grant_some(rig, first, count, 0);
}

void rig_deny(struct rig *rig)
{
	uint32_t asked = (uint32_t)__builtin_ctz(rig->refill);
	struct sp_desc d = { .edge = SP_EDGE_GRANT,
			     .flags = (uint8_t)(SP_DESC_DENIED | asked),
			     .home = own_slot(rig) };

	rig->refill &= ~(1U << asked);
	rig_write(rig, &d, sizeof(d));
}

struct sp_desc rig_reply_in(struct rig *rig, const struct sp_desc *call, uint32_t index,
			    const char *body)
{
	struct rig_buffer *was = buffer_at(rig, call->buf), *b = buffer_at(rig, index);
	struct shm_header *h = rig_slot(rig, index);
	uint32_t len = (uint32_t)strlen(body);

	assert_int_equal(was->hold, RIG_AWAY);
	if (b != was) {
		assert_int_equal(b->hold, RIG_OURS);
		reference_end(rig, was);
		was->hold = RIG_OURS;
		b->gen = 9000 + index;
		shm_header_init(h, shm_layout_class(&rig->table.layout, index)->stride);
	}
	b->hold = RIG_STOCK;
	h->body_buf = 0;
	memcpy(rig_body(rig, index), body, len);
	return (struct sp_desc){ .buf = index,
				 .gen = b->gen,
				 .len = len,
				 .edge = SP_EDGE_REPLY,
				 .flags = b->refs ? SP_DESC_SHARED : 0,
				 .home = call->home };
}

struct sp_desc rig_reply(struct rig *rig, const struct sp_desc *call, const char *body)
{
	return rig_reply_in(rig, call, call->buf, body);
}

struct sp_desc rig_refuse(struct rig *rig, const struct sp_desc *call, sp_error error,
			  const char *text)
{
	struct sp_desc d = rig_reply(rig, call, text);

	rig_slot(rig, d.buf)->error = (uint8_t)error;
	d.flags |= SP_DESC_FAILED;
	return d;
}

struct sp_desc rig_return(struct rig *rig, const struct sp_desc *call, uint8_t flags)
{
	struct rig_buffer *b = buffer_at(rig, call->buf);
	struct sp_desc d = *call;

	assert_int_equal(b->hold, RIG_AWAY);
	b->hold = RIG_STOCK;
	if (!(flags & SP_DESC_FAILED))
		reference_end(rig, b); /* the kernel did not make one */
	d.flags = SP_DESC_UNDELIVERABLE | flags | (b->refs ? SP_DESC_SHARED : 0);
	return d;
}

void rig_cancel(struct rig *rig, const struct sp_desc *desc)
{
	struct sp_desc d = {
		.buf = desc->buf, .gen = desc->gen, .edge = SP_EDGE_CANCEL, .home = desc->home
	};

	rig_write(rig, &d, sizeof(d));
}

uint32_t rig_lent(const struct rig *rig)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < rig->table.layout.buffer_count; i++)
		count += rig->buffers[i].hold == RIG_STOCK || rig->buffers[i].hold == RIG_AWAY;
	return count;
}
