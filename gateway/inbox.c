// SPDX-License-Identifier: Apache-2.0
#include "gateway/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/breaker.h"
#include "gateway/call.h"
#include "gateway/instance.h"
#include "gateway/lease.h"
#include "gateway/request.h"
#include "gateway/response.h"
#include "gateway/worker.h"

static void on_reply(struct gw_worker *w, const struct sp_desc *d)
{
	struct gw_request *r = gw_request_of(w->gateway, d->buf);
	uint32_t state = gw_request_state(r);

	if (state == GW_ORPHAN)
		gw_request_free(r);
	else if (state == GW_LEASED)
		gw_lease_return(w, d->buf);
	else if (state != GW_IN_CHAIN)
		return;
	else if (d->edge == SP_EDGE_REPLY && d->flags & SP_DESC_DROPPED &&
		 !(d->flags & SP_DESC_FAILED))
		gw_response_drop(r);
	else
		gw_response_send(r, d);
}

static void on_release(struct gw_worker *w, const struct sp_desc *d)
{
	struct gateway *g = w->gateway;
	struct gw_request *r = gw_request_of(g, d->buf);
	uint32_t state = gw_request_state(r);

	if (d->flags & SP_DESC_MOVED) {
		if (d->len < g->wiring.layout.buffer_count && d->len != d->buf)
			gw_request_move(w, d->buf, d->len);
	} else if (state == GW_LEASED && gw_call_is(g, d->buf)) {
		gw_call_fail(w, d->buf, gw_response_function(g, d->buf), "let the call go", 0);
	} else if (state == GW_LEASED) {
		gw_lease_return(w, d->buf);
	} else if (state == GW_IN_CHAIN) {
		GW_COUNT(w, failed, 1);
		gw_request_refuse(r, &(struct gw_problem){ .kind = GW_PROBLEM_RELEASED });
		gw_request_free(r);
	} else if (state == GW_ORPHAN) {
		gw_request_free(r);
	}
}

/* A denial that came back, as whom it was for is gone; a cancel that reached nobody. */
static bool names_no_buffer(const struct sp_desc *d)
{
	return (d->edge == SP_EDGE_GRANT && d->flags & SP_DESC_DENIED) || d->edge > SP_EDGE_GRANT;
}

static void on_descriptor(struct gw_worker *w, const struct sp_desc *d)
{
	struct gateway *g = w->gateway;

	if (w->joining && !(d->edge < SP_EDGE_MAX && d->flags & SP_DESC_PART))
		gw_instance_joined(w);
	if (d->edge == SP_EDGE_REFILL) {
		gw_lease_refill(w, d);
		return;
	}
	if (names_no_buffer(d) || d->buf >= g->wiring.layout.buffer_count ||
	    gw_owner_word(g, d->buf) != SP_OWNER_WORD(d->gen, w->slot))
		return;
	if (d->edge == SP_EDGE_GRANT)
		gw_lease_return(w, d->buf); /* whom it was for is gone */
	else if (gw_breaker_is(d))
		gw_breaker_refuse(w, d);
	else if (d->flags & SP_DESC_UNDELIVERABLE)
		gw_instance_hold(w, d);
	else if (d->edge == SP_EDGE_RELEASE)
		on_release(w, d);
	else
		on_reply(w, d);
}

/* Handles `len` bytes in `received`; keeps what is not a whole descriptor. */
static void batch_handle(struct gw_worker *w, size_t len)
{
	size_t count = len / sizeof(*w->received);

	for (size_t i = 0; i < count; i++)
		on_descriptor(w, &w->received[i]);
	w->part_len = (uint32_t)(len % sizeof(*w->received));
	if (w->part_len)
		memmove(w->received, &w->received[count], w->part_len);
}

/* One recv. Returns its length, 0 when nothing is there. */
static size_t batch_take(struct gw_worker *w)
{
	const size_t want = GW_RECEIVE_MAX * sizeof(*w->received);
	ssize_t n;

	do
		n = recv(w->receive_fd, (char *)w->received + w->part_len, want, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		batch_handle(w, w->part_len + (size_t)n);
	else if (n == 0)
		h2o_socket_read_stop(w->receiver); /* the controller is gone: see control.c */
	return n > 0 ? (size_t)n : 0;
}

void gw_inbox_take(struct gw_worker *w)
{
	while (batch_take(w) == GW_RECEIVE_MAX * sizeof(*w->received))
		;
	/* What was sent together has arrived together. */
	gw_instance_joined(w);
}

void gw_inbox_drain(struct gw_worker *w)
{
	while (batch_take(w) > 0)
		;
	gw_instance_joined(w);
}
