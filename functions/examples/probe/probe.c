/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.c - a function that does what the request tells it: for tests of the runtime.
 *
 * How: the header `x-probe`, or else the query, is a list of commands, separated by ";" or
 * "&", done in order: `sleep=20;status=201;set=x-a:b`. `b.crash` is for the function that
 * the chain calls b; a command without a name is for every function. The table `commands`
 * is the list of what there is; a command that is not in it is answered with that list.
 * What a command reports is appended to the body, a line each.
 * How the start and the end go is in life.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "life.h"

#define SPEC_MAX 2048U
#define LINE_MAX_BYTES 512U
#define SLEEP_MAX_MS 60000U
#define LOG_MAX 100000U

/* What a command returns when the next one may follow; else it returns a verdict. */
#define CARRY_ON (-100)

static const char *const edges[] = { "left", "right", NULL };
static const char *const config[] = { "start=ok", "stop=ok", "text=", NULL };

SP_COUNTER(probe_counted);
SP_COUNTER(probe_requests);

/* ---- helpers ---- */

/* Appends a line to the body. */
__attribute__((format(printf, 2, 3))) static sp_verdict report(sp_request *req, const char *format,
							       ...)
{
	char line[LINE_MAX_BYTES];
	size_t at = sp_body(req).len, len;
	va_list args;
	sp_buf body;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	len = n < (int)sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;
	line[len++] = '\n';
	body = sp_resize(req, at + len);
	if (!body.data)
		return sp_fail(req, SP_ETOOBIG, "no room for a report");
	memcpy(body.data + at, line, len);
	return CARRY_ON;
}

static const char *errno_text(int r)
{
	const char *name = r < 0 ? strerrorname_np(-r) : "ok";

	return name ? name : "unknown";
}

/* A number up to `max`. Returns 0 and *ret, or -EINVAL. */
static int number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || !isdigit((unsigned char)text[0]) || *end || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static sp_verdict bad_argument(sp_request *req, const char *arg)
{
	return sp_fail(req, SP_EINPUT, "probe: bad argument \"%s\"", arg);
}

/* ---- commands: how the request goes on ---- */

static sp_verdict do_echo(sp_request *req, const char *arg)
{
	(void)req;
	(void)arg;
	return SP_REPLY;
}

static sp_verdict do_drop(sp_request *req, const char *arg)
{
	(void)req;
	(void)arg;
	return SP_DROP;
}

static sp_verdict do_edge(sp_request *req, const char *arg)
{
	for (int i = 0; edges[i]; i++)
		if (strcmp(edges[i], arg) == 0)
			return i;
	return bad_argument(req, arg);
}

static sp_verdict do_topic(sp_request *req, const char *arg)
{
	int r = sp_set_topic(req, (sp_str){ arg, strlen(arg) });

	return r < 0 ? sp_fail(req, SP_EINTERNAL, "topic: %s", errno_text(r)) : CARRY_ON;
}

static sp_verdict do_fail(sp_request *req, const char *arg)
{
	static const char *const names[] = { [SP_OK] = "SP_OK",
#define X(name, status, title) [name] = #name,
					     SP_ERRORS(X)
#undef X
	};

	for (int i = SP_OK + 1; i < SP_ERROR_COUNT; i++)
		if (strcmp(names[i], arg) == 0)
			return sp_fail(req, (sp_error)i, "probe was told to fail");
	return bad_argument(req, arg);
}

static sp_verdict do_crash(sp_request *req, const char *arg)
{
	(void)req;
	(void)arg;
	abort();
}

static sp_verdict do_exit(sp_request *req, const char *arg)
{
	unsigned long code;

	if (number(arg, 255, &code) < 0)
		return bad_argument(req, arg);
	_exit((int)code);
}

/* ---- commands: time ---- */

static sp_verdict do_sleep(sp_request *req, const char *arg)
{
	unsigned long ms;

	if (number(arg, SLEEP_MAX_MS, &ms) < 0)
		return bad_argument(req, arg);
	life_wait_ms(ms);
	return CARRY_ON;
}

