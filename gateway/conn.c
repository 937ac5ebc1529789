// SPDX-License-Identifier: Apache-2.0
#include "gateway/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/address.h"
#include "gateway/client.h"
#include "gateway/tables.h"
#include "gateway/worker.h"

#define ACCEPT_MAX 16 /* in one go, so that a storm of connections does not starve requests */

static void on_accept(h2o_socket_t *listener, const char *err);

static void accept_pause(struct gw_worker *w)
{
	w->paused = true;
	for (int i = 0; i < GW_LISTENERS; i++)
		if (w->listeners[i])
			h2o_socket_read_stop(w->listeners[i]);
}

static void accept_resume(struct gw_worker *w)
{
	if (!w->paused)
		return;
	w->paused = false;
	h2o_timeout_unlink(&w->resume_entry);
	for (int i = 0; i < GW_LISTENERS; i++)
		if (w->listeners[i])
			h2o_socket_read_start(w->listeners[i], on_accept);
}

static void on_resume(h2o_timeout_entry_t *entry)
{
	accept_resume(H2O_STRUCT_FROM_MEMBER(struct gw_worker, resume_entry, entry));
}

static void on_client_close(void *data)
{
	struct gw_client *client = data;
	struct gw_worker *w = client->worker;

	gw_client_close(client);
	accept_resume(w);
}

static void on_close(void *data)
{
	struct gw_worker *w = data;

	GW_COUNT(w, connections, -1);
	accept_resume(w);
}

void gw_conn_count(struct gw_worker *worker, h2o_socket_t *sock)
{
	GW_COUNT(worker, connections, 1);
	sock->on_close.cb = on_close;
	sock->on_close.data = worker;
}

/* Of this worker: what the chain file allows is shared by all. */
static uint32_t connection_limit(const struct gw_worker *w)
{
	uint32_t most = w->tables->wiring.connections, workers = w->gateway->wiring.worker_count;

	if (most == 0)
		return w->gateway->connection_limit;
	most = (most + workers - 1) / workers;
	return most < w->gateway->connection_limit ? most : w->gateway->connection_limit;
}

static void conn_open(struct gw_worker *w, h2o_socket_t *sock)
{
	struct gw_client *client;
	uint32_t place;

	if (!gw_address_enter(w, sock, w->tables->wiring.connections_per_address,
			      connection_limit(w), &place)) {
		h2o_socket_close(sock);
		return;
	}
	client = calloc(1, sizeof(*client));
	if (!client) {
		gw_address_leave(w->gateway, place);
		h2o_socket_close(sock);
		return;
	}
	client->place = place;
	gw_client_open(client, w, sock);
	sock->on_close.cb = on_client_close;
	sock->on_close.data = client;
	h2o_accept(&w->accept, sock);
	w->http1_read = sock->_cb.read;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
	struct gw_worker *w = listener->data;

	if (err)
		return;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		h2o_socket_t *sock;

		if (w->stats->connections >= connection_limit(w)) {
			accept_pause(w);
			return;
		}
		sock = h2o_evloop_socket_accept(listener);
		if (!sock) {
			if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
			    errno != ENOMEM)
				return;
			accept_pause(w);
			h2o_timeout_link(w->loop, &w->http.hundred_ms_timeout, &w->resume_entry);
			return;
		}
		conn_open(w, sock);
	}
}

static h2o_socket_t *listener_join(struct gw_worker *worker, int fd)
{
	h2o_socket_t *sock = h2o_evloop_socket_create(worker->loop, fd, H2O_SOCKET_FLAG_DONT_READ);

	sock->data = worker;
	h2o_socket_read_start(sock, on_accept);
	return sock;
}

void gw_conn_listen(struct gw_worker *worker)
{
	worker->resume_entry = (h2o_timeout_entry_t){ .cb = on_resume };
	worker->listeners[0] = listener_join(worker, worker->listen_fd);
	if (worker->front_fd >= 0)
		worker->listeners[1] = listener_join(worker, worker->front_fd);
}

