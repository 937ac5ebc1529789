/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http.c - any bytes as a head of HTTP/1 or as a chunked body: the verdict is the same however
 * they are cut, nothing outside of them is read, and what is taken is well-formed by a second look
 * that is slow and simple. The first byte says which of the two, the second where to cut. Its
 * corpus is replayed by the suite fuzz.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/h1_chunk.h"
#include "gateway/h1_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

/* ---- heads ---- */

struct outcome {
	int r;
	struct gw_h1_head head;
	struct phr_header fields[GW_H1_FIELDS_MAX];
};

/* Memory of exactly that size: a read behind it is seen. */
static int parse(const char *text, size_t len, size_t last_len, struct outcome *o)
{
	o->head = (struct gw_h1_head){ .fields = o->fields, .room = GW_H1_FIELDS_MAX };
	o->r = gw_h1_head_parse(text, len, last_len, &o->head);
	return o->r;
}

static int parse_cut(const char *text, size_t len, size_t cut)
{
	struct outcome o;
	char *part = malloc(cut ? cut : 1);
	int r;

	require(part != NULL);
	memcpy(part, text, cut);
	r = parse(part, cut, 0, &o);
	free(part);
	return r == GW_H1_MORE ? parse(text, len, cut, &o) : r;
}

static int parse_bytewise(const char *text, size_t len)
{
	struct outcome o;
	int r = GW_H1_MORE;

	for (size_t n = 1; n <= len && r == GW_H1_MORE; n++)
		r = parse(text, n, n - 1, &o);
	return r;
}

static bool named(const struct phr_header *h, const char *name)
{
	return h->name_len == strlen(name) && strncasecmp(h->name, name, h->name_len) == 0;
}

static void token_check(const char *text, size_t len)
{
	require(len > 0);
	for (size_t i = 0; i < len; i++)
		require(isalnum((unsigned char)text[i]) ||
			(text[i] && strchr("!#$%&'*+-.^_`|~", text[i])));
}

/* All lines of a head end in CR LF, there is no other of both, and no other control character. */
static void lines_check(const char *text, size_t len)
{
	require(len >= 4 && memcmp(text + len - 4, "\r\n\r\n", 4) == 0);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		require(c != '\r' || text[i + 1] == '\n');
		require(c != '\n' || (i > 0 && text[i - 1] == '\r'));
		require(c >= ' ' || c == '\t' || c == '\r' || c == '\n');
		require(c != 0x7f);
		/* no folded line */
		require(c != '\n' || i + 1 == len || (text[i + 1] != ' ' && text[i + 1] != '\t'));
	}
}

static void fields_check(const struct gw_h1_head *head)
{
	unsigned framing = 0, hosts = 0;

	for (size_t i = 0; i < head->count; i++) {
		const struct phr_header *h = &head->fields[i];

		token_check(h->name, h->name_len);
		require(!named(h, "upgrade"));
		require(head->minor == 1 || !named(h, "expect"));
		framing += named(h, "content-length") || named(h, "transfer-encoding");
		hosts += named(h, "host");
		if (named(h, "transfer-encoding"))
			require(head->minor == 1 && h->value_len == 7 &&
				strncasecmp(h->value, "chunked", 7) == 0);
		if (named(h, "content-length")) {
			require(h->value_len > 0 && h->value_len <= GW_H1_LENGTH_DIGITS);
			for (size_t n = 0; n < h->value_len; n++)
				require(isdigit((unsigned char)h->value[n]));
		}
	}
	require(framing <= 1 && hosts <= 1);
}

static void head_check(const char *text, const struct outcome *o)
{
	const struct gw_h1_head *head = &o->head;

	require(o->r <= (int)GW_H1_HEAD_MAX && head->count <= GW_H1_FIELDS_MAX);
	lines_check(text, (size_t)o->r);
	token_check(head->method, head->method_len);
	require(head->target_len > 0 && head->target_len <= GW_H1_TARGET_MAX);
	for (size_t i = 0; i < head->target_len; i++)
		require(isgraph((unsigned char)head->target[i]));
	fields_check(head);
}

