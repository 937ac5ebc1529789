/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.c - the account of each request: asked once, then answered or failed, once; see
 * connection.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/client/connection.h"

#define NONCE_DIGITS 16U
#define OWN_ROOM_MIN 512U

static const struct bench_request *request_of(const struct client_worker *w,
					      const struct client_asked *a)
{
	return &w->load->mix->requests[a->request];
}

static void count_failed(struct client_worker *w, const struct client_asked *a,
			 enum bench_error error)
{
	w->failed++;
	if (!a->measured)
		return;
	w->out.errors[error]++;
	w->out.requests[a->request].failed++;
}

void client_flight_skip(struct client_worker *w, enum bench_error error)
{
	struct client_asked a;

	client_take(w, &a);
	w->out.waited += w->load->schedule && a.measured;
	count_failed(w, &a, error);
}

static void link_newest(struct client_worker *w, struct client_flight *f)
{
	f->newer = NULL;
	f->older = w->newest;
	*(w->newest ? &w->newest->newer : &w->oldest) = f;
	w->newest = f;
}

static void unlink_unsent(struct client_flight *f)
{
	struct client_flight **at = &f->connection->unsent;

	while (*at && *at != f)
		at = &(*at)->unsent;
	if (*at)
		*at = f->unsent;
}

/* Its time is over, whatever came of it. */
static void end(struct client_flight *f, enum client_flight_state state)
{
	struct client_connection *c = f->connection;
	struct client_worker *w = c->worker;

	*(f->older ? &f->older->newer : &w->oldest) = f->newer;
	*(f->newer ? &f->newer->older : &w->newest) = f->older;
	if (f->sent_ns == 0)
		unlink_unsent(f);
	f->state = state;
	c->in_flight--;
	if (state == CLIENT_FREE)
		c->free[c->free_count++] = (uint16_t)(f - c->flights);
}

void client_flight_fail(struct client_flight *f, enum bench_error error)
{
	count_failed(f->connection->worker, &f->asked, error);
	end(f, CLIENT_FREE);
}

void client_flights_release(struct client_connection *c)
{
	for (unsigned i = 0; c->abandoned && i < c->worker->streams; i++) {
		if (c->flights[i].state != CLIENT_GIVEN_UP)
			continue;
		c->flights[i].state = CLIENT_FREE;
		c->free[c->free_count++] = (uint16_t)i;
	}
}

static void account(struct client_worker *w, const struct client_flight *f,
		    const struct bench_answer *answer)
{
	struct bench_outcome *out = &w->out;
	uint64_t sent = f->sent_ns ? f->sent_ns : f->asked_ns;
	uint64_t due = w->load->schedule || w->close_mode ? f->asked.due_ns : sent;
	uint64_t latency = w->now > due ? w->now - due : 0;
	uint64_t lag = sent > due ? sent - due : 0;

	w->answered++;
	if (latency > w->slowest_ns)
		w->slowest_ns = latency;
	if (!f->asked.measured)
		return;
	out->answered++;
	bench_histogram_add(&out->latency, latency);
	bench_histogram_add(&out->service, w->now > sent ? w->now - sent : 0);
	if (w->load->schedule && !f->waited) {
		bench_histogram_add(&out->lag, lag);
		w->late += lag > CLIENT_LATE_NS;
	}
	out->requests[f->asked.request].answered++;
	if (out->request_count > 1)
		bench_histogram_add(&out->requests[f->asked.request].latency, latency);
	if (!out->first_ns || due < out->first_ns)
		out->first_ns = due;
	out->last_ns = w->now;
	w->batch_answers++;
	if (w->load->keep_path && answer->timing)
		client_hops_add(out, answer->timing, answer->timing_len);
}

