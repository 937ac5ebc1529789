// SPDX-License-Identifier: Apache-2.0
/*
 * task.c - a request from its arrival until it has left: checked, handled, waiting, sent on.
 */
#include <errno.h>
#include <stdlib.h>

#include "functions/sdk/log.h"
#include "functions/sdk/loop.h"
#include "functions/sdk/poison.h"

#define FLAGS_KEPT (SP_DESC_QOS_MASK | SP_DESC_ELEPHANT)

/* ---- where they come from ---- */

static struct sdk_task *task_make(struct sdk_loop *loop)
{
	struct sdk_task *task = calloc(1, sizeof(*task));
	struct sdk_task **heap;

	if (!task)
		return NULL;
	if ((loop->task_count & (loop->task_count - 1)) == 0) { /* a power of two: it is full */
		heap = realloc(loop->heap, (2 * loop->task_count + 1) * sizeof(struct sdk_task *));
		if (!heap) {
			free(task);
			return NULL;
		}
		loop->heap = heap;
	}
	loop->task_count++;
	task->loop = loop;
	return task;
}

static struct sdk_task *task_get(struct sdk_loop *loop)
{
	struct sdk_task *task = loop->free;

	if (task)
		loop->free = task->next;
	else
		task = task_make(loop);
	if (!task)
		return NULL;
	task->next = NULL;
	task->fiber = NULL;
	task->ready = task->deferred = task->wake_each = false;
	task->open = task->kept = 0;
	return task;
}

/* It has left. One whose token is out stays until that comes back. */
static void task_put(struct sdk_task *task)
{
	struct sdk_loop *loop = task->loop;

	loop->live -= task->counted;
	if (task->req.token.out)
		return;
	task->next = loop->free;
	loop->free = task;
}

/* Those that wait when the order to stop comes have nothing more to wait for. */
void sdk_tasks_free(struct sdk_loop *loop)
{
	while (loop->fibers.parked) {
		struct sdk_task *task = sdk_fiber_arg(loop->fibers.parked);

		sdk_fiber_drop(&loop->fibers, loop->fibers.parked);
		free(task->req.parts);
		free(task);
	}
	while (loop->free) {
		struct sdk_task *task = loop->free;

		loop->free = task->next;
		free(task);
	}
	free(loop->heap);
	loop->heap = NULL;
}

/* ---- where they go ---- */

/* Without a route a call is answered, and a message that nobody waits for has ended. */
static int way_find(struct sdk_task *task, sp_verdict *verdict, struct rule_way *way)
{
	struct sdk_loop *loop = task->loop;
	struct sp_request *req = &task->req;

	if (wiring_page_find(loop->page, sdk_rule_edge(*verdict), &req->header, req->slot.at,
			     way) == 0)
		return 0;
	if (*verdict == SP_NEXT && req->header.alone)
		*verdict = SP_DROP;
	else if (*verdict == SP_NEXT && req->home > loop->gateway_count)
		*verdict = SP_REPLY;
	else
		*verdict = sp_fail(req, SP_EINTERNAL, "no route for edge %s of %s",
				   *verdict == SP_NEXT ? "next" :
							 loop->worker.function->edges[*verdict],
				   loop->worker.name);
	return -ENOENT;
}

/* The request and the parts that go with it: one message, so that one instance gets all. */
static void send_with_parts(struct sdk_loop *loop, const struct sp_desc *d, struct sp_desc *parts,
			    uint32_t count)
{
	struct sp_desc message[1 + RULE_MEMBER_MAX];

	message[0] = *d;
	for (uint32_t i = 0; i < count; i++) {
		message[1 + i] = parts[i];
		message[1 + i].edge = d->edge;
		message[1 + i].home = d->home;
		message[1 + i].flags = SP_DESC_PART;
	}
	sdk_outbox_send(&loop->outbox, message, 1 + count);
}

/* Does the error say that the request is to blame? */
static bool is_blameless(uint32_t error)
{
	static const uint16_t statuses[SP_ERROR_COUNT] = {
#define X(name, status, title) [name] = status,
		SP_ERRORS(X)
#undef X
	};

	return error < SP_ERROR_COUNT && statuses[error] >= 400 && statuses[error] < 500;
}