static sp_verdict do_spin(sp_request *req, const char *arg)
{
	(void)arg;
	if (sp_remaining_ns(req) == INT64_MAX)
		return sp_fail(req, SP_EINPUT, "probe: spin needs a deadline, there is none");
	while (sp_remaining_ns(req) > 0)
		;
	return CARRY_ON;
}

/* ---- commands: the body ---- */

static sp_verdict do_upper(sp_request *req, const char *arg)
{
	sp_buf body = sp_body(req);

	(void)arg;
	for (size_t i = 0; i < body.len; i++)
		body.data[i] = (char)toupper((unsigned char)body.data[i]);
	return CARRY_ON;
}

/* New bytes are letters that tell their place: 'a' + place % 26. */
static sp_verdict do_resize(sp_request *req, const char *arg)
{
	size_t old = sp_body(req).len;
	unsigned long len;
	sp_buf body;

	if (number(arg, UINT32_MAX, &len) < 0)
		return bad_argument(req, arg);
	body = sp_resize(req, len);
	if (!body.data)
		return sp_fail(req, SP_ETOOBIG, "probe: no buffer of %lu bytes", len);
	for (size_t i = old; i < body.len; i++)
		body.data[i] = (char)('a' + i % 26);
	return CARRY_ON;
}

/* ---- commands: the answer's head ---- */

static sp_verdict do_status(sp_request *req, const char *arg)
{
	unsigned long status;

	if (number(arg, 9999, &status) < 0)
		return bad_argument(req, arg);
	return report(req, "status %lu: %s", status, errno_text(sp_set_status(req, (int)status)));
}

static sp_verdict do_set(sp_request *req, const char *arg)
{
	const char *colon = strchr(arg, ':');
	char name[LINE_MAX_BYTES / 2];
	int r;

	if (!colon || (size_t)(colon - arg) >= sizeof(name))
		return bad_argument(req, arg);
	memcpy(name, arg, (size_t)(colon - arg));
	name[colon - arg] = '\0';
	r = sp_set_header(req, name, (sp_str){ colon + 1, strlen(colon + 1) });
	return report(req, "set %s: %s", name, errno_text(r));
}

/* ---- commands: what the function sees ---- */

static sp_verdict do_who(sp_request *req, const char *arg)
{
	const sp_meta *meta = sp_meta_of(req);

	(void)arg;
	return report(req, "who %.*s hop %u pid %d", SP_ARG(meta->function), meta->hop,
		      (int)getpid());
}

/* The line is made before the body may move and the meta data with it. */
static sp_verdict do_meta(sp_request *req, const char *arg)
{
	const sp_meta *meta = sp_meta_of(req);
	char trace[2 * sizeof(meta->trace_id) + 1];

	(void)arg;
	for (size_t i = 0; i < sizeof(meta->trace_id); i++)
		snprintf(trace + 2 * i, 3, "%02x", meta->trace_id[i]);
	return report(req,
		      "meta id=%.*s chain=%.*s method=%.*s path=%.*s query=%.*s topic=%.*s "
		      "type=%.*s trace=%s deadline=%s",
		      SP_ARG(meta->id), SP_ARG(meta->chain), SP_ARG(meta->method),
		      SP_ARG(meta->path), SP_ARG(meta->query), SP_ARG(meta->topic),
		      SP_ARG(meta->content_type), trace, meta->deadline_ns ? "yes" : "no");
}

static sp_verdict do_headers(sp_request *req, const char *arg)
{
	sp_str name, value;
	sp_verdict v = CARRY_ON;

	(void)arg;
	for (size_t i = 0; v == CARRY_ON && sp_header_at(req, i, &name, &value) == 0; i++)
		v = report(req, "header %.*s: %.*s", SP_ARG(name), SP_ARG(value));
	return v;
}

static sp_verdict do_config(sp_request *req, const char *arg)
{
	sp_str value = sp_config(sp_worker_of(req), arg);

	return report(req, "config %s: %.*s", arg, SP_ARG(value));
}

