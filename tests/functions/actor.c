/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor.c - a function that calls, waits, joins, emits and dies as it is told: for tests of
 * calls and fan-out.
 *
 * How: its orders are the header `x-do`, or else the topic: commands separated by ";", done in
 * order. `b.die` is for the function that the chain calls b; a command without a name is for
 * every function. Calls pass the orders on as their topic, so one line steers a whole tree. The
 * table `commands` is the list of what there is. What a command reports becomes the body.
 * Which functions it calls is told when it is built: CALLS and EDGES, lists of names.
 * Thread-safety: one state a thread; requests that are held are the process's.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/functions/actor.h"

static const char *const edges[] = { EDGES NULL };
static const char *const calls[] = { CALLS NULL };

/* ---- requests that are held ---- */

static struct {
	pthread_mutex_t lock;
	sp_token **tokens;
	size_t count, room;
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hold(sp_token *token)
{
	pthread_mutex_lock(&held.lock);
	if (held.count == held.room) {
		held.room = held.room ? 2 * held.room : 64;
		held.tokens = realloc(held.tokens, held.room * sizeof(sp_token *));
		if (!held.tokens)
			abort();
	}
	held.tokens[held.count++] = token;
	pthread_mutex_unlock(&held.lock);
}

static size_t free_held(void)
{
	size_t n;

	pthread_mutex_lock(&held.lock);
	n = held.count;
	for (size_t i = 0; i < n; i++)
		sp_complete(held.tokens[i], SP_NEXT);
	held.count = 0;
	pthread_mutex_unlock(&held.lock);
	return n;
}

/* ---- helpers ---- */

void actor_report(struct actor *a, const char *format, ...)
{
	size_t room = sizeof(a->report) - a->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(a->report + a->used, room, format, args);
	va_end(args);
	a->used += (size_t)n < room ? (size_t)n : room - 1;
	a->reports = true;
}

static void pause_ms(unsigned long ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000L };

	nanosleep(&t, NULL);
}

/* ---- commands ---- */

/* Keeps the thread to itself. */
static void do_sleep(struct actor *a, const char *arg)
{
	(void)a;
	pause_ms(strtoul(arg, NULL, 10));
}

/* Waits on its stack until a request says `free`. */
static void do_hold(struct actor *a, const char *arg)
{
	(void)arg;
	hold(sp_defer(a->req));
	a->verdict = sp_await(a->req);
}

/* The same, with nothing on a stack. */
static void do_defer(struct actor *a, const char *arg)
{
	(void)arg;
	hold(sp_defer(a->req));
	a->verdict = SP_DEFERRED;
	a->over = true;
}

static void do_free(struct actor *a, const char *arg)
{
	(void)arg;
	actor_report(a, "freed %zu\n", free_held());
}

static void do_held(struct actor *a, const char *arg)
{
	(void)arg;
	pthread_mutex_lock(&held.lock);
	actor_report(a, "%zu\n", held.count);
	pthread_mutex_unlock(&held.lock);
}

struct work {
	sp_token *token;
	sp_request *req;
	unsigned long ms;
};

static void *work(void *arg)
{
	struct work *w = arg;
	sp_buf body = sp_body(w->req);

	pause_ms(w->ms);
	for (size_t i = 0; i < body.len; i++)
		body.data[i] ^= 0x20;
	sp_complete(w->token, SP_NEXT);
	free(w);
	return NULL;
}

/* Has another thread change the case of the body. */
static void do_pool(struct actor *a, const char *arg)
{
	struct work *w = malloc(sizeof(*w));
	pthread_t thread;

	if (!w)
		abort();
	*w = (struct work){ sp_defer(a->req), a->req, strtoul(arg, NULL, 10) };
	a->verdict = SP_DEFERRED;
	a->over = true;
	if (pthread_create(&thread, NULL, work, w) != 0)
		abort();
	pthread_detach(thread);
}

static void do_fail(struct actor *a, const char *arg)
{
	a->verdict = sp_fail(a->req, SP_EINPUT, "%s", arg);
	a->over = true;
}

static void do_die(struct actor *a, const char *arg)
{
	(void)a, (void)arg;
	raise(SIGKILL);
}

static void *die_later(void *arg)
{
	pause_ms((unsigned long)(uintptr_t)arg);
	raise(SIGKILL);
	return NULL;
}

static void do_die_in(struct actor *a, const char *arg)
{
	pthread_t thread;

	(void)a;
	if (pthread_create(&thread, NULL, die_later, (void *)(uintptr_t)strtoul(arg, NULL, 10)))
		abort();
	pthread_detach(thread);
}

static void do_say(struct actor *a, const char *arg)
{
	actor_report(a, "%s\n", arg);
}

