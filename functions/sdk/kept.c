// SPDX-License-Identifier: Apache-2.0
/*
 * kept.c - buffers that a handler has beside its request: replies, and what sp_alloc gave. They
 * are found by the address of their payload, and given back when the request leaves.
 */
#include <errno.h>

#include "functions/sdk/loop.h"

void sdk_kept_add(struct sdk_port *port, struct sp_request *req, const struct sdk_slot *slot,
		  bool reusable)
{
	struct sdk_loop *loop = sdk_loop_of(port);
	struct sdk_task *task = sdk_task_of(req);

	loop->places[slot->index] = (struct sdk_place){ .task = task,
							.gen = slot->gen,
							.next = task->kept,
							.kind = SDK_PLACE_KEPT,
							.reusable = reusable };
	if (task->kept)
		loop->places[task->kept - 1].prev = slot->index + 1;
	task->kept = slot->index + 1;
}

static void unlink_place(struct sdk_loop *loop, struct sdk_place *place)
{
	if (place->prev)
		loop->places[place->prev - 1].next = place->next;
	else
		place->task->kept = place->next;
	if (place->next)
		loop->places[place->next - 1].prev = place->prev;
	place->kind = SDK_PLACE_NONE;
}

static struct sdk_slot kept_slot(const struct sdk_loop *loop, uint32_t index)
{
	struct sp_desc d = { .buf = index, .gen = loop->places[index].gen };

	return sdk_loop_slot(loop, &d);
}

/* The buffer whose payload begins there, in either mapping; -ENOENT. */
static int index_at(const struct sdk_loop *loop, const char *payload, uint32_t *ret)
{
	const struct shm_layout *layout = loop->layout;
	uint64_t at = (uint64_t)((uintptr_t)payload - (uintptr_t)loop->memory);

	if (at >= layout->size)
		at = (uint64_t)((uintptr_t)payload - (uintptr_t)loop->view);
	if (at >= layout->size || at < SHM_HEADER_SIZE)
		return -ENOENT;
	at -= SHM_HEADER_SIZE;
	for (uint32_t i = 0; i < layout->class_count; i++) {
		const struct shm_class *c = &layout->classes[i];

		if (at < c->offset || at - c->offset >= (uint64_t)c->count * c->stride)
			continue;
		*ret = c->first + (uint32_t)((at - c->offset) / c->stride);
		return (at - c->offset) % c->stride == 0 ? 0 : -ENOENT;
	}
	return -ENOENT;
}

/* The one that refers to a body that was shown there; 0: none. */
static uint32_t referring(const struct sdk_loop *loop, const struct sdk_task *task, uint32_t index)
{
	uint32_t kept = task->kept;

	while (kept && kept_slot(loop, kept - 1).at->body_buf != index + 1)
		kept = loop->places[kept - 1].next;
	return kept;
}

int sdk_kept_take(struct sdk_port *port, struct sp_request *req, const char *shown,
		  struct sdk_slot *ret, bool *ret_reusable)
{
	struct sdk_loop *loop = sdk_loop_of(port);
	struct sdk_task *task = sdk_task_of(req);
	struct sdk_place *place;
	uint32_t index, other;

	if (index_at(loop, shown, &index) < 0)
		return -ENOENT;
	place = &loop->places[index];
	if (place->kind != SDK_PLACE_KEPT || place->task != task) {
		other = referring(loop, task, index);
		if (!other)
			return -ENOENT;
		index = other - 1;
		place = &loop->places[index];
	}
	*ret = kept_slot(loop, index);
	*ret_reusable = place->reusable;
	unlink_place(loop, place);
	return 0;
}

void sdk_kept_give_back(struct sdk_port *port, struct sp_request *req)
{
	struct sdk_loop *loop = sdk_loop_of(port);
	struct sdk_task *task = sdk_task_of(req);

	while (task->kept) {
		uint32_t index = task->kept - 1;
		struct sdk_slot slot = kept_slot(loop, index);
		bool reusable = loop->places[index].reusable;

		unlink_place(loop, &loop->places[index]);
		sdk_stock_give_back(port, &slot, reusable);
	}
}

const char *sdk_loop_view(struct sdk_port *port, uint32_t index, uint32_t len)
{
	const struct sdk_loop *loop = sdk_loop_of(port);

	if (index >= loop->layout->buffer_count ||
	    len > shm_layout_class(loop->layout, index)->size)
		return NULL;
	return loop->view + shm_layout_offset(loop->layout, index) + SHM_HEADER_SIZE;
}
