// SPDX-License-Identifier: Apache-2.0
#include "gateway/front/relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/front/accept.h"
#include "gateway/front/head.h"
#include "gateway/front/upstream.h"
#include "gateway/h1_chunk.h"
#include "gateway/health.h"
#include "gateway/intake.h"
#include "gateway/problem.h"
#include "gateway/refusal.h"

/* Lives in its request's pool and ends with it. */
struct relay {
	h2o_generator_t super; /* first */
	h2o_req_t *req;
	struct front_worker *worker;
	struct front_pool *pool;
	struct front_upstream *up; /* NULL once the answer is complete, or cut off */
	const char *chain;
	struct gw_trace trace;
	h2o_iovec_t request[2]; /* head, body */
	uint32_t tries;
	bool head_only;  /* HEAD */
	bool repeatable; /* the method is idempotent */
	bool unsent;     /* the gateway closed before it had all of the request */
	bool answering;  /* the answer's head has been passed on */
	bool cut;        /* the answer's body will never be complete */
	bool chunked;
	bool keep;
	size_t left; /* of the body; SIZE_MAX: until the connection's end */
	struct phr_chunked_decoder decoder;
	h2o_doublebuffer_t sending;
	h2o_buffer_t *rest; /* what has come and is not sent, without `up` */
	h2o_timeout_entry_t timeout;
};

static void relay_send(struct relay *r);
static void on_answer(h2o_socket_t *sock, const char *err);

/* ---- its end ---- */

static void up_close(struct relay *r)
{
	if (r->up)
		front_upstream_close(r->up);
	r->up = NULL;
}

static void on_dispose(void *arg)
{
	struct relay *r = arg;

	h2o_timeout_unlink(&r->timeout);
	up_close(r);
	h2o_buffer_dispose(&r->rest);
	h2o_doublebuffer_dispose(&r->sending);
	front_pool_unref(r->pool);
}

static void refuse(struct relay *r, enum gw_problem_kind kind)
{
	struct gw_problem problem = { .kind = kind, .chain = r->chain };

	h2o_timeout_unlink(&r->timeout);
	up_close(r);
	gw_problem_send(&r->worker->gw, r->req, &r->trace, &problem, r->head_only);
}

/* ---- time ---- */

static void on_no_answer(h2o_timeout_entry_t *entry)
{
	refuse(H2O_STRUCT_FROM_MEMBER(struct relay, timeout, entry), GW_PROBLEM_CHAIN_SLOW);
}

/* Neither has the client taken, nor the gateway given a byte: as in the gateway, the end of the
 * connection disposes of the request. */
static void on_stall(h2o_timeout_entry_t *entry)
{
	struct relay *r = H2O_STRUCT_FROM_MEMBER(struct relay, timeout, entry);
	h2o_conn_t *conn = r->req->conn;

	shutdown(h2o_socket_get_fd(conn->callbacks->get_socket(conn)), SHUT_RDWR);
}

static void timeout_set(struct relay *r, h2o_timeout_t *timeout, h2o_timeout_cb cb)
{
	h2o_timeout_unlink(&r->timeout);
	r->timeout.cb = cb;
	h2o_timeout_link(r->worker->gw.loop, timeout, &r->timeout);
}

/* ---- the request ---- */

static void on_written(h2o_socket_t *sock, const char *err)
{
	const struct front_upstream *up = sock->data;

	/* EPIPE. What it may have answered before is still to be read, and so is the end. */
	if (err)
		((struct relay *)up->user)->unsent = true;
}

static void request_send(struct relay *r, bool fresh)
{
	int n = front_upstream_get(r->pool, fresh, &r->up);

	if (n < 0) {
		refuse(r, GW_PROBLEM_CHAIN_DOWN);
		return;
	}
	r->up->user = r;
	r->unsent = false;
	timeout_set(r, &r->worker->gw.deadline, on_no_answer);
	h2o_socket_write(r->up->sock, r->request, r->request[1].len > 0 ? 2 : 1, on_written);
	h2o_socket_read_start(r->up->sock, on_answer);
}