static void fuzz_head(const char *text, size_t len, size_t cut)
{
	struct outcome o;
	int r = parse(text, len, 0, &o);

	require(r == GW_H1_MORE || r == GW_H1_PREFACE || (r > 0 && (size_t)r <= len) ||
		(GW_H1_FAULT(r) >= 0 && GW_H1_FAULT(r) < GW_H1_FAULTS));
	require(parse_cut(text, len, cut % (len + 1)) == r);
	if (len > 0 && len < 2048)
		require(parse_bytewise(text, len) == r);
	if (r > 0) {
		head_check(text, &o);
		/* What is behind it does not matter, what is missing does. */
		require(parse(text, (size_t)r, 0, &o) == r);
		require(parse(text, (size_t)r - 1, 0, &o) == GW_H1_MORE);
	}
}

/* ---- chunks ---- */

/* Feeds the bytes in parts of `step`; returns the result with what was not fed counted as behind
 * the end. */
static ssize_t decode(const char *text, size_t len, size_t step, char *body, size_t *body_len)
{
	struct phr_chunked_decoder d = { .consume_trailer = 1 };
	size_t size;
	ssize_t r = -2;

	*body_len = 0;
	for (size_t at = 0; at < len && r == -2; at += size) {
		size_t out = size = len - at < step ? len - at : step;
		char *part = malloc(size);

		require(part != NULL);
		memcpy(part, text + at, size);
		r = phr_decode_chunked(&d, part, &out);
		require(r >= -2 && out <= size);
		require(r < 0 || (size_t)r + out <= size);
		memcpy(body + *body_len, part, out);
		*body_len += out;
		if (r >= 0) {
			require(memcmp(part + out, text + at + size - r, (size_t)r) == 0);
			r += (ssize_t)(len - at - size);
		}
		free(part);
	}
	return r;
}

/* A second look at what was taken: sizes, data and their ends, lines that end in CR LF. */
static void chunks_check(const char *text, const char *end, const char *body, size_t body_len)
{
	size_t size, have = 0;
	char *after;

	for (;;) {
		require(isxdigit((unsigned char)*text));
		size = strtoul(text, &after, 16);
		require(after < end && *after && strchr("\r; \t", *after));
		text = memchr(after, '\n', (size_t)(end - after));
		require(text && text[-1] == '\r');
		text++;
		if (size == 0)
			break;
		require((size_t)(end - text) > size + 2 && have + size <= body_len);
		require(memcmp(text, body + have, size) == 0);
		require(text[size] == '\r' && text[size + 1] == '\n');
		have += size;
		text += size + 2;
	}
	require(have == body_len && end[-1] == '\n' && end[-2] == '\r');
	for (; text < end; text++)
		require(*text != '\n' || text[-1] == '\r');
}

static void fuzz_chunks(const char *text, size_t len, size_t cut)
{
	char *body = malloc(2 * len + 2), *other = body + len + 1;
	size_t body_len, other_len;
	ssize_t r;

	require(body != NULL);
	r = decode(text, len, len, body, &body_len);
	require(decode(text, len, 1, other, &other_len) == r && other_len == body_len);
	require(memcmp(body, other, body_len) == 0);
	require(decode(text, len, cut % (len + 1) + 1, other, &other_len) == r);
	require(other_len == body_len && memcmp(body, other, body_len) == 0);
	if (r >= 0)
		chunks_check(text, text + len - r, body, body_len);
	free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 2)
		return 0;
	/* libh2o's buffers have bytes behind the end; here there are none. */
	text = malloc(size - 2 ? size - 2 : 1);
	require(text != NULL);
	memcpy(text, data + 2, size - 2);
	if (data[0] % 2 == 0)
		fuzz_head(text, size - 2, data[1]);
	else
		fuzz_chunks(text, size - 2, data[1]);
	free(text);
	return 0;
}
