/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor_send.c - what an actor sends: calls, extra messages, and what a join was given.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/functions/actor.h"

static const char *error_name(sp_error error)
{
#define X(name, status, title) [name] = #name,
	static const char *const names[] = { [SP_OK] = "ok", SP_ERRORS(X) };
#undef X

	return (size_t)error < SP_ERROR_COUNT ? names[error] : "garbage";
}

static int call_named(const struct actor *a, const char *name)
{
	for (int i = 0; a->calls[i]; i++)
		if (strcmp(a->calls[i], name) == 0)
			return i;
	return -1;
}

enum how { COPY, REFERENCE, MESSAGE };

struct plan {
	char name[32];
	unsigned count;
	unsigned size; /* bytes of each body; 0: a short one */
	long ms;
	enum how how;
};

/* NAME,COUNT,copy|ref|msg,TIMEOUT_MS,SIZE: what is left out is 1, copy, none, short. */
static struct plan plan_of(const char *arg)
{
	struct plan p = { .count = 1 };
	char how[8] = "copy";

	sscanf(arg, "%31[^,],%u,%7[^,],%ld,%u", p.name, &p.count, how, &p.ms, &p.size);
	p.how = strcmp(how, "ref") == 0 ? REFERENCE : strcmp(how, "msg") == 0 ? MESSAGE : COPY;
	return p;
}

/* The body of call `i`: its number, filled up to the size. */
static size_t fill(char *at, size_t room, const struct plan *p, unsigned i)
{
	size_t n = (size_t)snprintf(at, room, "%s %u.", p->name, i);

	if (p->size > n) {
		memset(at + n, 'a' + (int)(i % 26), p->size - n);
		n = p->size;
	}
	return n;
}

struct batch {
	sp_call *calls;
	char *bodies;
	size_t stride;
};

static struct batch batch_make(struct actor *a, const struct plan *p, const char *topic)
{
	struct batch b = { .stride = p->size > 64 ? p->size : 64 };

	b.calls = calloc(p->count, sizeof(sp_call));
	b.bodies = calloc(p->count, b.stride);
	if (!b.calls || !b.bodies)
		abort();
	for (unsigned i = 0; i < p->count; i++) {
		char *body = b.bodies + i * b.stride;
		size_t n = fill(body, b.stride, p, i);
		sp_call *c = &b.calls[i];

		*c = (sp_call){ .fn = call_named(a, p->name),
				.topic = { topic, strlen(topic) },
				.timeout_ns = p->ms * 1000000L };
		if (p->how == REFERENCE) {
			c->by_reference = 1;
		} else if (p->how == MESSAGE) {
			c->message = sp_alloc(a->req, n);
			if (c->message.data)
				memcpy(c->message.data, body, n);
			c->message.len = n;
		}
		if (p->how == COPY || (p->how == MESSAGE && !c->message.data))
			c->body = (sp_str){ body, n };
	}
	return b;
}

/* "one ok=9 same=8 SP_ETIMEOUT=1 last=TEXT": how many came back, how many of them as they
 * were sent, and the last reply or text of an error. */
static void batch_tell(struct actor *a, const struct plan *p, const struct batch *b)
{
	unsigned counts[SP_ERROR_COUNT] = { 0 }, same = 0;
	sp_str own = sp_view(a->req), last = { NULL, 0 };

	for (unsigned i = 0; i < p->count; i++) {
		const sp_call *c = &b->calls[i];
		const char *body = b->bodies + i * b->stride;
		size_t n = p->size > 64 ? p->size : strlen(body);

		if (p->how == REFERENCE) {
			body = own.data;
			n = own.len;
		}
		counts[c->error]++;
		same += c->error == SP_OK && c->reply.len == n &&
			(n == 0 || memcmp(c->reply.data, body, n) == 0);
		if (c->reply.data)
			last = (sp_str){ c->reply.data, c->reply.len };
	}
	actor_report(a, "%s ok=%u same=%u", p->name, counts[SP_OK], same);
	for (int e = SP_OK + 1; e < SP_ERROR_COUNT; e++)
		if (counts[e])
			actor_report(a, " %s=%u", error_name((sp_error)e), counts[e]);
	for (int e = SP_OK + 1; e < SP_ERROR_COUNT; e++)
		if (counts[e])
			sp_log(NULL, SP_INFO, "%s saw %s of %s", actor_name(a),
			       error_name((sp_error)e), p->name);
	last.len = last.len < 400 ? last.len : 400;
	while (last.len > 0 && last.data[last.len - 1] == '\n')
		last.len--;
	actor_report(a, " last=%.*s\n", SP_ARG(last));
}

