/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello.c - bench-hello: the bare HTTP server that a chain is compared with.
 *
 * For: the ratio "chain against plain libh2o" of bench/figures.
 * How: one thread, one event loop, libh2o as it is configured by default; any method on any
 * path is answered by the same 128 bytes. It listens on 127.0.0.1 at a free port and prints
 * `ready PORT` on stdout. SIGINT or SIGTERM ends it.
 * Failure modes: exit 1 with the reason on stderr.
 */
#include <err.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <h2o.h>

#define BACKLOG 1024

static const char answer[] = "hello: a fixed answer of one hundred and twenty-eight bytes, "
			     "which a bare server gives to everyone who asks it anything at all.\n";
_Static_assert(sizeof(answer) - 1 == 128, "as long as the body that is posted");

static h2o_context_t context;
static h2o_accept_ctx_t accept_context;

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
	static h2o_generator_t generator;
	h2o_iovec_t body = h2o_iovec_init(answer, sizeof(answer) - 1);

	(void)handler;
	req->res.status = 200;
	req->res.reason = "OK";
	req->res.content_length = body.len;
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
		       H2O_STRLIT("text/plain"));
	h2o_start_response(req, &generator);
	h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
	return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
	h2o_socket_t *sock;

	if (error)
		return;
	sock = h2o_evloop_socket_accept(listener);
	if (sock)
		h2o_accept(&accept_context, sock);
}

/* Returns the fd and *ret_port. */
static int listen_anywhere(unsigned *ret_port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		err(1, "bench-hello: listen");
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

int main(void)
{
	h2o_globalconf_t config;
	h2o_hostconf_t *host;
	h2o_socket_t *listener;
	unsigned port;
	int fd;

	h2o_config_init(&config);
	host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req =
		on_request;
	h2o_context_init(&context, h2o_evloop_create(), &config);
	accept_context.ctx = &context;
	accept_context.hosts = config.hosts;
	fd = listen_anywhere(&port);
	listener = h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	h2o_socket_read_start(listener, on_accept);
	printf("ready %u\n", port);
	fflush(stdout);
	while (h2o_evloop_run(context.loop, INT32_MAX) == 0)
		;
	err(1, "bench-hello: event loop");
}
