// SPDX-License-Identifier: Apache-2.0
/* mix.c - the list itself. How it is read from a file: mix_file.c. */
#include "bench/load/mix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All strings of one request. */
struct texts {
	struct texts *next;
	char bytes[];
};

void bench_mix_init(struct bench_mix *mix)
{
	*mix = (struct bench_mix){ 0 };
}

void bench_mix_done(struct bench_mix *mix)
{
	struct texts *texts = mix->texts;

	while (texts) {
		struct texts *next = texts->next;

		free(texts);
		texts = next;
	}
	free(mix->requests);
	free(mix->visits);
	*mix = (struct bench_mix){ 0 };
}

/* Printable characters of ASCII, without blanks if so wanted. */
static bool text_valid(const char *text, bool blanks)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f || (c == ' ' && !blanks))
			return false;
	}
	return true;
}

static bool name_valid(const char *name)
{
	return *name && text_valid(name, false) && !strpbrk(name, ":ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* A text that is filled in may grow to twice its length. */
static bool text_fits(const char *text, size_t size)
{
	size_t len = strlen(text);

	return (bench_text_filled(text, len) ? 2 * len : len) < size;
}

static int request_check(const struct bench_request *r)
{
	if (r->header_count > BENCH_HEADERS_MAX || r->body_len > BENCH_BODY_MAX ||
	    r->expected_len > BENCH_BODY_MAX || !text_fits(r->path, BENCH_PATH_MAX) ||
	    (r->host && !text_fits(r->host, BENCH_VALUE_MAX)))
		return -E2BIG;
	if (!*r->method || !text_valid(r->method, false) || r->path[0] != '/' ||
	    !text_valid(r->path, false) || (r->host && !text_valid(r->host, false)))
		return -EINVAL;
	for (unsigned i = 0; i < r->header_count; i++) {
		if (!text_fits(r->headers[i].value, BENCH_VALUE_MAX))
			return -E2BIG;
		if (!name_valid(r->headers[i].name) || !text_valid(r->headers[i].value, true))
			return -EINVAL;
	}
	return 0;
}

static bool request_filled(const struct bench_request *r)
{
	if (bench_text_filled(r->path, strlen(r->path)) || bench_text_filled(r->body, r->body_len))
		return true;
	for (unsigned i = 0; i < r->header_count; i++) {
		if (bench_text_filled(r->headers[i].value, strlen(r->headers[i].value)))
			return true;
	}
	return false;
}

/* Copies to *at and moves it on. NULL stays NULL, so that an absent host or body is absent. */
static const char *copy(char **at, const char *from, size_t len)
{
	char *to = *at;

	if (!from)
		return NULL;
	memcpy(to, from, len);
	to[len] = 0;
	*at += len + 1;
	return to;
}

static const char *copy_text(char **at, const char *from)
{
	return copy(at, from, from ? strlen(from) : 0);
}

/* *r becomes one that owns its texts. */
static int request_copy(struct bench_mix *mix, struct bench_request *r)
{
	size_t size = strlen(r->method) + strlen(r->path) + (r->host ? strlen(r->host) : 0) +
		      r->body_len + r->expected_len + 5;
	struct texts *texts;
	char *at;

	for (unsigned i = 0; i < r->header_count; i++)
		size += strlen(r->headers[i].name) + strlen(r->headers[i].value) + 2;
	texts = malloc(sizeof(*texts) + size);
	if (!texts)
		return -ENOMEM;
	at = texts->bytes;
	r->method = copy_text(&at, r->method);
	r->path = copy_text(&at, r->path);
	r->host = copy_text(&at, r->host);
	for (unsigned i = 0; i < r->header_count; i++) {
		r->headers[i].name = copy_text(&at, r->headers[i].name);
		r->headers[i].value = copy_text(&at, r->headers[i].value);
	}
	r->body = copy(&at, r->body, r->body_len);
	r->expected = copy(&at, r->expected, r->expected_len);
	texts->next = mix->texts;
	mix->texts = texts;
	return 0;
}

/* `array` with room for one more of `size` bytes each; NULL without memory: it is as before then. */
static void *with_room(void *array, uint32_t count, uint32_t *has, size_t size)
{
	uint32_t wanted = *has ? 2 * *has : 16;

	if (count < *has)
		return array;
	array = realloc(array, wanted * size);
	if (array)
		*has = wanted;
	return array;
}

static int grow(struct bench_mix *mix)
{
	void *requests = with_room(mix->requests, mix->request_count, &mix->request_room,
				   sizeof(*mix->requests));
	void *visits;

	if (!requests)
		return -ENOMEM;
	mix->requests = requests;
	visits = with_room(mix->visits, mix->visit_count, &mix->visit_room, sizeof(*mix->visits));
	if (!visits)
		return -ENOMEM;
	mix->visits = visits;
	return 0;
}

int bench_mix_add(struct bench_mix *mix, const struct bench_request *request, uint32_t weight)
{
	struct bench_request r = *request;
	uint32_t index = mix->request_count;
	int error = request_check(&r);

	if (error)
		return error;
	if (index >= BENCH_REQUESTS_MAX)
		return -E2BIG;
	if (grow(mix) || request_copy(mix, &r))
		return -ENOMEM;
	r.filled = request_filled(&r);
	mix->requests[mix->request_count++] = r;
	if (weight) {
		mix->weight += weight;
		mix->visits[mix->visit_count++] = (struct bench_visit){
			.weight = weight, .first = index, .steps = 1, .below = mix->weight
		};
	}
	return (int)index;
}

int bench_mix_choose(struct bench_mix *mix, unsigned page)
{
	struct bench_visit visit;

	if (page == 0 || page > mix->visit_count)
		return -ERANGE;
	visit = mix->visits[page - 1];
	visit.below = visit.weight;
	mix->visits[0] = visit;
	mix->visit_count = 1;
	mix->weight = visit.weight;
	return 0;
}
