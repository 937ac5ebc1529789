// SPDX-License-Identifier: Apache-2.0
/*
 * test_hpack.c - headers of HTTP/2 responses: libh2o's encoder with ours around it, read by
 * nghttp2's decoder, many responses on one table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "gateway/hpack.h"

#define FRAME_MIN 16384U /* RFC 9113, 6.5.2: what a client may set, */
#define FRAME_MAX 16777215U
#define FIELDS_MAX 64
#define STREAM 7U
#define ROUNDS 3000
#define STATIC_ENTRIES 61U

enum frame_type { HEADERS = 1, CONTINUATION = 9 };
#define END_HEADERS 4

struct connection {
	struct gw_hpack_connection conn; /* of which only the settings are used */
	struct gw_hpack_table table;
	h2o_buffer_t *buf;
	nghttp2_hd_inflater *inflater;
	size_t max_frame_size;
	h2o_iovec_t server;
	h2o_mem_pool_t pool;
	h2o_req_t req;
	h2o_res_t *res; /* of req */
	unsigned seed;
};

struct field {
	h2o_iovec_t name, value;
};

static void table_size(struct connection *c, uint32_t size)
{
	const uint8_t setting[] = { 0, 1, 0, size >> 16 & 255, size >> 8 & 255, size & 255 };

	assert_int_equal(h2o_http2_update_peer_settings(&c->conn.peer_settings, setting,
							sizeof(setting), &(const char *){ NULL }),
			 0);
	assert_int_equal(nghttp2_hd_inflate_change_table_size(c->inflater, size), 0);
}

static int setup(void **state)
{
	struct connection *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->table.capacity = 4096; /* as libh2o begins */
	c->conn.peer_settings.header_table_size = 4096;
	c->max_frame_size = FRAME_MIN;
	c->seed = 7541;
	h2o_buffer_init(&c->buf, &h2o_socket_buffer_prototype);
	assert_int_equal(nghttp2_hd_inflate_new(&c->inflater), 0);
	h2o_mem_init_pool(&c->pool);
	c->req.conn = &c->conn.super;
	c->res = &c->req.res;
	c->res->status = 200;
	c->res->content_length = SIZE_MAX;
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct connection *c = *state;

	h2o_hpack_dispose_header_table(&c->table);
	h2o_buffer_dispose(&c->buf);
	h2o_mem_clear_pool(&c->pool);
	nghttp2_hd_inflate_del(c->inflater);
	free(c);
	return 0;
}

static void add(struct connection *c, const char *name, const char *value, size_t len)
{
	h2o_add_header_by_str(&c->pool, &c->res->headers, name, strlen(name), 1, NULL, value, len);
}

static void add_text(struct connection *c, const char *name, const char *value)
{
	add(c, name, value, strlen(value));
}

static uint32_t number24(const uint8_t *at)
{
	return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

/* Takes what was written out of its frames, each of which must be right. Returns the block, of
 * the pool. */
static h2o_iovec_t block_take(struct connection *c, size_t begin)
{
	const uint8_t *at = (const uint8_t *)c->buf->bytes + begin;
	const uint8_t *end = (const uint8_t *)c->buf->bytes + c->buf->size;
	h2o_iovec_t block = { h2o_mem_alloc_pool(&c->pool, (size_t)(end - at)), 0 };

	for (enum frame_type type = HEADERS; at < end; type = CONTINUATION) {
		uint32_t len;

		assert_true(end - at >= 9);
		len = number24(at);
		assert_true(len <= c->max_frame_size && (size_t)(end - at) >= 9 + len);
		assert_int_equal(at[3], type);
		assert_int_equal(at[4], at + 9 + len == end ? END_HEADERS : 0);
		assert_int_equal(number24(at + 5) << 8 | at[8], STREAM);
		memcpy(block.base + block.len, at + 9, len);
		block.len += len;
		at += 9 + len;
	}
	return block;
}

static size_t block_read(struct connection *c, h2o_iovec_t block, struct field *fields)
{
	const uint8_t *at = (const uint8_t *)block.base, *end = at + block.len;
	size_t count = 0;
	int flags = 0;

	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv nv;
		ssize_t n =
			nghttp2_hd_inflate_hd2(c->inflater, &nv, &flags, at, (size_t)(end - at), 1);

		if (n < 0)
			fail_msg("%s", nghttp2_strerror((int)n));
		at += n;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		assert_true(count < FIELDS_MAX);
		fields[count].name = h2o_strdup(&c->pool, (char *)nv.name, nv.namelen);
		fields[count++].value = h2o_strdup(&c->pool, (char *)nv.value, nv.valuelen);
	}
	assert_int_equal(nghttp2_hd_inflate_end_headers(c->inflater), 0);
	return count;
}

