/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket.c - how the client connects; see connection.h.
 *
 * Many short connections use up the ports of a source address: a closed one rests in TIME_WAIT for
 * a minute. On loopback there are 254 sources at hand.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "bench/client/connection.h"

#define SOURCES 254U /* 127.0.0.1 .. 127.0.0.254: each has ports of its own */

enum bench_error client_error_class(const struct client_connection *c, int error)
{
	if (error == ECONNREFUSED)
		return BENCH_ERROR_refused;
	if (error == ECONNRESET || error == EPIPE || c->established)
		return BENCH_ERROR_reset;
	return BENCH_ERROR_connect;
}

static int source_bind(struct client_connection *c)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + c->worker->source) };

	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
	return bind(c->fd, (struct sockaddr *)&from, sizeof(from));
}

/* Returns 0 or -errno. */
static int connect_once(struct client_connection *c)
{
	const struct bench_load *load = c->worker->load;

	c->fd = socket(load->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (load->address.ss_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (c->worker->source > 0 && source_bind(c) < 0)
		return -errno;
	if (connect(c->fd, (const struct sockaddr *)&load->address, load->address_len) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return 0;
}

void client_socket_close(struct client_connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

int client_socket_connect(struct client_connection *c)
{
	struct client_worker *w = c->worker;
	int r = connect_once(c);

	/* All ports of this source are in use, or were a moment ago: go on with another one. */
	for (unsigned i = 0; r == -EADDRNOTAVAIL && i < SOURCES && w->loopback; i++) {
		w->source = (w->source + 1) % SOURCES;
		client_socket_close(c);
		r = connect_once(c);
	}
	return r;
}
