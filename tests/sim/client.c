// SPDX-License-Identifier: Apache-2.0
/* Clients: each has a connection, and one request at a time that is sent in pieces. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim.h"

#define BODY_MOST 3000
#define LATE_NS UINT64_C(100000000)

struct client {
	int fd; /* -1: no connection */
	char out[BODY_MOST + 512];
	uint32_t out_len, sent;
	uint32_t body_len;
	char nonce[24];
	bool waits;
	uint64_t sent_ns; /* when all of it was sent */
	char in[BODY_MOST + 4096];
	uint32_t in_len;
	uint64_t looked; /* in this turn of the gateway; it wrote nothing since */
};

static struct client clients[SIM_CLIENTS];
static uint32_t quota;
static uint64_t nonces;

static void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->waits = false;
	c->in_len = 0;
}

/* Without a word: the gateway sees a reset, which tells it that nobody waits. */
static void client_reset(struct client *c)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	client_close(c);
}

static void client_connect(struct client *c)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int on = 1;

	getsockname(sim.listener, (struct sockaddr *)&a, &len);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SIM_CHECK(connect(c->fd, (struct sockaddr *)&a, len) == 0, "a connection was refused: %s",
		  strerror(errno));
	/* The kernel's clock is not ours: it is not to wait for anything. */
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static bool client_read(struct client *c);

static void request_begin(struct client *c)
{
	int head;

	if (quota == 0)
		return;
	client_read(c); /* it may have been closed */
	if (c->fd < 0)
		client_connect(c);
	quota--;
	snprintf(c->nonce, sizeof(c->nonce), "n%016llx.", (unsigned long long)++nonces);
	c->body_len = 18 + sim_random(sim_chance(80) ? 200 : BODY_MOST - 18);
	head = snprintf(c->out, sizeof(c->out),
			"POST /work HTTP/1.1\r\nhost: sim\r\ncontent-length: %u\r\n\r\n",
			c->body_len);
	memset(c->out + head, 'x', c->body_len);
	memcpy(c->out + head, c->nonce, 18);
	c->out_len = (uint32_t)head + c->body_len;
	c->sent = 0;
	c->waits = true;
	sim.requests++;
}

static void request_send(struct client *c, uint32_t most)
{
	uint32_t len = c->out_len - c->sent < most ? c->out_len - c->sent : most;
	ssize_t n = syscall(SYS_sendto, c->fd, c->out + c->sent, len, MSG_NOSIGNAL | MSG_DONTWAIT,
			    NULL, 0);

	if (n < 0) /* refused and closed: the answer tells */
		n = c->out_len - c->sent;
	c->sent += (uint32_t)n;
	if (c->sent == c->out_len)
		c->sent_ns = sim.now_ns;
}

static const char *after(const char *text, const char *what)
{
	const char *at = strstr(text, what);

	return at ? at + strlen(what) : NULL;
}

/* Judges the answer in c->in, whose body begins at `body`. */
static void answer_judge(struct client *c, unsigned status, const char *body, size_t len)
{
	uint64_t begun_ns = c->sent_ns;

	SIM_LOG("client %d: %s is answered with %u", (int)(c - clients), c->nonce, status);
	if (status == 200) {
		SIM_CHECK(len == c->body_len && memcmp(body, c->nonce, 18) == 0,
			  "an answer of %zu bytes that is not that of %s", len, c->nonce);
		sim.answered++;
	} else if (status == 204) {
		sim.answered++;
	} else {
		SIM_CHECK(status >= 400 && strstr(c->in, "application/problem+json") &&
				  strstr(body, "urn:sprocket:problem:"),
			  "status %u without a reason", status);
		sim.problems++;
	}
	/* A connection waits while the gateway has no fd for it. */
	if (sim.accept_again_ns > begun_ns)
		begun_ns = sim.accept_again_ns;
	SIM_CHECK(sim.now_ns <= begun_ns + SIM_TIMEOUT_NS + LATE_NS,
		  "%s was answered %llu us after its deadline", c->nonce,
		  (unsigned long long)(sim.now_ns - begun_ns - SIM_TIMEOUT_NS) / 1000);
}

/* The answer, when all of it is there. */
static void answer_take(struct client *c)
{
	unsigned status = 0;
	const char *body, *length;
	unsigned long len = 0;
	bool last;

	c->in[c->in_len] = '\0';
	body = after(c->in, "\r\n\r\n");
	if (!body)
		return;
	SIM_CHECK(sscanf(c->in, "HTTP/1.1 %u", &status) == 1, "this is no answer: %s", c->in);
	length = after(c->in, "Content-Length: ");
	if (length && length < body)
		sscanf(length, "%lu", &len);
	if (c->in_len < (size_t)(body - c->in) + len)
		return;
	SIM_CHECK(c->in_len == (size_t)(body - c->in) + len, "more than one answer: %s", c->in);
	last = strstr(c->in, "Connection: close") != NULL;
	answer_judge(c, status, body, len);
	c->waits = false;
	c->in_len = 0;
	if (last || c->sent < c->out_len)
		client_close(c);
}

static bool client_read(struct client *c)
{
	ssize_t n;

	if (c->fd < 0 || c->looked == sim.turns)
		return false;
	c->looked = sim.turns;
	n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - 1 - c->in_len, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		SIM_CHECK(!c->waits, "%s got no answer: its connection was closed", c->nonce);
		client_close(c);
		return true;
	}
	if (n < 0)
		return false;
	SIM_CHECK(c->waits, "an answer to nobody: %.*s", (int)n, c->in);
	c->in_len += (uint32_t)n;
	answer_take(c);
	return true;
}

void sim_clients_begin(uint32_t requests)
{
	static bool first = true;

	for (uint32_t i = 0; first && i < SIM_CLIENTS; i++)
		clients[i].fd = -1;
	first = false;
	quota = requests;
}

void sim_client_step(void)
{
	struct client *c = &clients[sim_random(SIM_CLIENTS)];

	if (!c->waits)
		request_begin(c);
	if (c->waits && c->sent < c->out_len)
		request_send(c, sim_chance(80) ? UINT32_MAX : 1 + sim_random(c->out_len));
	else
		client_read(c);
	if (c->waits && sim_chance(1)) {
		SIM_LOG("client %d goes away", (int)(c - clients));
		sim.abandoned++;
		if (sim_chance(70))
			client_reset(c);
		else
			client_close(c);
	}
}

bool sim_clients_read(void)
{
	bool any = false;

	for (uint32_t i = 0; i < SIM_CLIENTS; i++)
		any |= clients[i].waits && client_read(&clients[i]);
	return any;
}

bool sim_clients_finish(void)
{
	bool sent = false;

	quota = 0;
	for (uint32_t i = 0; i < SIM_CLIENTS; i++) {
		if (!clients[i].waits || clients[i].sent == clients[i].out_len)
			continue;
		request_send(&clients[i], UINT32_MAX);
		sent = true;
	}
	return sent;
}

bool sim_clients_done(void)
{
	for (uint32_t i = 0; i < SIM_CLIENTS; i++)
		if (clients[i].waits)
			return false;
	return quota == 0;
}
