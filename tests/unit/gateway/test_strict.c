// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP/1 heads and chunked bodies: what is taken, what is refused and why, the same however the
 * bytes arrive; and of good heads the same as libh2o's own parser reads.
 */
#include <ctype.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/h1_bytes.h"
#include "gateway/h1_chunk.h"
#include "gateway/h1_head.h"
#include "gateway/refusal.h"
#include "gateway/strict.h"
#include "tests/unit/gateway/h1_tables.h"

/* ---- parsing ---- */

/* In memory of exactly that size, so that a sanitizer sees a read behind it. */
static int parse(const char *text, size_t len, size_t last_len)
{
	struct phr_header fields[GW_H1_FIELDS_MAX];
	struct gw_h1_head head = { .fields = fields, .room = GW_H1_FIELDS_MAX };
	char *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, len);
	r = gw_h1_head_parse(copy, len, last_len, &head);
	free(copy);
	return r;
}

/* Bytes arrive `step` at a time: the first verdict that is not "more". */
static int parse_in_steps(const char *text, size_t len, size_t step)
{
	size_t last = 0;
	int r = GW_H1_MORE;

	for (size_t n = step < len ? step : len; r == GW_H1_MORE;
	     n = n + step < len ? n + step : len) {
		r = parse(text, n, last);
		last = n;
		if (n == len)
			break;
	}
	return r;
}

static void assert_verdict(const char *text, size_t len, int expected)
{
	int r = parse(text, len, 0);

	if (r != expected)
		fail_msg("%d, not %d: %.200s", r, expected, text);
	for (size_t step = 1; step < 20 && step < len; step++) {
		r = parse_in_steps(text, len, step);
		if (r != expected)
			fail_msg("%d, not %d in steps of %zu: %.200s", r, expected, step, text);
	}
	for (size_t cut = 1; cut < len && len < 4096; cut++) {
		r = parse(text, cut, 0);
		if (r == GW_H1_MORE)
			r = parse(text, len, cut);
		if (r != expected)
			fail_msg("%d, not %d cut at %zu: %.200s", r, expected, cut, text);
	}
}

/* ---- heads ---- */

static void test_good_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < h1_good_count; i++)
		assert_verdict(h1_good[i], strlen(h1_good[i]), (int)strlen(h1_good[i]));
}

static void test_bad_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < h1_bad_count; i++)
		assert_verdict(h1_bad[i].text, h1_bad[i].len, GW_H1_FAULT(h1_bad[i].fault));
}

/* Each prefix of a good head waits for the rest, each byte that cannot follow is seen. */
static void test_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < h1_good_count; i++)
		for (size_t len = 0; len < strlen(h1_good[i]); len++)
			assert_int_equal(parse(h1_good[i], len, 0), GW_H1_MORE);
}

