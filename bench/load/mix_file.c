// SPDX-License-Identifier: Apache-2.0
/* mix_file.c - a mix from a file of lines. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/explain.h"
#include "bench/load/mix.h"

#define TYPE_NAME "content-type"
#define TYPE_FORM "application/x-www-form-urlencoded"
#define LINE_FORM "WEIGHT METHOD /PATH [BODY], + for WEIGHT, or header NAME: VALUE"

struct named { /* a header; name and value are on the heap, in one piece */
	char *name;
	const char *value;
};

struct reader {
	struct bench_mix *mix;
	const char *path;
	char *error; /* BENCH_ERROR_TEXT */
	unsigned line, page, visits;
	bool wanted; /* the visit that the last line belongs to */
	struct named headers[BENCH_HEADERS_MAX];
	unsigned header_count;
};

#define WRONG(r, code, ...) bench_explain_line((r)->error, code, (r)->path, (r)->line, __VA_ARGS__)

/* Cuts the first word off *text; "" at its end. */
static char *next_word(char **text)
{
	char *word = *text + strspn(*text, " \t"), *end = word + strcspn(word, " \t");

	*text = end + strspn(end, " \t");
	*end = 0;
	return word;
}

static void header_forget(struct reader *r, const char *name)
{
	for (unsigned i = 0; i < r->header_count; i++) {
		if (!strcmp(r->headers[i].name, name)) {
			free(r->headers[i].name);
			r->headers[i] = r->headers[--r->header_count];
			return;
		}
	}
}

