// SPDX-License-Identifier: Apache-2.0
#include "gateway/conn.h"

#include <errno.h>
#include <sys/socket.h>

#include "gateway/worker.h"

#define ACCEPT_MAX 16 /* in one go, so that a storm of connections does not starve requests */

static void on_accept(h2o_socket_t *listener, const char *err);

static void accept_pause(struct gw_worker *w)
{
	w->paused = true;
	h2o_socket_read_stop(w->listener);
}

static void accept_resume(struct gw_worker *w)
{
	if (!w->paused || !w->listener)
		return;
	w->paused = false;
	h2o_timeout_unlink(&w->resume_entry);
	h2o_socket_read_start(w->listener, on_accept);
}

static void on_resume(h2o_timeout_entry_t *entry)
{
	accept_resume(H2O_STRUCT_FROM_MEMBER(struct gw_worker, resume_entry, entry));
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

static void conn_open(struct gw_worker *w, h2o_socket_t *sock)
{
	gw_conn_count(w, sock);
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

		if (w->stats.connections >= w->gateway->connection_limit) {
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

void gw_conn_listen(struct gw_worker *worker)
{
	worker->resume_entry = (h2o_timeout_entry_t){ .cb = on_resume };
	worker->listener = h2o_evloop_socket_create(worker->loop, worker->listen_fd,
						    H2O_SOCKET_FLAG_DONT_READ);
	worker->listener->data = worker;
	h2o_socket_read_start(worker->listener, on_accept);
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

/* Closes a connection that waits for a request, by way of its own end-of-file, and lets one
 * that has a request end with its answer. */
static int conn_finish(h2o_req_t *req, void *arg)
{
	(void)arg;
	req->http1_is_persistent = 0;
	if (req->version == 0)
		shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RD);
	return 0;
}

void gw_conn_drain(struct gw_worker *worker)
{
	h2o_timeout_unlink(&worker->resume_entry);
	if (worker->listener)
		h2o_socket_close(worker->listener);
	worker->listener = NULL;
	h2o_context_request_shutdown(&worker->http);
	worker->http.globalconf->http1.callbacks.foreach_request(&worker->http, conn_finish, NULL);
}
