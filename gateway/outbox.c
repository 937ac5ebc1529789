// SPDX-License-Identifier: Apache-2.0
#include "gateway/outbox.h"

#include <errno.h>
#include <sys/socket.h>

#include "gateway/request.h"
#include "gateway/worker.h"

int gw_outbox_send(struct gw_worker *worker, const struct sp_desc *descs, uint32_t count)
{
	const char *at = (const char *)descs;
	size_t left = count * sizeof(*descs);

	while (left > 0) {
		ssize_t n = send(worker->send_fd, at, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* The receiver died between the verdict and the redirect. It owns the buffers
		 * all the same: they are taken back with the rest of what it held. */
		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0)
			return -errno;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

/* Sends a row. Returns true when it was refused and its requests answered. */
static bool row_send(struct gw_worker *worker, uint32_t edge)
{
	struct gw_outbox *box = &worker->outbox;
	uint32_t count = box->counts[edge];
	struct gateway *g = worker->gateway;

	box->counts[edge] = 0;
	box->dirty &= ~(1ULL << edge);
	if (gw_outbox_send(worker, box->rows[edge], count) == 0)
		return false;
	for (uint32_t i = 0; i < count; i++)
		gw_request_unsent(worker, gw_request_of(g, box->rows[edge][i].buf));
	return true;
}

void gw_outbox_put(struct gw_worker *worker, uint32_t fn, uint32_t index, uint32_t len,
		   uint8_t flags)
{
	struct gw_outbox *box = &worker->outbox;
	struct sp_desc *d = &box->rows[fn][box->counts[fn]++];

	d->buf = index;
	d->gen = (uint32_t)(gw_owner_word(worker->gateway, index) >> 32);
	d->len = len;
	d->edge = (uint8_t)fn;
	d->flags = flags;
	d->home = (uint16_t)worker->slot;
	box->dirty |= 1ULL << fn;
	if (box->counts[fn] == SP_BATCH_MAX)
		row_send(worker, fn);
}

void gw_outbox_room(struct gw_worker *worker, uint32_t fn, uint32_t count)
{
	if (worker->outbox.counts[fn] + count > SP_BATCH_MAX)
		row_send(worker, fn);
}

static struct sp_desc cancel_of(const struct gw_worker *worker, uint32_t index)
{
	return (struct sp_desc){
		.buf = index,
		.gen = (uint32_t)(gw_owner_word(worker->gateway, index) >> 32),
		.edge = SP_EDGE_CANCEL,
		.home = (uint16_t)worker->slot,
	};
}

void gw_outbox_cancel(struct gw_worker *worker, uint32_t index)
{
	struct gw_outbox *box = &worker->outbox;

	if (box->cancel_count < SP_BATCH_MAX)
		box->cancels[box->cancel_count++] = cancel_of(worker, index);
}

void gw_outbox_cancel_now(struct gw_worker *worker, uint32_t index)
{
	struct sp_desc d = cancel_of(worker, index);

	gw_outbox_send(worker, &d, 1);
}

/* One send each, as each goes to whoever holds the buffer; none can fail that matters. */
static void cancels_send(struct gw_worker *worker)
{
	struct gw_outbox *box = &worker->outbox;

	for (uint32_t i = 0; i < box->cancel_count; i++)
		gw_outbox_send(worker, &box->cancels[i], 1);
	box->cancel_count = 0;
}

bool gw_outbox_flush(struct gw_worker *worker)
{
	bool refused = false;

	while (worker->outbox.dirty)
		refused |= row_send(worker, (uint32_t)__builtin_ctzll(worker->outbox.dirty));
	/* After what they may be about. */
	if (worker->outbox.cancel_count > 0)
		cancels_send(worker);
	return refused;
}