static void send_on(struct sdk_task *task, sp_verdict verdict, uint8_t edge, struct sp_desc *parts,
		    uint32_t part_count)
{
	struct sdk_loop *loop = task->loop;
	struct sp_request *req = &task->req;
	struct sp_desc d = { .edge = edge, .home = req->home, .flags = req->flags };

	sdk_kept_give_back(&loop->port, req);
	if (req->parts)
		sdk_parts_release(task);
	sdk_request_end(req, verdict);
	if (part_count > 0)
		req->slot.at->parts = (uint16_t)part_count;
	d.buf = req->slot.index;
	d.gen = req->slot.gen;
	d.len = req->len;
	if (verdict == SP_FAILED)
		d.flags |= SP_DESC_FAILED | (loop->worker.read_only ? SP_DESC_DROPPED : 0) |
			   (is_blameless(req->error) ? SP_DESC_BLAMELESS : 0);
	else if (verdict == SP_DROP)
		d.flags |= SP_DESC_DROPPED;
	sdk_poison(req->slot.at, req->slot.stride);
	if (part_count > 0)
		send_with_parts(loop, &d, parts, part_count);
	else
		sdk_outbox_put(&loop->outbox, &d);
}

/* What the handler has decided. In the task: a fan-out waits for its answers. */
static void leave(struct sdk_task *task, sp_verdict verdict)
{
	struct sp_desc parts[RULE_MEMBER_MAX];
	uint32_t part_count = 0;
	struct rule_way way; /* large: filled in where it is found */

	if (verdict < SP_NEXT || way_find(task, &verdict, &way) < 0) {
		send_on(task, verdict, SP_EDGE_REPLY, NULL, 0);
		return;
	}
	if (way.tee_count > 0)
		sdk_tees_send(task, &way);
	if (way.group.count > 0 && !sdk_gather(task, &way.group, parts, &part_count)) {
		verdict = SP_FAILED;
		way.edge = SP_EDGE_REPLY;
		part_count = 0;
	}
	send_on(task, verdict, way.edge, parts, part_count);
}

/* ---- on their stacks ---- */

static void place_set(struct sdk_task *task, enum sdk_place_kind kind)
{
	struct sdk_place *place = &task->loop->places[task->req.slot.index];

	place->kind = (uint8_t)kind;
	place->task = task;
	place->gen = task->req.slot.gen;
}

/* Later; or at once, when sp_complete() was quicker than the handler. */
static bool defer(struct sdk_task *task, sp_verdict *verdict)
{
	struct sp_request *req = &task->req;

	if (*verdict != SP_DEFERRED)
		return false;
	if (!req->token.done) {
		task->deferred = true;
		place_set(task, SDK_PLACE_TASK);
		return true;
	}
	*verdict = sdk_request_check(req, req->token.verdict);
	return false;
}

static void on_handler(void *arg)
{
	struct sdk_task *task = arg;
	sp_verdict verdict = sdk_request_run(&task->req);

	if (!defer(task, &verdict))
		leave(task, verdict);
}

static void on_completed(void *arg)
{
	struct sdk_task *task = arg;

	place_set(task, SDK_PLACE_NONE);
	leave(task, sdk_request_check(&task->req, task->req.token.verdict));
}

/* Back on the thread's own stack: has it left? */
static void back(struct sdk_task *task)
{
	if (!task->fiber && !task->deferred)
		task_put(task);
}

static void run(struct sdk_task *task, sdk_fiber_fn *fn)
{
	struct sdk_loop *loop = task->loop;

	task->fiber = NULL;
	if (sdk_fiber_run(&loop->fibers, fn, task, &task->fiber) < 0) {
		place_set(task, SDK_PLACE_NONE);
		send_on(task, sp_fail(&task->req, SP_EUNAVAILABLE, "no memory for a stack"),
			SP_EDGE_REPLY, NULL, 0);
	}
	back(task);
}

void sdk_task_finish(struct sdk_task *task)
{
	task->deferred = false;
	run(task, on_completed);
}

void sdk_task_wait(struct sdk_task *task, uint64_t wake_ns, const char *what_for)
{
	struct sdk_loop *loop = task->loop;

	place_set(task, SDK_PLACE_TASK);
	task->req.waits_for = what_for;
	if (wake_ns)
		sdk_timer_set(task, wake_ns);
	sdk_fiber_park(&loop->fibers);
	sdk_timer_clear(task);
	task->req.waits_for = NULL;
	place_set(task, SDK_PLACE_NONE);
}

