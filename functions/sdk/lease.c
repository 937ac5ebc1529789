// SPDX-License-Identifier: Apache-2.0
/*
 * lease.c - buffers lent by the gateway, for requests that outgrow theirs.
 *
 * One refill may be unanswered at a time: the kernel counts a second one as a violation.
 * The answer is one message, of grants or a single denial; a reader whose room ran out may
 * get it in parts, so what is left of an old answer is read before the next refill is sent.
 */
#include <errno.h>
#include <sys/socket.h>

#include "functions/sdk/loop.h"
#include "functions/sdk/poison.h"

static void give_back(struct sdk_loop *loop, const struct sp_desc *grant)
{
	struct sp_desc d = { .buf = grant->buf,
			     .gen = grant->gen,
			     .edge = SP_EDGE_RELEASE,
			     .home = (uint16_t)loop->home };

	sdk_outbox_put(&loop->outbox, &d);
}

void sdk_lease_grant(void *arg, const struct sp_desc *desc)
{
	struct sdk_loop *loop = arg;
	struct sdk_lease *lease = &loop->leases[loop->asked];

	loop->waiting = false;
	if (desc->flags & SP_DESC_DENIED || desc->buf >= loop->layout->buffer_count)
		return;
	if (lease->count < SDK_LEASE_MAX)
		lease->grants[lease->count++] = *desc;
	else
		give_back(loop, desc);
}

static void collect(struct sdk_loop *loop)
{
	sdk_inbox_extract(&loop->inbox, SP_EDGE_GRANT, sdk_lease_grant, loop);
}

static int ask(struct sdk_loop *loop, uint32_t cls)
{
	bool large = loop->layout->classes[cls].size > SDK_LEASE_LARGE;
	struct sp_desc d = { .buf = cls,
			     .len = large ? 1 : SDK_LEASE_MAX,
			     .edge = SP_EDGE_REFILL,
			     .home = (uint16_t)loop->home };
	int r;

	loop->asked = cls;
	loop->waiting = true;
	r = sdk_outbox_put(&loop->outbox, &d);
	return r < 0 ? r : sdk_outbox_flush(&loop->outbox);
}

static int refill(struct sdk_loop *loop, uint32_t cls)
{
	int r = sdk_outbox_flush(&loop->outbox); /* the wait must not hold back what is done */

	while (r == 0 && loop->inbox.more && !loop->inbox.eof)
		r = sdk_inbox_fill(&loop->inbox, MSG_DONTWAIT);
	collect(loop);
	if (r < 0 || loop->leases[cls].count > 0)
		return r;
	if (loop->inbox.eof)
		return -ENOBUFS;
	r = ask(loop, cls);
	while (r == 0 && loop->waiting) {
		if (loop->inbox.eof)
			return -ENOBUFS;
		r = sdk_inbox_fill(&loop->inbox, 0);
		collect(loop);
	}
	return r;
}

static int take(struct sdk_source *source, uint32_t cls, struct sdk_slot *ret)
{
	struct sdk_loop *loop = (struct sdk_loop *)source;
	struct sdk_lease *lease = &loop->leases[cls];
	const struct sp_desc *grant;

	if (lease->count == 0 && refill(loop, cls) < 0)
		return -ENOBUFS;
	if (lease->count == 0)
		return -ENOBUFS;
	grant = &lease->grants[--lease->count];
	if (shm_layout_class(loop->layout, grant->buf)->size < loop->layout->classes[cls].size) {
		give_back(loop, grant);
		return -ENOBUFS;
	}
	*ret = sdk_loop_slot(loop, grant);
	sdk_unpoison(ret->at, ret->stride);
	return 0;
}

static void moved(struct sdk_source *source, const struct sp_request *req,
		  const struct sdk_slot *from, const struct sdk_slot *to)
{
	struct sdk_loop *loop = (struct sdk_loop *)source;
	struct sp_desc d = { .buf = from->index,
			     .gen = from->gen,
			     .len = to->index,
			     .edge = SP_EDGE_RELEASE,
			     .flags = req->flags | SP_DESC_MOVED,
			     .home = req->home };

	sdk_outbox_put(&loop->outbox, &d);
}

static void retire(struct sdk_source *source, const struct sdk_slot *slot)
{
	(void)source;
	sdk_poison(slot->at, slot->stride);
}

void sdk_lease_init(struct sdk_loop *loop)
{
	loop->source = (struct sdk_source){ .take = take, .moved = moved, .retire = retire };
}

void sdk_lease_return(struct sdk_loop *loop)
{
	collect(loop);
	for (uint32_t cls = 0; cls < SHM_CLASS_MAX; cls++)
		while (loop->leases[cls].count > 0)
			give_back(loop, &loop->leases[cls].grants[--loop->leases[cls].count]);
}
