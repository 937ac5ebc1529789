/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baselines/front.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "gateway/http.h"

/* As the gateway has them. */
#define IDLE_MS 60000
#define PIPELINE_MAX (64U << 10)
#define ACCEPT_MAX 16
/* Larger than any --body-max: what is too large is then read and answered, not cut off. */
#define UPLOAD_MAX (64UL << 20)

/* A request for as long as libh2o has it. */
struct tie {
	h2o_linklist_t waiting; /* for a slot */
	h2o_req_t *req;
	uint32_t slot;
	bool has_slot, answering;
};

static struct front {
	struct peer *peer;
	h2o_globalconf_t config;
	h2o_context_t context;
	h2o_accept_ctx_t accept;
	h2o_generator_t generator;
	h2o_socket_cb http1_read; /* libh2o's reader of HTTP/1 requests */
	void (*take)(void);       /* of the kind, when its fd can be read */
	void (*send)(void);       /* and when it can be written */
	h2o_socket_t *writer;
	h2o_linklist_t waiting;
	struct tie *ties[PEER_SLOTS_MAX]; /* NULL: free, or its client has left */
	uint32_t free[PEER_SLOTS_MAX];    /* the last one freed is the warmest */
	uint32_t free_count;
	bool stop;
} front;

static const char hello[] = "hello: a fixed answer of one hundred and twenty-eight bytes, "
			    "which a bare server gives to everyone who asks it anything at all.\n";
_Static_assert(sizeof(hello) - 1 == 128, "as long as the body that is posted");

static void answer(h2o_req_t *req, h2o_iovec_t body)
{
	bool head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));

	req->res.status = 200;
	req->res.reason = "OK";
	req->res.content_length = body.len;
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
		       H2O_STRLIT("application/octet-stream"));
	h2o_start_response(req, &front.generator);
	h2o_send(req, &body, body.len > 0 && !head ? 1 : 0, H2O_SEND_STATE_FINAL);
}

/* ---- slots ---- */

static void start(struct tie *tie)
{
	struct peer *p = front.peer;
	h2o_iovec_t body = tie->req->entity;

	tie->slot = front.free[--front.free_count];
	tie->has_slot = true;
	front.ties[tie->slot] = tie;
	if (body.len > 0)
		memcpy(peer_slot(p, tie->slot), body.base, body.len);
	p->kind->put(p, (struct peer_item){ tie->slot, (uint32_t)body.len });
}

static void slot_free(uint32_t slot)
{
	h2o_linklist_t *first = front.waiting.next;

	front.ties[slot] = NULL;
	front.free[front.free_count++] = slot;
	if (first == &front.waiting)
		return;
	h2o_linklist_unlink(first);
	start(H2O_STRUCT_FROM_MEMBER(struct tie, waiting, first));
}

/* The request has been answered, or its client has left. */
static void on_dispose(void *arg)
{
	struct tie *tie = arg;

	if (h2o_linklist_is_linked(&tie->waiting))
		h2o_linklist_unlink(&tie->waiting);
	if (!tie->has_slot)
		return;
	if (tie->answering)
		slot_free(tie->slot);
	else
		front.ties[tie->slot] = NULL; /* until it is back from the functions */
}

void front_answer(struct peer_item item)
{
	struct tie *tie = front.ties[item.slot];

	if (!tie) {
		slot_free(item.slot);
		return;
	}
	tie->answering = true;
	answer(tie->req, h2o_iovec_init(peer_slot(front.peer, item.slot), item.len));
}

/* ---- requests ---- */

/* More bytes, or the end, of a client whose request is under way. */
static void on_busy_read(h2o_socket_t *sock, const char *error)
{
	if (error == h2o_socket_error_io)
		front.http1_read(sock, error);
	else if (error || sock->input->size > PIPELINE_MAX)
		h2o_socket_read_stop(sock);
}