static void do_pid(struct actor *a, const char *arg)
{
	(void)arg;
	actor_report(a, "%s %d %u\n", actor_name(a), getpid(),
		     sp_worker_index(sp_worker_of(a->req)));
}

/* Its own body, as a reader sees it. */
static void do_view(struct actor *a, const char *arg)
{
	sp_str body = sp_view(a->req);

	(void)arg;
	actor_report(a, "%.*s\n", SP_ARG(body));
}

static void do_log_body(struct actor *a, const char *arg)
{
	sp_str body = sp_view(a->req);

	sp_log(NULL, SP_INFO, "%s %s body=%.*s", actor_name(a), arg, SP_ARG(body));
}

static void do_log_canceled(struct actor *a, const char *arg)
{
	sp_log(NULL, SP_INFO, "%s %s canceled=%d", actor_name(a), arg, sp_canceled(a->req));
}

/* Changes the first byte in place: of a body that others read it needs a copy. */
static void do_poke(struct actor *a, const char *arg)
{
	sp_buf body = sp_body(a->req);

	if (body.data && body.len > 0)
		body.data[0] = arg[0];
}

/* Writes where it may only read. */
static void do_scribble(struct actor *a, const char *arg)
{
	sp_str body = sp_view(a->req);

	*(volatile char *)(uintptr_t)body.data = arg[0];
}

static void do_grow(struct actor *a, const char *arg)
{
	size_t len = strtoul(arg, NULL, 10), at = sp_view(a->req).len;
	sp_buf body = sp_resize(a->req, len);

	if (body.data && len > at)
		memset(body.data + at, '+', len - at);
	else if (!body.data)
		actor_report(a, "no room for %zu\n", len);
}

static void do_drop(struct actor *a, const char *arg)
{
	(void)arg;
	a->verdict = SP_DROP;
	a->over = true;
}

static void do_reply(struct actor *a, const char *arg)
{
	(void)arg;
	a->verdict = SP_REPLY;
}

static const struct command {
	const char *name;
	void (*obey)(struct actor *a, const char *arg);
} commands[] = {
	{ "sleep", do_sleep },
	{ "hold", do_hold },
	{ "defer", do_defer },
	{ "free", do_free },
	{ "held", do_held },
	{ "pool", do_pool },
	{ "fail", do_fail },
	{ "die", do_die },
	{ "die-in", do_die_in },
	{ "say", do_say },
	{ "pid", do_pid },
	{ "view", do_view },
	{ "log", do_log_body },
	{ "log-canceled", do_log_canceled },
	{ "poke", do_poke },
	{ "scribble", do_scribble },
	{ "grow", do_grow },
	{ "drop", do_drop },
	{ "reply", do_reply },
	{ "call", actor_call },
	{ "recurse", actor_recurse },
	{ "loop", actor_loop },
	{ "alloc", actor_alloc },
	{ "emit", actor_emit },
	{ "emit-same", actor_same },
	{ "emit-message", actor_message },
	{ "emit-side", actor_side },
	{ "parts", actor_parts },
};

static void obey(struct actor *a, char *command)
{
	char *arg = strchr(command, '='), *dot;

	if (arg)
		*arg++ = '\0';
	dot = strchr(command, '.');
	if (dot) {
		*dot = '\0';
		if (strcmp(command, actor_name(a)) != 0)
			return;
		command = dot + 1;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(commands[i].name, command) == 0) {
			commands[i].obey(a, arg ? arg : "");
			return;
		}
	}
	a->verdict = sp_fail(a->req, SP_EINPUT, "no such command: %s", command);
	a->over = true;
}

static sp_verdict act(sp_request *req, void *state)
{
	const sp_meta *meta = sp_meta_of(req);
	struct actor a = { .req = req, .calls = calls, .verdict = SP_NEXT };
	sp_str orders = sp_header(req, "x-do");
	char text[ACTOR_ORDERS_MAX], *at = text, *command;

	(void)state;
	if (!orders.data)
		orders = meta->topic;
	snprintf(a.name, sizeof(a.name), "%.*s", SP_ARG(meta->function));
	snprintf(text, sizeof(text), "%.*s", SP_ARG(orders));
	snprintf(a.orders, sizeof(a.orders), "%s", text);
	while (!a.over && (command = strsep(&at, ";")))
		if (command[0])
			obey(&a, command);
	if (!a.over && a.reports && sp_set_body(req, a.report, a.used) < 0)
		return sp_fail(req, SP_ETOOBIG, "no room for a report");
	return a.verdict;
}

SP_FUNCTION(.name = "actor", .on_request = act, .edges = edges, .calls = calls,
	    .stack_size = ACTOR_STACK);