static void test_preface(void **state)
{
	const char text[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	(void)state;
	for (size_t len = 1; len < sizeof(text); len++)
		assert_int_equal(parse(text, len, 0), len < 12 ? GW_H1_MORE : GW_H1_PREFACE);
	assert_verdict("\r\nPRI * HTTP/2.0\r\n", 18, GW_H1_FAULT(GW_H1_TARGET));
}

/* Every byte at every place of a head where a name, a value or a target is. */
static void test_every_byte(void **state)
{
	char text[] = "GET /?_ HTTP/1.1\r\nn_: v_v\r\n\r\n";

	(void)state;
	for (int c = 0; c < 256; c++) {
		bool token = isalnum(c) || (c && c < 128 && strchr("!#$%&'*+-.^_`|~", c));
		bool value = c == '\t' || (c >= ' ' && c != 0x7f);
		bool query = c > ' ' && c < 0x7f && !strchr("\"#<>", c);
		const bool good[3] = { query, token || c == ':', value };
		const size_t at[3] = { 6, 19, 23 };

		for (size_t i = 0; i < 3; i++) {
			text[at[i]] = (char)c;
			if ((parse(text, sizeof(text) - 1, 0) > 0) != good[i])
				fail_msg("byte %#x at %zu", c, at[i]);
			text[at[i]] = '_';
		}
	}
}

/* ---- limits ---- */

static char *filled(const char *before, size_t count, char with, const char *after, size_t *len)
{
	char *text = malloc(strlen(before) + count + strlen(after) + 1);

	assert_non_null(text);
	memset(mempcpy(text, before, strlen(before)), with, count);
	memcpy(text + strlen(before) + count, after, strlen(after) + 1);
	*len = strlen(text);
	return text;
}

static void assert_filled(const char *before, size_t count, const char *after, int fault)
{
	size_t len;
	char *text = filled(before, count, 'a', after, &len);

	assert_int_equal(parse(text, len, 0), fault < 0 ? (int)len : GW_H1_FAULT(fault));
	for (size_t step = 1; step < len; step = step * 7 + 1)
		assert_int_equal(parse_in_steps(text, len, step),
				 fault < 0 ? (int)len : GW_H1_FAULT(fault));
	free(text);
}

static void test_limits(void **state)
{
	const char line[] = "GET / HTTP/1.1\r\n";
	size_t rest = GW_H1_HEAD_MAX - strlen(line) - 7; /* "n: " and "\r\n\r\n" */
	char many[GW_H1_FIELDS_MAX * 8 + 64];

	(void)state;
	assert_filled("GET /", GW_H1_TARGET_MAX - 1, " HTTP/1.1\r\n\r\n", -1);
	assert_filled("GET /", GW_H1_TARGET_MAX, " HTTP/1.1\r\n\r\n", GW_H1_TARGET_SIZE);
	assert_filled("GET http://", GW_H1_TARGET_MAX, "/ HTTP/1.1\r\n\r\n", GW_H1_TARGET_SIZE);
	assert_filled("GET / HTTP/1.1\r\nn: ", rest, "\r\n\r\n", -1);
	assert_filled("GET / HTTP/1.1\r\nn: ", rest + 1, "\r\n\r\n", GW_H1_SIZE);
	assert_filled("GET / HTTP/1.1\r\nn: ", 2 * rest, "", GW_H1_SIZE);
	for (int extra = 0; extra < 2; extra++) {
		strcpy(many, line);
		for (int i = 0; i < GW_H1_FIELDS_MAX + extra; i++)
			strcat(many, "n: v\r\n");
		strcat(many, "\r\n");
		assert_verdict(many, strlen(many),
			       extra ? GW_H1_FAULT(GW_H1_SIZE) : (int)strlen(many));
	}
}

/* ---- what libh2o is told ---- */

struct told {
	const char *method, *path;
	size_t method_len, path_len, count;
	int minor, r;
	struct phr_header fields[GW_H1_FIELDS_MAX];
};

static void tell(gw_strict_parse_fn *parser, const char *text, struct told *t)
{
	t->count = GW_H1_FIELDS_MAX;
	t->r = parser(text, strlen(text), &t->method, &t->method_len, &t->path, &t->path_len,
		      &t->minor, t->fields, &t->count, 0);
}

static void test_like_libh2o(void **state)
{
	gw_strict_parse_fn *theirs;
	struct told a, b;

	(void)state;
	*(void **)&theirs = dlsym(RTLD_NEXT, "phr_parse_request");
	assert_non_null(theirs);
	assert_ptr_not_equal(theirs, phr_parse_request);
	for (size_t i = 0; i < h1_plain_count; i++) {
		tell(phr_parse_request, h1_good[i], &a);
		tell(theirs, h1_good[i], &b);
		assert_int_equal(a.r, b.r);
		assert_int_equal(a.count, b.count);
		assert_ptr_equal(a.method, b.method);
		assert_int_equal(a.method_len, b.method_len);
		assert_ptr_equal(a.path, b.path);
		assert_int_equal(a.path_len, b.path_len);
		assert_int_equal(a.minor, b.minor);
		for (size_t n = 0; n < a.count; n++) {
			assert_ptr_equal(a.fields[n].name, b.fields[n].name);
			assert_int_equal(a.fields[n].name_len, b.fields[n].name_len);
			assert_ptr_equal(a.fields[n].value, b.fields[n].value);
			assert_int_equal(a.fields[n].value_len, b.fields[n].value_len);
		}
	}
}

static void test_marks(void **state)
{
	const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nX: y\r\n\r\nmore";
	struct told t;

	(void)state;
	tell(phr_parse_request, text, &t);
	assert_int_equal(t.r, strlen(text));
	assert_int_equal(t.count, 0);
	assert_int_equal(t.minor, 0);
	assert_ptr_equal(t.method, gw_refusal_mark(GW_H1_HOST, false));
	tell(phr_parse_request, "HEAD / HTTP/1.1\nHost: a\r\n\r\n", &t);
	assert_ptr_equal(t.method, gw_refusal_mark(GW_H1_LINE, true));
	tell(phr_parse_request, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &t);
	assert_int_equal(t.r, -1);
	tell(phr_parse_request, "GET / HTT", &t);
	assert_int_equal(t.r, -2);
}

/* The value of the last field of that name, or "-". */
static const char *last_of(const struct told *t, const char *name)
{
	static char value[64];

	strcpy(value, "-");
	for (size_t i = 0; i < t->count; i++)
		if (t->fields[i].name_len == strlen(name) &&
		    strncasecmp(t->fields[i].name, name, strlen(name)) == 0)
			snprintf(value, sizeof(value), "%.*s", (int)t->fields[i].value_len,
				 t->fields[i].value);
	return value;
}

static void assert_told(const char *version, const char *fields, const char *name,
			const char *value)
{
	struct told t;
	char text[512];

	snprintf(text, sizeof(text), "POST / HTTP/%s\r\nHost: a\r\n%s\r\n", version, fields);
	tell(phr_parse_request, text, &t);
	assert_int_equal(t.r, strlen(text));
	assert_string_equal(last_of(&t, name), value);
}

/* libh2o keeps a connection when "keep-alive" is in the last Connection field. */
static void test_fields_for_libh2o(void **state)
{
	(void)state;
	assert_told("1.1", "Connection: close\r\n", "connection", "close");
	assert_told("1.1", "Connection: close\r\nConnection: te\r\n", "connection", "te");
	assert_told("1.1", "Connection: te\r\n", "connection", "keep-alive");
	assert_told("1.1", "Connection: keep-alive, close\r\n", "connection", "close");
	assert_told("1.1", "Connection: close\r\nConnection: keep-alive\r\n", "connection",
		    "close");
	assert_told("1.0", "Connection: keep-alive\r\nConnection: te\r\n", "connection",
		    "keep-alive");
	assert_told("1.1", "Upgrade: h2c\r\n", "upgrade", "-");
	assert_told("1.0", "Expect: 100-continue\r\n", "expect", "-");
	assert_told("1.1", "Expect: 100-continue\r\n", "expect", "100-continue");
	assert_told("1.1", "X:  \t a b \t \r\n", "x", "a b");
}

/* ---- chunks ---- */

/* Bytes behind the end, -1 or -2; the body in *body. Arrives `step` bytes at a time, as libh2o
 * reads it: behind the body so far. */
static ssize_t decode(const char *text, size_t step, char *body)
{
	struct phr_chunked_decoder d = { .consume_trailer = 1 };
	size_t len = strlen(text), have = 0, size;
	ssize_t r = -2;

	for (size_t at = 0; at < len && r == -2; at += size) {
		size_t fresh = len - at < step ? len - at : step;
		char *copy = malloc(fresh);

		assert_non_null(copy);
		memcpy(copy, text + at, fresh);
		size = fresh;
		r = phr_decode_chunked(&d, copy, &fresh);
		memcpy(body + have, copy, fresh);
		have += fresh;
		free(copy);
		if (r >= 0)
			r += (ssize_t)(len - at - size);
	}
	body[have] = '\0';
	return r;
}

static void test_chunks(void **state)
{
	char whole[4096], body[4096];

	(void)state;
	for (size_t i = 0; i < h1_chunked_count; i++) {
		const struct h1_chunked *c = &h1_chunked[i];
		ssize_t r = decode(c->text, SIZE_MAX, whole);

		if (r != c->result)
			fail_msg("%zd, not %d: %s", r, c->result, c->text);
		if (c->body)
			assert_string_equal(whole, c->body);
		for (size_t step = 1; step < strlen(c->text); step++) {
			assert_int_equal(decode(c->text, step, body), r);
			if (r != -1)
				assert_string_equal(body, whole);
		}
	}
}

/* Extensions that are longer than what they are for, trailers without an end. */
static void test_chunk_limits(void **state)
{
	static char text[400000], body[400000];
	size_t len;
	char *made;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strcat(text + strlen(text), "1;abcdefghijklmnopqrstuvwxyz=0123456789\r\nx\r\n");
	strcat(text, "0\r\n\r\n");
	assert_int_equal(decode(text, SIZE_MAX, body), -1);
	text[0] = '\0';
	for (int i = 0; i < 1000; i++)
		strcat(text + strlen(text), "001\r\nx\r\n");
	strcat(text, "0\r\n\r\n");
	assert_int_equal(decode(text, SIZE_MAX, body), 0);
	text[0] = '\0';
	strcat(text, "0\r\n");
	for (int i = 0; i <= GW_H1_TRAILER_FIELDS_MAX; i++)
		strcat(text, "n: v\r\n");
	assert_int_equal(decode(text, SIZE_MAX, body), -1);
	made = filled("0\r\nn: ", GW_H1_TRAILER_MAX, 'v', "\r\n\r\n", &len);
	assert_int_equal(decode(made, SIZE_MAX, body), -1);
	free(made);
	made = filled("1;n=", GW_H1_CHUNK_LINE_MAX, 'v', "\r\nx\r\n0\r\n\r\n", &len);
	assert_int_equal(decode(made, SIZE_MAX, body), -1);
	free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_heads),        cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_prefixes),          cmocka_unit_test(test_preface),
		cmocka_unit_test(test_every_byte),        cmocka_unit_test(test_limits),
		cmocka_unit_test(test_like_libh2o),       cmocka_unit_test(test_marks),
		cmocka_unit_test(test_fields_for_libh2o), cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_chunk_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