static void on_answered(void *owner, uint64_t token, const struct bench_answer *answer)
{
	struct client_flight *f = (struct client_flight *)(uintptr_t)token;
	struct client_worker *w = owner;
	enum bench_error error;

	if (f->state != CLIENT_ASKED)
		return;
	if (!client_right(w, f, answer, &error)) {
		client_flight_fail(f, error);
		return;
	}
	f->connection->answered = true;
	f->connection->strikes = 0;
	if (answer->cookie && w->has_users && request_of(w, &f->asked)->filled)
		bench_users_keep(&w->users, f->asked.user, answer->cookie, answer->cookie_len);
	account(w, f, answer);
	end(f, CLIENT_FREE);
}

static void on_failed(void *owner, uint64_t token, enum bench_error error)
{
	struct client_flight *f = (struct client_flight *)(uintptr_t)token;

	(void)owner;
	if (f->state == CLIENT_ASKED)
		client_flight_fail(f, error);
}

const struct bench_codec_events client_events = { .answered = on_answered, .failed = on_failed };

/* ---- asking ---- */

/* `text` filled in for the user of `f`, in its own memory. Returns its length or -errno. */
static int own_fill(struct client_worker *w, struct client_flight *f, const char *text, size_t len)
{
	int r = -E2BIG;

	for (size_t room = len + OWN_ROOM_MIN; r == -E2BIG && room <= BENCH_ANSWER_MAX; room *= 2) {
		if (room > f->own_room) {
			char *own = realloc(f->own, room);

			if (!own)
				return -ENOMEM;
			f->own = own;
			f->own_room = room;
		}
		r = bench_users_fill(&w->users, f->asked.user, text, len, f->own, f->own_room);
	}
	return r;
}

static int own_copy(struct client_flight *f, const char *text, size_t len)
{
	if (len > f->own_room) {
		char *own = realloc(f->own, len);

		if (!own)
			return -ENOMEM;
		f->own = own;
		f->own_room = len;
	}
	memcpy(f->own, text, len);
	return 0;
}

static void nonce_put(char *body, size_t len, uint64_t number)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = NONCE_DIGITS; i-- > 0; number >>= 4)
		if (i < len)
			body[i] = digits[number & 15];
}

static int body_make(struct client_worker *w, struct client_flight *f,
		     const struct bench_request *request)
{
	bool nonce = request->verify == BENCH_VERIFY_NONCE && request->body_len > 0;
	int r = 0;

	f->body = request->body;
	f->body_len = request->body_len;
	if (request->body_len == 0 || (!nonce && !request->filled))
		return 0;
	if (request->filled) {
		r = own_fill(w, f, request->body, request->body_len);
		f->body_len = r > 0 ? (size_t)r : 0;
		f->own_request = 0;
	} else if (f->own_request != f->asked.request + 1) {
		r = own_copy(f, request->body, request->body_len);
		f->own_request = f->asked.request + 1;
	}
	if (r < 0)
		return r;
	f->body = f->own;
	if (nonce)
		nonce_put(f->own, f->body_len, f->asked.number);
	return 0;
}

/* A header's value, filled in, and a cookie with the one that the server set. Returns the length
 * without its NUL, or -E2BIG. */
static int value_make(const struct client_worker *w, const struct client_asked *a,
		      const struct bench_header *h, char *to, size_t size)
{
	const char *kept = w->users.users[a->user].cookie;
	int len = bench_users_fill(&w->users, a->user, h->value, strlen(h->value), to, size), more;

	if (len < 0 || (size_t)len >= size)
		return -E2BIG;
	to[len] = '\0';
	if (!*kept || strcmp(h->name, "cookie") != 0)
		return len;
	more = snprintf(to + len, size - (size_t)len, "; %s", kept);
	return (size_t)(len + more) < size ? len + more : -E2BIG;
}

/* Path and headers, filled in where they are to be. */
static int text_make(struct client_worker *w, const struct client_asked *a,
		     const struct bench_request *request, struct bench_header *headers,
		     struct bench_message *m)
{
	char *at = w->text, *end_of_text = w->text + sizeof(w->text);
	int len;