/* The next field of that name from *at on. */
static const struct field *next_of(const struct field *fields, size_t count, const char *name,
				   size_t name_len, size_t *at)
{
	while (*at < count) {
		const struct field *f = &fields[(*at)++];

		if (h2o_memis(f->name.base, f->name.len, name, name_len))
			return f;
	}
	return NULL;
}

/* Fields of one name have an order (RFC 9110, 5.3), those of several have none. */
static void check_fields(const struct connection *c, const h2o_header_t *headers, size_t n,
			 const struct field *fields, size_t count)
{
	size_t more = 2 + (c->server.len > 0) + (c->res->content_length != SIZE_MAX); /* and date */

	assert_int_equal(count, n + more);
	assert_memory_equal(fields[0].name.base, ":status", 7);
	assert_int_equal(atoi(fields[0].value.base), c->res->status);
	for (size_t i = 0; i < n; i++) {
		const struct field *found = NULL;
		size_t at = 0;

		for (size_t j = 0; j <= i; j++)
			if (h2o_memis(headers[j].name->base, headers[j].name->len,
				      headers[i].name->base, headers[i].name->len))
				found = next_of(fields, count, headers[i].name->base,
						headers[i].name->len, &at);
		assert_non_null(found);
		assert_int_equal(found->value.len, headers[i].value.len);
		assert_memory_equal(found->value.base, headers[i].value.base, found->value.len);
	}
}

/* Encodes c->res behind what the buffer has, decodes and compares. Returns the block's length. */
static size_t respond(struct connection *c)
{
	h2o_timestamp_string_t date = { .rfc1123 = "Sat, 21 Nov 2026 18:00:00 GMT" };
	h2o_timestamp_t ts = { .str = &date };
	size_t begin = c->buf->size, n = c->res->headers.size, count;
	h2o_header_t *headers = h2o_mem_alloc_pool(&c->pool, (n + 1) * sizeof(*headers));
	struct field fields[FIELDS_MAX];
	h2o_iovec_t block;

	if (n > 0)
		memcpy(headers, c->res->headers.entries, n * sizeof(*headers));
	h2o_hpack_flatten_response(&c->buf, &c->table, STREAM, c->max_frame_size, c->res, &ts,
				   &c->server, c->res->content_length);
	assert_int_equal(c->res->headers.size, n);
	block = block_take(c, begin);
	count = block_read(c, block, fields);
	check_fields(c, headers, n, fields, count);
	c->res->headers = (h2o_headers_t){ .size = 0 };
	return block.len;
}

static bool in_table(const struct connection *c, const char *name)
{
	size_t entries = nghttp2_hd_inflate_get_num_table_entries(c->inflater);

	for (size_t i = STATIC_ENTRIES + 1; i <= entries; i++) {
		const nghttp2_nv *nv = nghttp2_hd_inflate_get_table_entry(c->inflater, i);

		if (h2o_memis(nv->name, nv->namelen, name, strlen(name)))
			return true;
	}
	return false;
}

/* What all responses share is an index each; what none shares pushes nothing out of the table. */
static void test_table(void **state)
{
	struct connection *c = *state;
	char id[] = "00000000-0000-4000-8000-000000000000";
	size_t first = 0, later = 0;

	c->server = h2o_iovec_init(H2O_STRLIT("sprocket"));
	for (int i = 0; i < 200; i++) {
		id[i % 8] ^= 1;
		add_text(c, "content-type", "application/json");
		add_text(c, "x-request-id", id);
		add_text(c, "x-shared", "the same each time");
		add_text(c, "traceparent", id);
		add_text(c, "server-timing", id);
		later = respond(c);
		first = first ? first : later;
	}
	assert_false(in_table(c, "x-request-id"));
	assert_false(in_table(c, "traceparent"));
	assert_false(in_table(c, "server-timing"));
	assert_true(in_table(c, "x-shared"));
	/* status, server, date, content-type, x-shared; then three literals of known length */
	assert_int_equal(later, 5 + 3 * (3 + 36) + 12 + 11 + 13);
	assert_true(first > later);
}

static void test_no_headers(void **state)
{
	static const int statuses[] = { 200, 204, 304, 404, 503, 599 };
	struct connection *c = *state;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		c->res->status = statuses[i];
		respond(c);
		c->res->content_length = i; /* of the answer to a HEAD, too */
		respond(c);
		c->res->content_length = SIZE_MAX;
	}
}