void sdk_task_wake(struct sdk_task *task)
{
	struct sdk_loop *loop = task->loop;

	if (task->ready || !task->req.waits_for)
		return;
	task->ready = true;
	task->next = NULL;
	if (loop->ready)
		loop->ready_last->next = task;
	else
		loop->ready = task;
	loop->ready_last = task;
}

void sdk_tasks_go_on(struct sdk_loop *loop)
{
	while (loop->ready) {
		struct sdk_task *task = loop->ready;

		loop->ready = task->next;
		task->ready = false;
		sdk_loop_tick(loop);
		if (sdk_fiber_resume(&loop->fibers, task->fiber))
			task->fiber = NULL;
		back(task);
	}
}

/* ---- their begin ---- */

static sp_verdict refusal(struct sdk_task *task, int begun, uint64_t now)
{
	struct sdk_loop *loop = task->loop;
	struct sp_request *req = &task->req;
	struct sdk_place *place = &loop->places[req->slot.index];
	bool canceled = place->kind == SDK_PLACE_CANCELED && place->gen == req->slot.gen;

	place->kind = SDK_PLACE_NONE;
	if (begun < 0)
		return sp_fail(req, SP_EUPSTREAM, "buffer header is garbage");
	if (canceled)
		return sp_fail(req, SP_ECANCELED, "nobody waits for it any more");
	if (req->header.deadline_ns && now >= req->header.deadline_ns)
		return sp_fail(req, SP_ETIMEOUT, "the deadline passed on the way to %s",
			       loop->worker.name);
	if (loop->max_hops && req->header.hops >= loop->max_hops)
		return sp_fail(req, SP_ELOOP, "passed %u functions, the most allowed",
			       loop->max_hops);
	return SP_NEXT;
}

void sdk_task_begin(struct sdk_loop *loop, const struct sp_desc *d, struct sdk_backlog *backlog)
{
	struct sdk_task *task = task_get(loop);
	struct sdk_slot slot = sdk_loop_slot(loop, d);
	sp_verdict verdict;
	uint64_t now;
	int begun;

	if (!task) { /* it comes back to whoever waits for it: no memory, no answer of ours */
		sp_log(NULL, SP_ERROR, "no memory for a request: it is given up");
		sdk_request_release(loop, d);
		return;
	}
	now = sdk_loop_tick(loop);
	sdk_unpoison(slot.at, slot.stride);
	task->req.flags = d->flags & FLAGS_KEPT;
	task->req.shared = (d->flags & SP_DESC_SHARED) != 0;
	task->req.home = d->home;
	task->counted = d->home <= loop->gateway_count;
	loop->live += task->counted;
	begun = sdk_request_begin(&task->req, &loop->worker, &slot, d->len);
	if (begun == 0 && task->req.header.parts > 0)
		sdk_parts_take(task, backlog);
	verdict = refusal(task, begun, now);
	if (verdict == SP_NEXT) {
		run(task, on_handler);
	} else {
		send_on(task, verdict, SP_EDGE_REPLY, NULL, 0);
		back(task);
	}
}

/* ---- what happens to them ---- */

/* A client's may be told of before the request itself is there, and its generation is never used
 * again; a caller makes its next call with the same, so only one that is here is meant. */
static bool cancels_backlog(const struct sdk_loop *loop, const struct sdk_place *place,
			    const struct sp_desc *d)
{
	if (place->kind == SDK_PLACE_QUEUED)
		return place->gen == d->gen;
	return d->home <= loop->gateway_count &&
	       (place->kind == SDK_PLACE_NONE || place->kind == SDK_PLACE_CANCELED);
}

void sdk_task_cancel(struct sdk_loop *loop, const struct sp_desc *d)
{
	struct sdk_place *place = &loop->places[d->buf];

	if (place->kind == SDK_PLACE_TASK && place->gen == d->gen) {
		__atomic_store_n(&place->task->req.canceled, true, __ATOMIC_RELAXED);
		sdk_task_wake(place->task);
	} else if (cancels_backlog(loop, place, d)) {
		place->kind = SDK_PLACE_CANCELED;
		place->gen = d->gen;
	}
}
