// SPDX-License-Identifier: Apache-2.0
#include "gateway/front/accept.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/address.h"
#include "gateway/client.h"
#include "gateway/conn.h"

#define ACCEPT_MAX 16 /* in one go, so that a storm of connections does not starve requests */

/* A connection; the data of its socket's on_close. */
struct client {
	struct gw_client gw; /* first: it is found from it */
	struct front_worker *worker;
	SSL_CTX *tls; /* NULL: plain */
	char *subject;
};

static void on_accept(h2o_socket_t *sock, const char *err);

static void listener_pause(struct front_listener *l)
{
	if (l->sock)
		h2o_socket_read_stop(l->sock);
}

static void listener_resume(struct front_listener *l)
{
	if (l->sock)
		h2o_socket_read_start(l->sock, on_accept);
}

static void accept_pause(struct front_worker *w)
{
	w->gw.paused = true;
	listener_pause(&w->plain);
	listener_pause(&w->secure);
}

static void accept_resume(struct front_worker *w)
{
	if (!w->gw.paused)
		return;
	w->gw.paused = false;
	h2o_timeout_unlink(&w->gw.resume_entry);
	listener_resume(&w->plain);
	listener_resume(&w->secure);
}

static void on_resume(h2o_timeout_entry_t *entry)
{
	struct gw_worker *gw = H2O_STRUCT_FROM_MEMBER(struct gw_worker, resume_entry, entry);

	accept_resume(H2O_STRUCT_FROM_MEMBER(struct front_worker, gw, gw));
}

static void on_close(void *data)
{
	struct client *c = data;
	struct front_worker *w = c->worker;

	SSL_CTX_free(c->tls);
	free(c->subject);
	c->tls = NULL;
	c->subject = NULL;
	gw_client_close(&c->gw);
	accept_resume(w);
}

static void client_open(struct front_worker *w, h2o_socket_t *sock, bool tls)
{
	struct client *c;
	h2o_accept_ctx_t *accept = &w->gw.accept;
	uint32_t place;

	if (!gw_address_enter(&w->gw, sock, 0, w->front->gateway.connection_limit, &place)) {
		h2o_socket_close(sock);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		gw_address_leave(&w->front->gateway, place);
		h2o_socket_close(sock);
		return;
	}
	c->worker = w;
	sock->on_close.cb = on_close;
	sock->on_close.data = c;
	c->gw.place = place;
	gw_client_open(&c->gw, &w->gw, sock);
	if (tls) {
		/* libh2o keeps the bare pointer until the client's first bytes. */
		SSL_CTX_up_ref(w->tls);
		c->tls = w->tls;
	}
	accept->ssl_ctx = c->tls;
	h2o_accept(accept, sock);
}

static void on_accept(h2o_socket_t *sock, const char *err)
{
	struct front_listener *l = sock->data;
	struct front_worker *w = l->worker;

	if (err)
		return;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		h2o_socket_t *client;

		if (w->gw.stats->connections >= w->front->gateway.connection_limit) {
			accept_pause(w);
			return;
		}
		client = h2o_evloop_socket_accept(l->sock);
		if (!client) {
			if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
			    errno != ENOMEM)
				return;
			accept_pause(w);
			h2o_timeout_link(w->gw.loop, &w->gw.http.hundred_ms_timeout,
					 &w->gw.resume_entry);
			return;
		}
		client_open(w, client, l->tls);
	}
}

static void listener_join(struct front_listener *l)
{
	struct front_worker *w = l->worker;

	if (l->fd < 0 || l->sock || w->gw.draining)
		return;
	l->sock = h2o_evloop_socket_create(w->gw.loop, l->fd, H2O_SOCKET_FLAG_DONT_READ);
	l->sock->data = l;
	if (!w->gw.paused)
		listener_resume(l);
}

void front_accept_start(struct front_worker *worker)
{
	if (!worker->table)
		return;
	worker->gw.resume_entry.cb = on_resume;
	listener_join(&worker->plain);
	if (worker->tls)
		listener_join(&worker->secure);
}

static void listener_close(struct front_listener *l)
{
	if (l->sock)
		h2o_socket_close(l->sock);
	l->sock = NULL;
}

void front_accept_drain(struct front_worker *worker)
{
	h2o_timeout_unlink(&worker->gw.resume_entry);
	listener_close(&worker->plain);
	listener_close(&worker->secure);
	gw_conn_wind_down(&worker->gw);
}

/* ---- the client's certificate ---- */

static void on_info(const SSL *ssl, int where, int ret)
{
	h2o_socket_t *sock;
	struct client *c;

	(void)ret;
	if (!(where & SSL_CB_HANDSHAKE_DONE))
		return;
	sock = BIO_get_data(SSL_get_rbio(ssl));
	c = sock->on_close.data;
	free(c->subject);
	c->subject = front_tls_subject(ssl);
}

void front_accept_watch(SSL_CTX *tls)
{
	SSL_CTX_set_info_callback(tls, on_info);
}

const char *front_accept_subject(h2o_req_t *req)
{
	const struct client *c = req->conn->callbacks->get_socket(req->conn)->on_close.data;

	return c->subject;
}
