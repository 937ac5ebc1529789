// SPDX-License-Identifier: Apache-2.0
/* Clients: each has a connection, and sends requests on it in pieces, some before an answer. */
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
#define PIPELINE_MOST 3U
#define EXECUTED 256U /* more than a schedule has requests */

struct asked {
	char nonce[24];
	uint32_t body_len;
	uint32_t end;      /* where it ends in what is sent */
	bool bad;          /* it is to be refused, and the connection with it */
	uint64_t begun_ns; /* when all of it was sent, and all before it was answered */
};

struct client {
	int fd; /* -1: no connection */
	char out[PIPELINE_MOST * (2 * BODY_MOST + 512)];
	uint32_t out_len, sent;
	struct asked asked[PIPELINE_MOST]; /* in the order of their answers */
	uint32_t asked_count, answered;
	char in[PIPELINE_MOST * (BODY_MOST + 2048)];
	uint32_t in_len;
	uint64_t looked; /* in this turn of the gateway; it wrote nothing since */
};

static struct client clients[SIM_CLIENTS];
static uint32_t quota;
static uint64_t nonces;
static uint8_t executed[EXECUTED][SP_FN_MAX]; /* by nonce: how often which function had it */

static bool waits(const struct client *c)
{
	return c->answered < c->asked_count;
}

static void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->asked_count = c->answered = 0;
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

/* A body of which the nonce is the first part; the rest does not matter. */
static uint32_t body_put(char *out, const struct asked *a)
{
	memset(out, 'x', a->body_len);
	memcpy(out, a->nonce, 18);
	return a->body_len;
}

/* In chunks of any size. */
static uint32_t chunks_put(char *out, const struct asked *a)
{
	char body[BODY_MOST];
	uint32_t len = 0, at = 0;

	body_put(body, a);
	while (at < a->body_len) {
		uint32_t size = 1 + sim_random(a->body_len - at);

		if (a->body_len / 8 > size) /* so that they fit, with what goes around them */
			size = a->body_len - at;
		len += (uint32_t)sprintf(out + len, "%x%s\r\n", size, sim_chance(20) ? ";a=b" : "");
		memcpy(out + len, body + at, size);
		len += size;
		at += size;
		len += (uint32_t)sprintf(out + len, "\r\n");
	}
	return len + (uint32_t)sprintf(out + len, "0\r\n\r\n");
}

/* What a strict reader refuses before it reads a body. */
static uint32_t bad_put(char *out)
{
	static const char *const heads[] = {
		"POST /work HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
		"POST /work HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
		"POST /work HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
		"POST /work HTTP/1.1\r\nhost : a\r\n\r\n",
		"POST /work HTTP/1.1\r\nhost: a\r\n b: c\r\n\r\n",
	};

	return (uint32_t)sprintf(out, "%s", heads[sim_random(sizeof(heads) / sizeof(*heads))]);
}

static void request_put(struct client *c)
{
	struct asked *a = &c->asked[c->asked_count++];
	char *out = c->out + c->out_len;
	uint32_t len;

	quota--;
	sim.requests++;
	memset(executed[++nonces % EXECUTED], 0, sizeof(executed[0]));
	snprintf(a->nonce, sizeof(a->nonce), "n%016llx.", (unsigned long long)nonces);
	a->body_len = 18 + sim_random(sim_chance(80) ? 200 : BODY_MOST - 18);
	a->bad = sim_chance(3);
	if (a->bad) {
		len = bad_put(out);
	} else if (sim_chance(20)) {
		len = (uint32_t)sprintf(
			out,
			"POST /work HTTP/1.1\r\nhost: s\r\ntransfer-encoding: chunked\r\n\r\n");
		len += chunks_put(out + len, a);
	} else {
		len = (uint32_t)
			sprintf(out,
				"POST /work HTTP/1.1\r\nhost: sim\r\ncontent-length: %u\r\n\r\n",
				a->body_len);
		len += body_put(out + len, a);
	}
	c->out_len += len;
	a->end = c->out_len;
}

static void request_begin(struct client *c)
{
	if (quota == 0)
		return;
	client_read(c); /* it may have been closed */
	if (c->fd < 0)
		client_connect(c);
	c->asked_count = c->answered = c->out_len = c->sent = 0;
	do
		request_put(c);
	while (quota > 0 && c->asked_count < PIPELINE_MOST && !c->asked[c->asked_count - 1].bad &&
	       sim_chance(20));
}

static void request_send(struct client *c, uint32_t most)
{
	uint32_t len = c->out_len - c->sent < most ? c->out_len - c->sent : most;
	ssize_t n = syscall(SYS_sendto, c->fd, c->out + c->sent, len, MSG_NOSIGNAL | MSG_DONTWAIT,
			    NULL, 0);
	uint32_t before = c->sent;

	if (n < 0) /* refused and closed: the answer tells */
		n = c->out_len - c->sent;
	c->sent += (uint32_t)n;
	for (uint32_t i = c->answered; i < c->asked_count; i++)
		if (c->asked[i].end > before && c->asked[i].end <= c->sent)
			c->asked[i].begun_ns = sim.now_ns;
}