static void calls_run(struct actor *a, const struct plan *p, const char *topic)
{
	struct batch b = batch_make(a, p, topic);
	sp_error error = sp_call_all(a->req, b.calls, p->count);

	(void)error;
	batch_tell(a, p, &b);
	free(b.calls);
	free(b.bodies);
}

/* A plan: all at once, the orders passed on. */
void actor_call(struct actor *a, const char *arg)
{
	struct plan p = plan_of(arg);

	calls_run(a, &p, a->orders);
}

/* NAME,DEPTH: a call that is told to make the same with one less; at 0 it says so. */
void actor_recurse(struct actor *a, const char *arg)
{
	struct plan p = { .count = 1 };
	char topic[64];
	int depth = 0;

	sscanf(arg, "%31[^,],%d", p.name, &depth);
	if (depth == 0) {
		actor_report(a, "bottom\n");
		return;
	}
	snprintf(topic, sizeof(topic), "recurse=%s,%d", p.name, depth - 1);
	calls_run(a, &p, topic);
}

/* A plan: one after the other, each reply given back before the next. Tells how many were
 * right. */
void actor_loop(struct actor *a, const char *arg)
{
	struct plan p = plan_of(arg);
	unsigned good = 0;
	char body[64];

	for (unsigned i = 0; i < p.count; i++) {
		sp_call c = { .fn = call_named(a, p.name), .topic = SP_S("") };

		c.body = (sp_str){ body, (size_t)snprintf(body, sizeof(body), "turn %u", i) };
		good += sp_call_one(a->req, &c) == SP_OK && c.reply.len == c.body.len &&
			memcmp(c.reply.data, body, c.body.len) == 0;
		sp_release(a->req, c.reply);
	}
	actor_report(a, "%u good\n", good);
}

/* COUNT,SIZE: buffers of its own, kept until the handler returns. */
void actor_alloc(struct actor *a, const char *arg)
{
	unsigned count = 1, size = 1, got = 0;

	sscanf(arg, "%u,%u", &count, &size);
	for (unsigned i = 0; i < count; i++) {
		sp_buf buf = sp_alloc(a->req, size);

		if (!buf.data)
			break;
		memset(buf.data, 'x', size);
		got++;
	}
	actor_report(a, "allocated %u\n", got);
}

static void tell_errno(struct actor *a, const char *what, int r)
{
	actor_report(a, "%s %s\n", what, r < 0 ? strerrorname_np(-r) : "ok");
}

/* TEXT: sent by the default edge. */
void actor_emit(struct actor *a, const char *arg)
{
	tell_errno(a, "emit", sp_emit(a->req, SP_NEXT, (sp_str){ arg, strlen(arg) }));
}

void actor_same(struct actor *a, const char *arg)
{
	(void)arg;
	tell_errno(a, "emit-same", sp_emit_same(a->req, SP_NEXT));
}

/* TEXT, built in place. */
void actor_message(struct actor *a, const char *arg)
{
	sp_buf buf = sp_alloc(a->req, strlen(arg));

	if (buf.data) {
		buf.len = strlen(arg);
		memcpy(buf.data, arg, buf.len);
	}
	tell_errno(a, "emit-message", sp_emit_message(a->req, SP_NEXT, buf));
}

/* The request's own body, by the first declared edge. */
void actor_side(struct actor *a, const char *arg)
{
	(void)arg;
	tell_errno(a, "emit-side", sp_emit_same(a->req, 0));
}

/* What the branches of a fan-out answered: "b ok=TEXT; c SP_EINPUT=TEXT". */
void actor_parts(struct actor *a, const char *arg)
{
	sp_part part;

	(void)arg;
	actor_report(a, "%zu parts", sp_part_count(a->req));
	for (size_t i = 0; sp_part_at(a->req, i, &part) == 0; i++)
		actor_report(a, "; %.*s %s=%.*s", SP_ARG(part.function), error_name(part.error),
			     (int)(part.body.len < 100 ? part.body.len : 100), part.body.data);
	actor_report(a, "\n");
}