/* More bytes, or the end, of a client whose request is in the chain. */
static void on_busy_read(h2o_socket_t *sock, const char *err)
{
	struct gw_worker *w =
		H2O_STRUCT_FROM_MEMBER(struct gw_worker, http, ((h2o_conn_t *)sock->data)->ctx);

	if (err == h2o_socket_error_io)
		w->http1_read(sock, err); /* reset: closes, which disposes of the request */
	else if (err || sock->input->size > GW_PIPELINE_MAX)
		h2o_socket_read_stop(sock); /* half closed, or ahead enough: it gets its answer */
}

void gw_conn_watch(struct gw_worker *worker, h2o_req_t *req)
{
	/* An HTTP/2 connection is always read. */
	if (req->version < 0x200 && worker->http1_read)
		h2o_socket_read_start(req->conn->callbacks->get_socket(req->conn), on_busy_read);
}

static h2o_socket_t *socket_of(h2o_req_t *req)
{
	return req->conn->callbacks->get_socket(req->conn);
}

/* Lets a connection that has a request end with its answer. What is on its way already has
 * promised its client to go on: that connection is closed when it is idle. The status tells,
 * not the generator, which is gone once the last byte is handed to a socket. */
static int conn_finish(h2o_req_t *req, void *arg)
{
	(void)arg;
	if (req->version != 0 && req->res.status == 0)
		req->http1_is_persistent = 0;
	return 0;
}

/* Closes a connection that waits for a request, by way of its own end-of-file: what came in
 * before is read first, and answered. */
static int conn_close_idle(h2o_req_t *req, void *arg)
{
	(void)arg;
	if (req->version == 0 && socket_of(req)->input->size == 0)
		shutdown(h2o_socket_get_fd(socket_of(req)), SHUT_RD);
	return 0;
}

/* The same for whoever has not said all of his request, or has not got all of his answer. */
static int conn_close_soon(h2o_req_t *req, void *arg)
{
	(void)arg;
	req->http1_is_persistent = 0;
	if (req->version == 0)
		shutdown(h2o_socket_get_fd(socket_of(req)), SHUT_RD);
	return 0;
}

static void http1_each(struct gw_worker *worker, int (*visit)(h2o_req_t *, void *))
{
	worker->http.globalconf->http1.callbacks.foreach_request(&worker->http, visit, NULL);
}

void gw_conn_close_soon(struct gw_worker *worker)
{
	http1_each(worker, conn_close_soon);
}

/* Every GW_DRAIN_IDLE_MS: also a connection whose answer was under way becomes idle. */
static void on_idle(h2o_timeout_entry_t *entry)
{
	struct gw_worker *w = H2O_STRUCT_FROM_MEMBER(struct gw_worker, idle_entry, entry);

	http1_each(w, conn_close_idle);
	if (w->stats->connections > 0)
		h2o_timeout_link(w->loop, &w->idle, &w->idle_entry);
}

void gw_conn_drain(struct gw_worker *worker, bool last)
{
	h2o_timeout_unlink(&worker->resume_entry);
	for (int i = 0; i < GW_LISTENERS; i++) {
		if (!worker->listeners[i])
			continue;
		if (last) /* the controller holds it, too: clients would wait for nobody */
			shutdown(h2o_socket_get_fd(worker->listeners[i]), SHUT_RDWR);
		h2o_socket_close(worker->listeners[i]);
		worker->listeners[i] = NULL;
	}
	gw_conn_wind_down(worker);
}

void gw_conn_wind_down(struct gw_worker *worker)
{
	h2o_context_request_shutdown(&worker->http);
	http1_each(worker, conn_finish);
	worker->idle_entry = (h2o_timeout_entry_t){ .cb = on_idle };
	h2o_timeout_link(worker->loop, &worker->idle, &worker->idle_entry);
}