/* Around the lengths at which a string's prefix grows (RFC 7541, 5.1). */
static void test_lengths(void **state)
{
	static const size_t lengths[] = { 0,   1,    126,   127,   128,   254,   255,
					  256, 8000, 16384, 16510, 16511, 16512, 65000 };
	static const char *const names[] = { "x-request-id", "x-other" };
	struct connection *c = *state;
	char *value = malloc(65000);

	assert_non_null(value);
	memset(value, '~', 65000); /* which Huffman's code makes longer */
	for (size_t frame = FRAME_MIN; frame <= FRAME_MAX; frame += FRAME_MAX - FRAME_MIN) {
		c->max_frame_size = frame;
		for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(*lengths); i++) {
			add(c, names[i % 2], value, lengths[i / 2]);
			add_text(c, "traceparent", "short");
			respond(c);
		}
	}
	free(value);
}

static void test_order_of_one_name(void **state)
{
	struct connection *c = *state;

	for (int count = 1; count <= 8; count++) {
		for (int i = 0; i < count; i++) {
			add(c, "server-timing", &"abcdefgh"[i], 1);
			add(c, "x-other", &"abcdefgh"[i], 1);
		}
		respond(c);
	}
}

/* RFC 7541, 4.2: the smallest table since a block is acknowledged by the next, and kept to. */
static void test_table_size(void **state)
{
	static const uint32_t sizes[] = { 4096, 65536, 4095, 300, 3000, 64, 0, 4096, 100 };
	struct connection *c = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		table_size(c, sizes[i]);
		for (size_t j = 0; j < (i % 3 ? 10 : 0); j++) {
			add_text(c, "content-type", "application/json");
			add_text(c, "x-request-id", "abc");
			add_text(c, "x-shared", "the same each time");
			respond(c);
		}
		assert_true(nghttp2_hd_inflate_get_dynamic_table_size(c->inflater) <= sizes[i]);
	}
}

/* Together with responses that just fill a frame, or need several. */
static void test_table_size_long(void **state)
{
	struct connection *c = *state;
	uint32_t size = 4000;
	char *value = malloc(60000);

	assert_non_null(value);
	memset(value, '~', 60000);
	for (size_t len = FRAME_MIN - 120; len < 60000; len += len < FRAME_MIN ? 1 : 10000) {
		table_size(c, size--);
		add_text(c, "x-shared", "the same each time");
		add(c, "x-long", value, len);
		respond(c);
	}
	free(value);
}

static size_t pick(struct connection *c, size_t below)
{
	return (size_t)rand_r(&c->seed) % below;
}

static void add_random(struct connection *c)
{
	static const char *const names[] = { "x-request-id",  "traceparent",   "server-timing",
					     "content-type",  "cache-control", "set-cookie",
					     "x-request-idx", "x-request-i",   "authorization" };
	static const size_t lengths[] = { 0, 1, 3, 19, 20, 36, 55, 100, 126, 127, 128, 300, 5000 };
	size_t len = lengths[pick(c, sizeof(lengths) / sizeof(*lengths) - (pick(c, 8) != 0))];
	char *value = h2o_mem_alloc_pool(&c->pool, len + 1);
	size_t kinds = pick(c, 3) ? 1 : 95 + 100 * pick(c, 2); /* 1: there is an index for it */

	for (size_t i = 0; i < len; i++)
		value[i] = (char)(' ' + 1 + pick(c, kinds));
	add(c, names[pick(c, sizeof(names) / sizeof(*names))], value, len);
}

static void test_random(void **state)
{
	static const uint32_t sizes[] = { 0, 33, 100, 1000, 4096, 10000 };
	struct connection *c = *state;

	for (int round = 0; round < ROUNDS; round++) {
		size_t count = pick(c, 12);

		if (round % 300 == 0) { /* the next connection */
			void *next = c;

			teardown(state);
			setup(&next);
			*state = c = next;
			c->seed = 7541U + (unsigned)round;
		}
		if (pick(c, 100) == 0)
			table_size(c, sizes[pick(c, sizeof(sizes) / sizeof(*sizes))]);
		c->max_frame_size = pick(c, 4) ? FRAME_MIN : FRAME_MIN + pick(c, 1 << 20);
		c->server = pick(c, 2) ? h2o_iovec_init(H2O_STRLIT("sprocket")) :
					 (h2o_iovec_t){ NULL, 0 };
		c->res->status = 200 + (int)pick(c, 400);
		c->res->content_length = pick(c, 3) ? pick(c, 1 << 24) : SIZE_MAX;
		while (count-- > 0)
			add_random(c);
		respond(c);
		if (pick(c, 5) == 0)
			h2o_buffer_consume(&c->buf, c->buf->size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_of_one_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table_size_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
