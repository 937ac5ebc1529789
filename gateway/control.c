// SPDX-License-Identifier: Apache-2.0
#include "gateway/control.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "gateway/instance.h"
#include "gateway/worker.h"

/* The socket does not block, as it is in a loop; a report waits until the controller reads. */
static void message_send(const struct gateway *g, const struct wiring_msg *msg)
{
	struct pollfd p = { .fd = g->control, .events = POLLOUT };

	while (wiring_send(g->control, msg, sizeof(*msg), NULL, 0) == -EAGAIN)
		poll(&p, 1, -1);
}

void gw_control_tell(const struct gateway *g, enum wiring_type type, uint32_t slot, uint32_t fn,
		     uint32_t count)
{
	struct wiring_msg msg = { .type = type, .slot = slot, .fn = fn, .count = count };

	message_send(g, &msg);
}

static void stats_tell(const struct gateway *g)
{
	struct wiring_msg msg = { .type = WIRING_STATS };

	for (uint32_t i = 0; i < g->wiring.worker_count; i++) {
		const struct wiring_stats *s = &g->workers[i].stats;

#define X(field, text) msg.stats.field += __atomic_load_n(&s->field, __ATOMIC_RELAXED);
		WIRING_STATS_FIELDS(X)
#undef X
	}
	for (uint32_t i = 0; i < g->wiring.layout.class_count; i++)
		msg.stats.leased += __atomic_load_n(&g->leased[i], __ATOMIC_RELAXED);
	message_send(g, &msg);
}

static void drain_all(struct gateway *g)
{
	__atomic_store_n(&g->draining, 1, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		gw_worker_post_drain(&g->workers[i]);
}

static void message_handle(struct gateway *g, const struct wiring_msg *msg)
{
	switch (msg->type) {
	case WIRING_LOST:
		gw_instance_announce_lost(g, msg->slot, msg->fn, msg->count);
		break;
	case WIRING_UP:
		gw_instance_announce_up(g, msg->fn);
		break;
	case WIRING_DRAIN:
		drain_all(g);
		break;
	case WIRING_STATS_ASK:
		stats_tell(g);
		break;
	default: /* of a newer controller */
		break;
	}
}

static void on_control(h2o_socket_t *sock, const char *err)
{
	struct gateway *g = sock->data;
	struct wiring_msg msg;
	size_t fds;
	ssize_t n;

	(void)err;
	while ((n = wiring_receive(g->control, &msg, sizeof(msg), NULL, 0, &fds)) > 0) {
		if (n == (ssize_t)sizeof(msg))
			message_handle(g, &msg);
	}
	if (n == -EAGAIN || n == -EBADMSG)
		return;
	/* The order to end, when all is drained; before that the controller has died. */
	if (__atomic_load_n(&g->undrained, __ATOMIC_ACQUIRE) > 0)
		_exit(1);
	h2o_socket_read_stop(sock);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		gw_worker_post_finish(&g->workers[i]);
}

void gw_control_join(struct gw_worker *worker)
{
	h2o_socket_t *sock = h2o_evloop_socket_create(worker->loop, worker->gateway->control,
						      H2O_SOCKET_FLAG_DONT_READ);

	sock->data = worker->gateway;
	h2o_socket_read_start(sock, on_control);
}