/* As the gateway does: libh2o stops reading meanwhile, which costs two epoll_ctl a request. */
static void watch(h2o_req_t *req)
{
	if (req->version < 0x200)
		h2o_socket_read_start(req->conn->callbacks->get_socket(req->conn), on_busy_read);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
	struct tie *tie;

	(void)self;
	if (req->entity.len > front.peer->body_max) {
		h2o_send_error_generic(req, 413, "Payload Too Large", "larger than --body-max\n",
				       0);
		return 0;
	}
	if (front.peer->functions == 0) {
		answer(req, req->entity.len > 0 ? req->entity :
						  h2o_iovec_init(hello, sizeof(hello) - 1));
		return 0;
	}
	tie = h2o_mem_alloc_shared(&req->pool, sizeof(*tie), on_dispose);
	*tie = (struct tie){ .req = req };
	watch(req);
	if (front.free_count > 0)
		start(tie);
	else
		h2o_linklist_insert(&front.waiting, &tie->waiting);
	return 0;
}

/* ---- loop ---- */

static void on_accept(h2o_socket_t *listener, const char *error)
{
	h2o_socket_t *sock;

	if (error)
		return;
	for (int i = 0; i < ACCEPT_MAX && (sock = h2o_evloop_socket_accept(listener)); i++) {
		h2o_accept(&front.accept, sock);
		front.http1_read = sock->_cb.read;
	}
}

static void on_signal(h2o_socket_t *sock, const char *error)
{
	(void)error;
	front.stop |= !peer_signal(front.peer, h2o_socket_get_fd(sock));
}

static h2o_socket_t *fd_join(int fd, h2o_socket_cb cb)
{
	h2o_socket_t *sock =
		h2o_evloop_socket_create(front.context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);

	h2o_socket_read_start(sock, cb);
	return sock;
}

static void on_joined(h2o_socket_t *sock, const char *error)
{
	(void)sock;
	(void)error;
	front.take();
}

void front_join(int fd, void (*take)(void))
{
	front.take = take;
	fd_join(fd, on_joined);
}

static void on_writable(h2o_socket_t *sock, const char *error)
{
	(void)sock;
	(void)error;
	front.send();
}

void front_writable(int fd, void (*send)(void))
{
	if (!front.writer)
		front.writer =
			h2o_evloop_socket_create(front.context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	front.send = send;
	h2o_socket_notify_write(front.writer, on_writable);
}

static void http_init(void)
{
	h2o_hostconf_t *host;

	h2o_config_init(&front.config);
	front.config.server_name = h2o_iovec_init(H2O_STRLIT(""));
	front.config.http1.req_timeout = IDLE_MS;
	front.config.http2.idle_timeout = IDLE_MS;
	front.config.max_request_entity_size = UPLOAD_MAX;
	host = h2o_config_register_host(&front.config, h2o_iovec_init(H2O_STRLIT("default")),
					65535);
	host->http2.reprioritize_blocking_assets = 0;
	host->http2.push_preload = 0;
	host->fallback_path.error_log.emit_request_errors = 0;
	h2o_create_handler(&host->fallback_path, sizeof(h2o_handler_t))->on_req = on_request;
	h2o_context_init(&front.context, h2o_evloop_create(), &front.config);
	front.accept = (h2o_accept_ctx_t){ .ctx = &front.context, .hosts = front.config.hosts };
}

static int signals_open(void)
{
	sigset_t blocked;
	int fd;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	fd = signalfd(-1, &blocked, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		err(1, "signalfd");
	return fd;
}

void front_run(struct peer *p)
{
	int32_t wait = INT32_MAX;

	front.peer = p;
	h2o_linklist_init_anchor(&front.waiting);
	for (uint32_t slot = p->slot_count; slot > 0; slot--)
		front.free[front.free_count++] = slot - 1;
	http_init();
	fd_join(signals_open(), on_signal);
	fd_join(p->listen_fd, on_accept);
	if (p->functions > 0)
		p->kind->join(p);
	printf("ready http://%s/\n", p->address);
	fflush(stdout);
	while (!front.stop) {
		if (p->functions > 0)
			wait = p->kind->turn(p) ? 0 : INT32_MAX;
		h2o_evloop_run(front.context.loop, wait);
	}
}
