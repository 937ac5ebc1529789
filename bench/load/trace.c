// SPDX-License-Identifier: Apache-2.0
#include "bench/load/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "bench/load/trace_reader.h"

#define ROOM_FIRST 1024U
#define ASKED_MAX (1U << 20)
#define BODIES_MAX (UINT64_C(1) << 30) /* bytes of all requests of a trace together */

static struct bench_header body_type = { "content-type", "application/octet-stream" };

static bool same_host(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static uint64_t hash(const char *host, const char *path, uint64_t bytes)
{
	uint64_t seed = host ? XXH3_64bits_withSeed(host, strlen(host), bytes) : bytes;

	return XXH3_64bits_withSeed(path, strlen(path), seed);
}

/* The slot that holds it, or the empty one where it belongs. The table is never full. */
static uint32_t *slot_of(const struct bench_trace *t, const char *host, const char *path,
			 uint64_t bytes)
{
	uint32_t mask = 2 * t->asked_room - 1;

	for (uint64_t at = hash(host, path, bytes);; at++) {
		uint32_t *slot = &t->table[at & mask];
		const struct bench_asked *asked;

		if (!*slot)
			return slot;
		asked = &t->asked[*slot - 1];
		if (asked->bytes == bytes && !strcmp(asked->path, path) &&
		    same_host(asked->host, host))
			return slot;
	}
}

static int grow_asked(struct bench_trace *t)
{
	uint32_t room = t->asked_room ? 2 * t->asked_room : ROOM_FIRST;
	struct bench_asked *asked;
	uint32_t *table;

	if (t->asked_count < t->asked_room)
		return 0;
	if (room > ASKED_MAX)
		return BENCH_TRACE_WRONG(t, -E2BIG,
					 "more than %u different requests: leave lines out",
					 ASKED_MAX);
	asked = realloc(t->asked, room * sizeof(*asked));
	if (asked)
		t->asked = asked;
	table = calloc(2 * (size_t)room, sizeof(*table));
	if (!asked || !table) {
		free(table);
		return BENCH_TRACE_WRONG(t, -ENOMEM, "out of memory: leave lines out");
	}
	free(t->table);
	t->table = table;
	t->asked_room = room;
	for (uint32_t i = 0; i < t->asked_count; i++)
		*slot_of(t, t->asked[i].host, t->asked[i].path, t->asked[i].bytes) = i + 1;
	return 0;
}

int64_t bench_trace_ask(struct bench_trace *t, const char *host, const char *path, uint64_t bytes)
{
	size_t path_size = strlen(path) + 1, host_size = host ? strlen(host) + 1 : 0;
	int r = grow_asked(t);
	uint32_t *slot;
	char *text;

	if (r)
		return r;
	slot = slot_of(t, host, path, bytes);
	if (*slot)
		return *slot - 1;
	text = malloc(path_size + host_size);
	if (!text)
		return BENCH_TRACE_WRONG(t, -ENOMEM, "out of memory: leave lines out");
	memcpy(text, path, path_size);
	if (host)
		memcpy(text + path_size, host, host_size);
	t->asked[t->asked_count] = (struct bench_asked){ .path = text,
							 .host = host ? text + path_size : NULL,
							 .bytes = bytes,
							 .line = t->line };
	*slot = ++t->asked_count;
	return t->asked_count - 1;
}

int bench_trace_arrive(struct bench_trace *t, uint64_t at_ns, uint32_t asked)
{
	if (at_ns >= t->limit_ns && !t->relative)
		return 0;
	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : ROOM_FIRST;
		struct bench_arrival *larger = NULL;

		if (t->count < BENCH_ARRIVALS_MAX)
			larger = realloc(t->arrivals, room * sizeof(*larger));
		if (!larger)
			return BENCH_TRACE_WRONG(
				t, t->count < BENCH_ARRIVALS_MAX ? -ENOMEM : -E2BIG,
				"more than %zu arrivals: leave lines out or set a --duration",
				t->count);
		t->arrivals = larger;
		t->room = room;
	}
	t->arrivals[t->count++] = (struct bench_arrival){ at_ns, asked };
	return 0;
}

static int read_lines(struct bench_trace *t, FILE *file)
{
	bench_trace_form form = NULL;
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	while (!r && getline(&line, &size, file) >= 0) {
		bool heading = false;

		t->line++;
		line[strcspn(line, "\r\n")] = 0;
		if (line[0] == '#' || !line[strspn(line, " \t")])
			continue;
		if (!form) {
			form = bench_trace_form_of(t, line, &heading);
			r = form ? 0 : -EINVAL;
		}
		if (form && !heading)
			r = form(t, line);
	}
	free(line);
	if (!r && ferror(file))
		r = bench_explain(t->error, -EIO, "%.120s: cannot be read", t->path);
	return r;
}

/* By time; what is due at once, in the order in which the file first asks for it. */
static int compare(const void *a, const void *b)
{
	const struct bench_arrival *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return (x->request > y->request) - (x->request < y->request);
}

static void put_in_order(struct bench_trace *t)
{
	uint64_t first_ns;
	size_t i = 1;

	while (i < t->count && compare(&t->arrivals[i - 1], &t->arrivals[i]) <= 0)
		i++;
	if (i < t->count)
		qsort(t->arrivals, t->count, sizeof(*t->arrivals), compare);
	if (!t->relative || !t->count)
		return;
	first_ns = t->arrivals[0].at_ns;
	for (i = 0; i < t->count && t->arrivals[i].at_ns - first_ns < t->limit_ns; i++)
		t->arrivals[i].at_ns -= first_ns;
	t->count = i;
}