/* `text` is NAME: [VALUE]. */
static int read_header(struct reader *r, char *text)
{
	size_t name_len = strcspn(text, ":");
	char *name, *value;

	if (!name_len || !text[name_len] || strcspn(text, " \t") < name_len)
		return WRONG(r, -EINVAL, "not a header: write header NAME: VALUE");
	for (size_t i = 0; i < name_len; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
	text[name_len] = 0;
	value = text + name_len + 1 + strspn(text + name_len + 1, " \t");
	header_forget(r, text);
	if (!*value)
		return 0;
	if (r->header_count == BENCH_HEADERS_MAX)
		return WRONG(r, -E2BIG, "more than %u headers: take one away", BENCH_HEADERS_MAX);
	name = malloc(name_len + strlen(value) + 2);
	if (!name)
		return WRONG(r, -ENOMEM, "out of memory");
	memcpy(name, text, name_len + 1);
	strcpy(name + name_len + 1, value);
	r->headers[r->header_count++] = (struct named){ name, name + name_len + 1 };
	return 0;
}

/* The whole file of a body; its name counts from where the mix file is. */
static int read_body(struct reader *r, const char *name, char **ret, size_t *ret_len)
{
	const char *slash = strrchr(r->path, '/');
	int folder = slash && name[0] != '/' ? (int)(slash - r->path) + 1 : 0;
	size_t len = 0;
	char *path, *body;
	FILE *file;

	if (asprintf(&path, "%.*s%s", folder, r->path, name) < 0)
		return WRONG(r, -ENOMEM, "out of memory");
	file = fopen(path, "re");
	free(path);
	if (!file)
		return WRONG(r, -errno, "cannot read the body's file %.80s: %s; put it there", name,
			     strerror(errno));
	body = malloc(BENCH_BODY_MAX + 1);
	if (body)
		len = fread(body, 1, BENCH_BODY_MAX + 1, file);
	if (!body || ferror(file) || len > BENCH_BODY_MAX) {
		int code = !body ? -ENOMEM : ferror(file) ? -EIO : -E2BIG;

		fclose(file);
		free(body);
		return WRONG(r, code, "cannot read the body's file %.80s: %s; at most %u MiB", name,
			     strerror(-code), BENCH_BODY_MAX >> 20);
	}
	fclose(file);
	*ret = body;
	*ret_len = len;
	return 0;
}

/* What the header lines above say, and the type of a body. */
static int set_headers(const struct reader *r, struct bench_request *request)
{
	bool typed = !request->body_len;

	for (unsigned i = 0; i < r->header_count; i++) {
		const struct named *h = &r->headers[i];

		if (!strcmp(h->name, "host")) {
			request->host = h->value;
			continue;
		}
		if (!strcmp(h->name, TYPE_NAME)) {
			if (!request->body_len)
				continue;
			typed = true;
		}
		request->headers[request->header_count++] =
			(struct bench_header){ h->name, h->value };
	}
	if (typed)
		return 0;
	if (request->header_count == BENCH_HEADERS_MAX)
		return -E2BIG;
	request->headers[request->header_count++] = (struct bench_header){ TYPE_NAME, TYPE_FORM };
	return 0;
}

static int add_request(struct reader *r, struct bench_request *request, uint32_t weight)
{
	int index = set_headers(r, request);

	if (!index)
		index = bench_mix_add(r->mix, request, weight);
	if (index == -EINVAL)
		return WRONG(r, index, "not a request: write " LINE_FORM);
	if (index == -E2BIG)
		return WRONG(r, index,
			     "too much: a mix has at most %u requests of %u headers, a path %u "
			     "bytes, a header %u (half of it with {..}), a body %u MiB",
			     BENCH_REQUESTS_MAX, BENCH_HEADERS_MAX, BENCH_PATH_MAX, BENCH_VALUE_MAX,
			     BENCH_BODY_MAX >> 20);
	if (index < 0)
		return WRONG(r, index, "out of memory");
	if (!weight)
		r->mix->visits[r->mix->visit_count - 1].steps++;
	return 0;
}

/* `weight`: 0 for +. */
static int read_request(struct reader *r, uint32_t weight, char *text)
{
	struct bench_request request = { 0 };
	char *file_body = NULL;
	int error = 0;

	request.method = next_word(&text);
	request.path = next_word(&text);
	if (*text == '@') {
		error = read_body(r, text + 1, &file_body, &request.body_len);
		request.body = file_body;
	} else if (*text) {
		request.body = text;
		request.body_len = strlen(text);
	}
	if (!error)
		error = add_request(r, &request, weight);
	free(file_body);
	return error;
}

static int read_line(struct reader *r, char *text)
{
	char *first, *end;
	unsigned long weight;

	text[strcspn(text, "\r\n")] = 0;
	first = next_word(&text);
	if (!*first || *first == '#')
		return 0;
	if (!strcmp(first, "header"))
		return read_header(r, text);
	if (!strcmp(first, "+")) {
		if (!r->visits)
			return WRONG(r, -EINVAL, "+ goes on with a visit: begin one with a WEIGHT");
		return r->wanted ? read_request(r, 0, text) : 0;
	}
	weight = isdigit((unsigned char)*first) ? strtoul(first, &end, 10) : 0;
	if (!weight || *end || weight > UINT32_MAX)
		return WRONG(r, -EINVAL, "'%.40s' is no weight (1 to %u): write " LINE_FORM, first,
			     UINT32_MAX);
	r->wanted = ++r->visits == r->page || !r->page;
	return r->wanted ? read_request(r, (uint32_t)weight, text) : 0;
}

static int read_lines(struct reader *r, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	int error = 0;

	while (!error && getline(&line, &size, file) >= 0) {
		r->line++;
		error = read_line(r, line);
	}
	free(line);
	if (!error && ferror(file))
		return bench_explain(r->error, -EIO, "%.120s: cannot be read", r->path);
	if (!error && !r->visits)
		return bench_explain(r->error, -EINVAL,
				     "%.120s: no request in it: write " LINE_FORM, r->path);
	if (!error && r->page > r->visits)
		return bench_explain(r->error, -EINVAL, "%.120s has no page %u: choose 1 to %u",
				     r->path, r->page, r->visits);
	return error;
}

int bench_mix_read(struct bench_mix *mix, const char *path, unsigned page,
		   char error[BENCH_ERROR_TEXT])
{
	struct reader r = { .mix = mix, .path = path, .error = error, .page = page };
	struct bench_mix before = *mix;
	FILE *file = fopen(path, "re");
	int result;

	if (!file)
		return bench_explain(error, -errno, "cannot read the mix %.120s: %s; see --mix",
				     path, strerror(errno));
	result = read_lines(&r, file);
	fclose(file);
	for (unsigned i = 0; i < r.header_count; i++)
		free(r.headers[i].name);
	if (result) { /* texts of those taken back go with the mix */
		mix->request_count = before.request_count;
		mix->visit_count = before.visit_count;
		mix->weight = before.weight;
	}
	return result;
}