/* The connection ended without a byte of an answer. */
static void unanswered(struct relay *r, const char *err)
{
	bool unread = r->unsent || err == h2o_socket_error_io;
	bool again = unread || (r->up->reused && r->repeatable);

	if (again && r->tries++ < FRONT_RETRY_MAX) {
		up_close(r);
		request_send(r, true);
	} else {
		refuse(r, GW_PROBLEM_CHAIN_CUT);
	}
}

/* ---- the answer's body ---- */

/* Lets go of the connection: its bytes stay here, it goes back to its pool or ends. */
static void up_done(struct relay *r, bool keep)
{
	h2o_buffer_t *bytes = r->up->sock->input;

	r->up->sock->input = r->rest;
	r->rest = bytes;
	if (keep)
		front_upstream_put(r->up);
	else
		front_upstream_close(r->up);
	r->up = NULL;
}

/* Takes `size` new bytes at the input's end. 1: the body is complete, 0: not yet, or
 * -EBADMSG. Bytes behind it make the connection unusable. */
static int body_take(struct relay *r, size_t size)
{
	h2o_buffer_t *input = r->up->sock->input;
	size_t used = size;
	ssize_t n;

	if (r->chunked) {
		n = phr_decode_chunked(&r->decoder, input->bytes + input->size - size, &used);
		input->size -= size - used;
		r->keep &= n <= 0;
		return n == -1 ? -EBADMSG : n >= 0;
	}
	if (r->left == SIZE_MAX)
		return 0;
	if (used > r->left) {
		used = r->left;
		r->keep = false;
	}
	input->size -= size - used;
	r->left -= used;
	return r->left == 0;
}

/* New bytes of the body, or its end. */
static void body_read(struct relay *r, size_t size, const char *err)
{
	int n = body_take(r, size);

	if (n == 0 && err == h2o_socket_error_closed && r->left == SIZE_MAX && !r->chunked)
		n = 1;
	if (n == 0 && err)
		n = -EBADMSG;
	r->cut = n < 0;
	if (n != 0)
		up_done(r, n > 0 && r->keep && !err);
	else if (r->up->sock->input->size > FRONT_AHEAD_MAX)
		h2o_socket_read_stop(r->up->sock);
	if (r->sending.bytes_inflight == 0)
		relay_send(r);
}

static void relay_send(struct relay *r)
{
	h2o_buffer_t **from = r->up ? &r->up->sock->input : &r->rest;
	h2o_iovec_t bytes =
		h2o_doublebuffer_prepare(&r->sending, from, r->req->preferred_chunk_size);
	h2o_send_state_t state = H2O_SEND_STATE_IN_PROGRESS;

	if (!r->up && bytes.len == r->sending.buf->size && r->rest->size == 0)
		state = r->cut ? H2O_SEND_STATE_ERROR : H2O_SEND_STATE_FINAL;
	timeout_set(r, &r->worker->gw.stall, on_stall);
	if (bytes.len > 0 || state != H2O_SEND_STATE_IN_PROGRESS)
		h2o_send(r->req, &bytes, bytes.len > 0 ? 1 : 0, state);
}

static void on_proceed(h2o_generator_t *self, h2o_req_t *req)
{
	struct relay *r = (struct relay *)(void *)self;

	(void)req;
	h2o_doublebuffer_consume(&r->sending);
	if (r->up && r->up->sock->input->size <= FRONT_AHEAD_MAX)
		h2o_socket_read_start(r->up->sock, on_answer);
	relay_send(r);
}

static void on_stop(h2o_generator_t *self, h2o_req_t *req)
{
	(void)req;
	up_close((struct relay *)(void *)self);
}

/* ---- the answer's head ---- */

static bool bodiless(const struct relay *r)
{
	return r->head_only || r->req->res.status == 204 || r->req->res.status == 304;
}