/* One of the first `count` requests of the mix that is the same; -1: none. */
static int find(const struct bench_mix *mix, uint32_t count, const struct bench_request *wanted)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct bench_request *r = &mix->requests[i];

		if (!r->filled && r->body_len == wanted->body_len &&
		    !strcmp(r->method, wanted->method) && !strcmp(r->path, wanted->path) &&
		    same_host(r->host, wanted->host))
			return (int)i;
	}
	return -1;
}

static int add_request(struct bench_trace *t, struct bench_mix *mix, uint32_t old_count,
		       struct bench_asked *asked, const char *body)
{
	struct bench_request request = { .method = asked->bytes ? "POST" : "GET",
					 .path = asked->path,
					 .host = asked->host,
					 .body = asked->bytes ? body : NULL,
					 .body_len = asked->bytes,
					 .headers = { body_type },
					 .header_count = asked->bytes ? 1 : 0 };

	asked->request = find(mix, old_count, &request);
	if (asked->request < 0)
		asked->request = bench_mix_add(mix, &request, 0);
	t->line = asked->line;
	if (asked->request == -EINVAL)
		return BENCH_TRACE_WRONG(t, -EINVAL,
					 "'%.40s' is no path, or '%.40s' no host: begin a path "
					 "with /, write - for no host",
					 asked->path, asked->host ? asked->host : "-");
	if (asked->request == -E2BIG)
		return BENCH_TRACE_WRONG(t, -E2BIG,
					 "one too many of %u different requests, or a path longer "
					 "than %u bytes: leave lines out, round sizes",
					 BENCH_REQUESTS_MAX, BENCH_PATH_MAX - 1);
	return asked->request < 0 ? BENCH_TRACE_WRONG(t, -ENOMEM, "out of memory") : 0;
}

/* Letters, as many as the largest body has; all bodies begin with them. */
static char *make_body(const struct bench_trace *t)
{
	uint64_t size = 1;
	char *body;

	for (uint32_t i = 0; i < t->asked_count; i++) {
		if (t->asked[i].wanted && t->asked[i].bytes > size)
			size = t->asked[i].bytes;
	}
	body = malloc(size);
	for (uint64_t i = 0; body && i < size; i++)
		body[i] = (char)('a' + i % 26);
	return body;
}

/* What arrivals ask for is told apart from what nobody does, before anything is copied. */
static int choose(struct bench_trace *t)
{
	uint64_t bodies = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct bench_asked *asked = &t->asked[t->arrivals[i].request];

		if (asked->wanted)
			continue;
		asked->wanted = true;
		bodies += asked->bytes;
		t->line = asked->line;
		if (bodies > BODIES_MAX)
			return BENCH_TRACE_WRONG(
				t, -E2BIG,
				"different bodies of more than %u MiB: round their sizes",
				(unsigned)(BODIES_MAX >> 20));
	}
	return 0;
}

/* From here on arrivals name requests of the mix. */
static int add_requests(struct bench_trace *t, struct bench_mix *mix)
{
	uint32_t old_count = mix->request_count;
	char *body = make_body(t);
	int r = body ? 0 : bench_explain(t->error, -ENOMEM, "out of memory for a trace's body");

	for (uint32_t i = 0; i < t->asked_count && !r; i++) {
		if (t->asked[i].wanted)
			r = add_request(t, mix, old_count, &t->asked[i], body);
	}
	for (size_t i = 0; i < t->count && !r; i++)
		t->arrivals[i].request = (uint32_t)t->asked[t->arrivals[i].request].request;
	free(body);
	if (r)
		mix->request_count = old_count;
	return r;
}

static int read_trace(struct bench_trace *t, struct bench_mix *mix)
{
	FILE *file = fopen(t->path, "re");
	int r;

	if (!file)
		return bench_explain(t->error, -errno,
				     "cannot read the trace %.120s: %s; see "
				     "--arrivals trace:FILE",
				     t->path, strerror(errno));
	r = read_lines(t, file);
	fclose(file);
	if (r)
		return r;
	put_in_order(t);
	if (!t->count)
		return bench_explain(t->error, -EINVAL,
				     "%.120s: no arrival until the end of the duration; make it "
				     "longer",
				     t->path);
	r = choose(t);
	return r ? r : add_requests(t, mix);
}

int bench_trace_read(const char *path, uint64_t duration_ns, uint64_t seed, struct bench_mix *mix,
		     struct bench_schedule *ret, char error[BENCH_ERROR_TEXT])
{
	struct bench_trace t = { .path = path,
				 .error = error,
				 .limit_ns = duration_ns ? duration_ns : UINT64_MAX };
	int r;

	bench_random_seed(&t.random, seed);
	r = read_trace(&t, mix);
	for (uint32_t i = 0; i < t.asked_count; i++)
		free(t.asked[i].path);
	free(t.asked);
	free(t.table);
	if (r) {
		free(t.arrivals);
		return r;
	}
	if (!t.end_ns)
		t.end_ns = t.arrivals[t.count - 1].at_ns + 1;
	*ret = (struct bench_schedule){ .count = t.count,
					.arrivals = t.arrivals,
					.duration_ns =
						t.end_ns < t.limit_ns ? t.end_ns : t.limit_ns };
	return 0;
}
