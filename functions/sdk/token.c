// SPDX-License-Identifier: Apache-2.0
/*
 * token.c - requests that something else completes, from any thread: it puts the token into a
 * list and wakes the loop, which takes all that are there.
 */
#include "functions/sdk/loop.h"

sp_verdict sdk_task_await(struct sdk_port *port, struct sp_request *req)
{
	(void)port;
	while (!req->token.done)
		sdk_task_wait(sdk_task_of(req), 0, "sp_complete");
	req->token.done = false;
	return req->token.verdict;
}

/* Any thread. The first of several wakes the loop, which then takes all. */
void sdk_task_complete(struct sdk_port *port, struct sp_token *token)
{
	struct sdk_loop *loop = sdk_loop_of(port);
	struct sp_desc wake = { .edge = SP_EDGE_WAKE, .home = (uint16_t)loop->slot };

	token->next = __atomic_load_n(&loop->completed, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&loop->completed, &token->next, token, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		continue;
	if (__atomic_exchange_n(&loop->woken, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	/* The kernel lets one be unread: it wants the number of the last that was read. */
	wake.gen = __atomic_load_n(&loop->wake, __ATOMIC_RELAXED);
	sdk_send(loop->outbox.fd, &wake, 1);
}

static void completed(struct sdk_loop *loop, struct sp_token *token)
{
	struct sdk_task *task = sdk_task_of(token->req);

	token->out = false;
	token->done = true;
	if (task->deferred) {
		sdk_task_finish(task);
	} else if (task->fiber) {
		sdk_task_wake(task);
	} else { /* the handler did not wait for it */
		task->next = loop->free;
		loop->free = task;
	}
}

void sdk_tasks_completed(struct sdk_loop *loop, const struct sp_desc *wake)
{
	struct sp_token *token, *next, *first = NULL;

	__atomic_store_n(&loop->wake, wake->gen, __ATOMIC_RELAXED);
	/* An exchange, to see the tokens of all who found that a wake was under way. */
	__atomic_exchange_n(&loop->woken, 0, __ATOMIC_ACQ_REL);
	token = __atomic_exchange_n(&loop->completed, NULL, __ATOMIC_ACQUIRE);
	for (; token; token = next) { /* the oldest first */
		next = token->next;
		token->next = first;
		first = token;
	}
	for (; first; first = next) {
		next = first->next;
		completed(loop, first);
	}
}
