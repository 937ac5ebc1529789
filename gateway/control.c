// SPDX-License-Identifier: Apache-2.0
#include "gateway/control.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "gateway/instance.h"
#include "gateway/tables.h"
#include "gateway/worker.h"

/* The socket does not block, as it is in a loop; a report waits until the controller reads. */
void gw_control_tell(const struct gateway *g, const struct wiring_msg *msg)
{
	struct pollfd p = { .fd = g->control, .events = POLLOUT };

	while (wiring_send(g->control, msg, sizeof(*msg), NULL, 0) == -EAGAIN)
		poll(&p, 1, -1);
}

void gw_control_busy(struct gw_worker *worker)
{
	static const struct wiring_msg busy = { .type = WIRING_BUSY };
	uint64_t now = gw_worker_now(worker);

	if (now - worker->busy_ns < GW_BUSY_NS)
		return;
	worker->busy_ns = now;
	wiring_send(worker->gateway->control, &busy, sizeof(busy), NULL, 0);
}

static void drain_all(struct gateway *g, enum wiring_drain how)
{
	__atomic_store_n(&g->draining, 1, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		gw_worker_post_drain(&g->workers[i], how);
}

static void message_handle(struct gateway *g, const struct wiring_msg *msg)
{
	switch (msg->type) {
	case WIRING_LOST:
		gw_instance_announce_lost(g, msg);
		break;
	case WIRING_UP:
		gw_instance_announce_up(g, msg->fn);
		break;
	case WIRING_DRAIN:
		drain_all(g, msg->count == WIRING_DRAIN_HAND_OVER ? WIRING_DRAIN_HAND_OVER :
								    WIRING_DRAIN_STOP);
		break;
	case WIRING_FREEZE:
		__atomic_store_n(&g->frozen, msg->count != 0, __ATOMIC_RELAXED);
		break;
	default: /* of a newer controller */
		break;
	}
}

static void on_control(h2o_socket_t *sock, const char *err)
{
	struct gateway *g = sock->data;
	/* Of worker 0 alone, and too large for a stack. */
	static union {
		struct wiring_msg msg;
		struct wiring_gateway tables;
	} in;
	size_t fds;
	ssize_t n;

	(void)err;
	while ((n = wiring_receive(g->control, &in, sizeof(in), NULL, 0, &fds)) > 0) {
		if (n == (ssize_t)sizeof(in.msg))
			message_handle(g, &in.msg);
		else if (n > (ssize_t)sizeof(in.msg))
			gw_tables_update(g, &in.tables, n);
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
