// SPDX-License-Identifier: Apache-2.0
#include "gateway/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/address.h"
#include "gateway/client.h"
#include "gateway/conn.h"
#include "gateway/worker.h"

#define CHUNK (64UL << 10)
#define BOUND (64UL << 20) /* bytes of an upload that are discarded */

struct lingering {
	struct gw_worker *worker;
	h2o_socket_t *sock;
	h2o_timeout_entry_t timeout;
	size_t left;
	struct gw_client *client; /* until libh2o closes its socket */
	uint32_t place;           /* the client's, from then on: its connection is still there */
};

void gw_linger_closed(struct lingering *l)
{
	l->place = l->client->place;
	l->client->place = 0;
	l->client = NULL;
	shutdown(h2o_socket_get_fd(l->sock), SHUT_WR);
}

static void linger_end(struct lingering *l)
{
	if (l->client)
		l->client->linger = NULL;
	h2o_timeout_unlink(&l->timeout);
	gw_address_leave(l->worker->gateway, l->place);
	h2o_socket_close(l->sock);
	free(l);
}

static void on_timeout(h2o_timeout_entry_t *entry)
{
	linger_end(H2O_STRUCT_FROM_MEMBER(struct lingering, timeout, entry));
}

static void on_read(h2o_socket_t *sock, const char *err)
{
	struct lingering *l = sock->data;
	/* MSG_TRUNC: TCP drops the bytes; a Unix socket copies them all the same. */
	static _Thread_local char dropped[CHUNK];
	ssize_t n = recv(h2o_socket_get_fd(sock), dropped, CHUNK, MSG_TRUNC | MSG_DONTWAIT);

	(void)err;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (size_t)n >= l->left)
		linger_end(l);
	else
		l->left -= (size_t)n;
}

static void on_written(h2o_timeout_entry_t *entry)
{
	struct lingering *l = H2O_STRUCT_FROM_MEMBER(struct lingering, timeout, entry);

	shutdown(h2o_socket_get_fd(l->sock), SHUT_WR);
	entry->cb = on_timeout;
	h2o_timeout_link(l->worker->loop, &l->worker->http.one_sec_timeout, entry);
}

static void linger(struct gw_worker *worker, h2o_socket_t *sock, h2o_timeout_t *timeout,
		   h2o_timeout_cb cb)
{
	struct gw_client *client = sock->on_close.data;
	struct lingering *l = client->linger ? NULL : calloc(1, sizeof(*l));
	int fd = l ? fcntl(h2o_socket_get_fd(sock), F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0) {
		free(l);
		return;
	}
	l->left = BOUND;
	l->worker = worker;
	l->timeout.cb = cb;
	h2o_timeout_link(worker->loop, timeout, &l->timeout);
	l->sock = h2o_evloop_socket_create(worker->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	l->sock->data = l;
	gw_conn_count(worker, l->sock);
	l->client = client;
	client->linger = l;
	h2o_socket_read_start(l->sock, on_read);
}

void gw_linger_start(struct gw_worker *worker, h2o_socket_t *sock)
{
	linger(worker, sock, &worker->http.one_sec_timeout, on_timeout);
}

void gw_linger_last(struct gw_worker *worker, h2o_socket_t *sock)
{
	linger(worker, sock, &worker->http.zero_timeout, on_written);
}