static void answer_start(struct relay *r, const struct front_head *head, const char *err)
{
	h2o_buffer_t **input = &r->up->sock->input;

	r->answering = true;
	r->chunked = head->chunked;
	r->decoder.consume_trailer = 1;
	r->left = head->chunked ? SIZE_MAX : head->length;
	r->keep = head->keep && (head->chunked || head->length != SIZE_MAX || bodiless(r));
	h2o_buffer_consume(input, head->len);
	if (bodiless(r)) {
		r->chunked = false;
		r->left = 0;
	}
	h2o_start_response(r->req, &r->super);
	body_read(r, (*input)->size, err);
}

static void on_answer(h2o_socket_t *sock, const char *err)
{
	struct relay *r = ((struct front_upstream *)sock->data)->user;
	struct front_head head;
	int n;

	if (r->answering) {
		body_read(r, err ? 0 : sock->bytes_read, err);
		return;
	}
	if (sock->input->size == 0) {
		if (err)
			unanswered(r, err);
		return;
	}
	n = front_head_answer(r->req, sock->input->bytes, sock->input->size, &head);
	if (n == 0)
		answer_start(r, &head, err);
	else if (n == -EBADMSG)
		refuse(r, GW_PROBLEM_CHAIN_ANSWER);
	else if (err || sock->input->size > FRONT_AHEAD_MAX)
		refuse(r, GW_PROBLEM_CHAIN_CUT);
}

/* ---- its start ---- */

/* RFC 9110, 9.2.2 */
static bool repeatable(h2o_iovec_t method)
{
	static const char *const names[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (h2o_memis(method.base, method.len, names[i], strlen(names[i])))
			return true;
	return false;
}

static void relay_start(struct front_worker *w, h2o_req_t *req, const struct front_entry *entry)
{
	struct relay *r = h2o_mem_alloc_shared(&req->pool, sizeof(*r), on_dispose);

	memset(r, 0, sizeof(*r));
	r->super = (h2o_generator_t){ on_proceed, on_stop };
	r->req = req;
	r->worker = w;
	r->pool = front_pool_ref(w->pools[entry->target]);
	/* The table may be gone before the request is. */
	r->chain = h2o_strdup(&req->pool, entry->chain, SIZE_MAX).base;
	r->head_only = gw_problem_head(req);
	r->repeatable = repeatable(req->method);
	h2o_buffer_init(&r->rest, &h2o_socket_buffer_prototype);
	h2o_doublebuffer_init(&r->sending, &h2o_socket_buffer_prototype);
	gw_trace_of(&w->gw, req, &r->trace);
	r->request[0] = front_head_request(req, front_accept_subject(req));
	r->request[1] = req->entity;
	request_send(r, false);
}

static int refuse_now(struct front_worker *w, h2o_req_t *req, enum gw_problem_kind kind)
{
	struct gw_problem problem = { .kind = kind };
	struct gw_trace trace;

	gw_trace_of(&w->gw, req, &trace);
	gw_problem_send(&w->gw, req, &trace, &problem, gw_problem_head(req));
	return 0;
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
	struct front_worker *w = front_worker_of(req);
	const struct front_entry *entry;
	h2o_iovec_t host = { NULL, 0 };

	(void)self;
	if (gw_refusal_answer(&w->gw, req) || gw_health_options(req))
		return 0;
	gw_intake_target_resolve(req);
	if (gw_intake_host_known(req))
		host = req->authority;
	else if (req->version == 0x101)
		return refuse_now(w, req, GW_PROBLEM_NO_HOST); /* RFC 9112, 3.2: must */
	if (!gw_intake_path_valid(req))
		return refuse_now(w, req, GW_PROBLEM_BAD_PATH);
	if (!front_head_valid(req))
		return refuse_now(w, req, GW_PROBLEM_BAD_HEAD);
	entry = front_table_find(w->table, host.base, host.len, req->path_normalized.base,
				 req->path_normalized.len);
	if (!entry)
		return refuse_now(w, req, GW_PROBLEM_NO_CHAIN);
	relay_start(w, req, entry);
	return 0;
}

void front_relay_handler(h2o_pathconf_t *path)
{
	h2o_handler_t *handler = h2o_create_handler(path, sizeof(*handler));

	handler->on_req = on_request;
}