void sim_client_executed(const char *body, uint32_t fn)
{
	unsigned long long nonce;

	SIM_CHECK(sscanf(body, "n%16llx.", &nonce) == 1 && nonce <= nonces,
		  "function %u got a request that no client sent", fn);
	if (executed[nonce % EXECUTED][fn] < UINT8_MAX)
		executed[nonce % EXECUTED][fn]++;
	SIM_CHECK(executed[nonce % EXECUTED][fn] == 1 || sim.idempotent >> fn & 1,
		  "n%016llx. came to function %u twice, which is not idempotent", nonce, fn);
}

static const char *after(const char *text, const char *what)
{
	const char *at = strstr(text, what);

	return at ? at + strlen(what) : NULL;
}

/* Judges an answer whose body begins at `body`. */
static void answer_judge(struct client *c, unsigned status, const char *body, size_t len)
{
	const struct asked *a = &c->asked[c->answered];
	uint64_t begun_ns = a->begun_ns;

	SIM_LOG("client %d: %s is answered with %u", (int)(c - clients), a->nonce, status);
	SIM_CHECK(!a->bad || status == 400, "a bad request is answered with %u", status);
	if (status == 200) {
		SIM_CHECK(len == a->body_len && memcmp(body, a->nonce, 18) == 0,
			  "an answer of %zu bytes that is not that of %s", len, a->nonce);
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
	SIM_CHECK(a->end > c->sent || sim.now_ns <= begun_ns + SIM_TIMEOUT_NS + LATE_NS,
		  "%s was answered %llu us after its deadline", a->nonce,
		  (unsigned long long)(sim.now_ns - begun_ns - SIM_TIMEOUT_NS) / 1000);
}

/* The next answer, when all of it is there. */
static bool answer_take(struct client *c)
{
	unsigned status = 0;
	const char *body, *length, *closing;
	unsigned long len = 0;
	uint32_t size;
	bool last;

	c->in[c->in_len] = '\0';
	body = after(c->in, "\r\n\r\n");
	if (!body)
		return false;
	SIM_CHECK(waits(c), "an answer to nobody: %s", c->in);
	SIM_CHECK(sscanf(c->in, "HTTP/1.1 %u", &status) == 1, "this is no answer: %s", c->in);
	length = after(c->in, "Content-Length: ");
	if (length && length < body)
		sscanf(length, "%lu", &len);
	size = (uint32_t)(body - c->in) + (uint32_t)len;
	if (c->in_len < size)
		return false;
	closing = strstr(c->in, "Connection: close");
	last = closing && closing < body;
	answer_judge(c, status, body, len);
	if (last || c->sent < c->asked[c->answered].end) {
		SIM_CHECK(c->in_len == size, "more than one answer: %s", c->in);
		client_close(c);
		return false;
	}
	memmove(c->in, c->in + size, c->in_len - size);
	c->in_len -= size;
	c->answered++;
	if (waits(c) && c->asked[c->answered].end <= c->sent)
		c->asked[c->answered].begun_ns = sim.now_ns;
	return true;
}

static bool client_read(struct client *c)
{
	ssize_t n;

	if (c->fd < 0 || c->looked == sim.turns)
		return false;
	c->looked = sim.turns;
	n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - 1 - c->in_len, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		SIM_CHECK(!waits(c), "%s got no answer: its connection was closed",
			  c->asked[c->answered].nonce);
		client_close(c);
		return true;
	}
	if (n < 0)
		return false;
	c->in_len += (uint32_t)n;
	while (answer_take(c))
		;
	return true;
}

/* What was sent and not answered is not asked again. */
void sim_clients_cut(void)
{
	for (uint32_t i = 0; i < SIM_CLIENTS; i++) {
		if (clients[i].fd < 0)
			continue;
		sim.cut += waits(&clients[i]) && clients[i].sent > 0;
		client_close(&clients[i]);
	}
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

	if (!waits(c))
		request_begin(c);
	if (waits(c) && c->sent < c->out_len)
		request_send(c, sim_chance(80) ? UINT32_MAX : 1 + sim_random(c->out_len));
	else
		client_read(c);
	if (waits(c) && sim_chance(1)) {
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
		any |= waits(&clients[i]) && client_read(&clients[i]);
	return any;
}

bool sim_clients_finish(void)
{
	bool sent = false;

	quota = 0;
	for (uint32_t i = 0; i < SIM_CLIENTS; i++) {
		if (!waits(&clients[i]) || clients[i].sent == clients[i].out_len)
			continue;
		request_send(&clients[i], UINT32_MAX);
		sent = true;
	}
	return sent;
}

bool sim_clients_done(void)
{
	for (uint32_t i = 0; i < SIM_CLIENTS; i++)
		if (waits(&clients[i]))
			return false;
	return quota == 0;
}