/* ---- commands: what the operator sees ---- */

static sp_verdict do_log(sp_request *req, const char *arg)
{
	unsigned long lines;

	if (number(arg, LOG_MAX, &lines) < 0)
		return bad_argument(req, arg);
	for (unsigned long i = 1; i <= lines; i++)
		sp_log(req, SP_INFO, "probe line %lu of %lu", i, lines);
	return CARRY_ON;
}

static sp_verdict do_count(sp_request *req, const char *arg)
{
	unsigned long n;

	if (number(arg, UINT32_MAX, &n) < 0)
		return bad_argument(req, arg);
	sp_count(&probe_counted, n);
	return CARRY_ON;
}

/* ---- the table ---- */

static const struct command {
	const char *name;
	sp_verdict (*run)(sp_request *req, const char *arg);
} commands[] = {
	{ "echo", do_echo },       /* reply with the body as it is now */
	{ "drop", do_drop },       /* no answer */
	{ "edge", do_edge },       /* leave by edge left or right */
	{ "topic", do_topic },     /* set the topic */
	{ "fail", do_fail },       /* sp_fail with an error: fail=SP_ECONFLICT */
	{ "crash", do_crash },     /* abort() */
	{ "exit", do_exit },       /* leave with this exit code, request in hand */
	{ "sleep", do_sleep },     /* this many ms */
	{ "spin", do_spin },       /* until the deadline has passed */
	{ "upper", do_upper },     /* body in capitals */
	{ "grow", do_resize },     /* body of so many bytes, new ones 'a' + place % 26 */
	{ "shrink", do_resize },   /* the same call */
	{ "status", do_status },   /* set the status; reports what the call returned */
	{ "set", do_set },         /* set=name:value, a response header; reports likewise */
	{ "who", do_who },         /* reports function, hop and pid */
	{ "meta", do_meta },       /* reports what sp_meta_of tells */
	{ "headers", do_headers }, /* reports the request's header fields */
	{ "config", do_config },   /* reports a configuration value */
	{ "log", do_log },         /* so many lines */
	{ "count", do_count },     /* add to the counter probe_counted */
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static sp_verdict no_such_command(sp_request *req, const char *name)
{
	char list[LINE_MAX_BYTES] = "";

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", commands[i].name);
	return sp_fail(req, SP_EINPUT, "probe: no command \"%s\"; there are:%s", name, list);
}

/* "b.sleep=20": for function b, sleep, "20". */
static sp_verdict run_word(sp_request *req, char *word)
{
	sp_str me = sp_meta_of(req)->function;
	char *arg = strchrnul(word, '='), *dot;

	if (*arg)
		*arg++ = '\0';
	dot = strchr(word, '.');
	if (dot) {
		if ((size_t)(dot - word) != me.len || memcmp(word, me.data, me.len) != 0)
			return CARRY_ON;
		word = dot + 1;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, word) == 0)
			return commands[i].run(req, arg);
	return no_such_command(req, word);
}

static sp_verdict probe(sp_request *req, void *state)
{
	sp_str spec = sp_header(req, "x-probe");
	char copy[SPEC_MAX + 1], *rest = copy, *word; /* commands may move the request */
	sp_verdict verdict = CARRY_ON;

	(void)state;
	sp_count(&probe_requests, 1);
	if (!spec.data)
		spec = sp_meta_of(req)->query;
	if (spec.len > SPEC_MAX)
		return sp_fail(req, SP_EINPUT, "probe: over %u bytes of commands", SPEC_MAX);
	if (spec.len > 0)
		memcpy(copy, spec.data, spec.len);
	copy[spec.len] = '\0';
	while (verdict == CARRY_ON && (word = strsep(&rest, ";&"))) {
		word += strspn(word, " ");
		if (*word)
			verdict = run_word(req, word);
	}
	return verdict == CARRY_ON ? SP_NEXT : verdict;
}

SP_FUNCTION(.name = "probe", .version = "1", .init = life_init, .fini = life_fini,
	    .on_request = probe, .edges = edges, .config = config);