	len = bench_users_fill(&w->users, a->user, m->path, m->path_len, at, BENCH_PATH_MAX);
	if (len < 0)
		return len;
	m->path = at;
	m->path_len = (size_t)len;
	at += len;
	for (unsigned i = 0; i < request->header_count; i++) {
		len = value_make(w, a, &request->headers[i], at, (size_t)(end_of_text - at));
		if (len < 0)
			return len;
		headers[i] = (struct bench_header){ request->headers[i].name, at };
		at += len + 1;
	}
	m->headers = headers;
	return 0;
}

static int ask(struct client_worker *w, struct client_connection *c, struct client_flight *f)
{
	const struct bench_request *request = request_of(w, &f->asked);
	struct bench_header headers[BENCH_HEADERS_MAX];
	struct bench_message m = {
		.method = request->method,
		.path = request->path,
		.host = request->host ? request->host : w->load->host,
		.path_len = strlen(request->path),
		.headers = request->headers,
		.header_count = request->header_count,
		.close = w->close_mode,
	};
	int r = body_make(w, f, request);

	if (r == 0 && request->filled)
		r = text_make(w, &f->asked, request, headers, &m);
	if (r < 0)
		return r;
	m.body = f->body;
	m.body_len = f->body_len;
	return w->ops->ask(c->codec, (uint64_t)(uintptr_t)f, &m);
}

static struct client_flight *place_take(struct client_connection *c, const struct client_asked *a)
{
	struct client_flight *f = &c->flights[c->free[--c->free_count]];
	struct client_worker *w = c->worker;

	f->asked = *a;
	f->state = CLIENT_ASKED;
	f->waited = w->load->schedule && a->due_ns < w->freed_ns;
	f->asked_ns = w->now;
	f->sent_ns = 0;
	f->connection = c;
	f->unsent = c->unsent;
	c->unsent = f;
	c->in_flight++;
	link_newest(w, f);
	return f;
}

void client_flight_begin(struct client_worker *w)
{
	struct client_connection *c = w->free_head;
	struct client_flight *f;
	struct client_asked a;
	int r;

	client_take(w, &a);
	client_connection_withdraw(c);
	r = c->state == CLIENT_DOWN ? client_connection_open(c) : 0;
	if (r < 0) {
		count_failed(w, &a, (enum bench_error)(-1 - r));
		return;
	}
	f = place_take(c, &a);
	w->out.waited += f->waited && a.measured;
	r = ask(w, c, f);
	if (r == -ENOMEM || r == -E2BIG) {
		w->error = r;
		w->error_what = r == -ENOMEM ? "memory of a request" :
					       "a path, header or body is too long when filled in";
	}
	if (r < 0) {
		client_connection_fail(c, BENCH_ERROR_reset);
		return;
	}
	w->sent++;
	w->out.sent += a.measured;
	client_connection_dirty(c);
	client_connection_offer(c);
}

void client_flights_sent(struct client_connection *c, uint64_t now)
{
	while (c->unsent) {
		c->unsent->sent_ns = now;
		c->unsent = c->unsent->unsent;
	}
}

/* A connection of HTTP/1 is given up with its request. One of h2 is not used further, but what else
 * is in flight on it may still be answered. */
void client_flights_expire(struct client_worker *w)
{
	while (w->oldest && w->now - w->oldest->asked_ns >= w->load->timeout_ns) {
		struct client_flight *f = w->oldest;
		struct client_connection *c = f->connection;

		if (w->streams == 1) {
			client_connection_fail(c, BENCH_ERROR_timeout);
			continue;
		}
		count_failed(w, &f->asked, BENCH_ERROR_timeout);
		end(f, CLIENT_GIVEN_UP);
		c->abandoned = true;
		client_connection_withdraw(c);
		client_connection_settle(c);
	}
}
