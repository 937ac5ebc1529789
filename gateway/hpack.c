// SPDX-License-Identifier: Apache-2.0
/*
 * hpack.c - keeps headers that no two responses share out of HTTP/2's header table, and the table
 * to the size that the client allows.
 *
 * For: libh2o enters every response header into the connection's table (RFC 7541, 2.3.2) and
 * searches the whole table for each. An id of which each response has another then pushes out what
 * could be found again, in the client's copy of the table, too: a third of a small request's time
 * in the gateway.
 * How: libh2o calls h2o_hpack_flatten_response() by its dynamic symbol, so the one here, exported
 * by the executable, takes its place. It has libh2o's encode all headers but those, and appends
 * those to the frame as literals without indexing (RFC 7541, 6.2.2), which touch no table.
 * And libh2o takes no notice of SETTINGS_HEADER_TABLE_SIZE: to clients with a smaller table than
 * its own (4 KiB) all responses would be errors. So the next response begins with a table size
 * update (4.2), to the smallest size that was set: libh2o has only the last.
 * (Of a PUSH_PROMISE that came first nothing here knows: nothing here pushes.)
 * Thread-safety: as libh2o: a connection belongs to one thread. Source: libh2o 2.2.5,
 * lib/http2/hpack.c.
 */
#include "gateway/hpack.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "gateway/next.h"

#define FRAME_HEADER 9U    /* RFC 9113, 4.1 */
#define LITERAL_ROOM 12U   /* a literal's first byte and two lengths, at the most */
#define LENGTH_PREFIX 127U /* RFC 7541, 5.1 and 5.2: a length below this is one byte */
#define UPDATE 0x20U       /* 6.3: a table size update, in five bits what is below ... */
#define UPDATE_PREFIX 31U
#define UPDATE_ROOM 7U /* bytes of two of them, at the most */
#define SETTING 6U     /* bytes of one (RFC 9113, 6.5.1) */
#define LAST_MAX 4U    /* headers of a response that are kept out of the table */

static bool is(const h2o_iovec_t *name, const char *text, size_t len)
{
	return name->len == len && memcmp(name->base, text, len) == 0;
}

static bool of_one_response(const h2o_header_t *h)
{
	return is(h->name, H2O_STRLIT("x-request-id")) || is(h->name, H2O_STRLIT("traceparent")) ||
	       is(h->name, H2O_STRLIT("server-timing"));
}

/* Puts those last, the others as they were, unless they are too many: those of one name must not
 * change places. Returns how many, and the bytes they may take. */
static size_t part(h2o_headers_t *headers, size_t *ret_room)
{
	h2o_header_t last[LAST_MAX];
	size_t kept = 0, count = 0, room = 0;

	for (size_t i = 0; i < headers->size; i++)
		count += of_one_response(&headers->entries[i]);
	if (count == 0 || count > LAST_MAX)
		return 0;
	count = 0;
	for (size_t i = 0; i < headers->size; i++) {
		const h2o_header_t *h = &headers->entries[i];

		if (of_one_response(h)) {
			room += LITERAL_ROOM + h->name->len + h->value.len;
			last[count++] = *h;
		} else {
			headers->entries[kept++] = *h;
		}
	}
	memcpy(headers->entries + kept, last, count * sizeof(*last));
	*ret_room = room;
	return count;
}

static size_t bytes_of(const h2o_headers_t *headers)
{
	size_t sum = 0;

	for (size_t i = 0; i < headers->size; i++)
		sum += LITERAL_ROOM + headers->entries[i].name->len + headers->entries[i].value.len;
	return sum;
}

/* RFC 7541, 5.1: in the first byte beside `bits` there is room for a value below `prefix`. */
static uint8_t *integer_put(uint8_t *to, unsigned bits, unsigned prefix, size_t value)
{
	if (value < prefix) {
		*to++ = (uint8_t)(bits | value);
		return to;
	}
	*to++ = (uint8_t)(bits | prefix);
	for (value -= prefix; value >= 128; value >>= 7)
		*to++ = (uint8_t)(value | 128);
	*to++ = (uint8_t)value;
	return to;
}

/* RFC 7541, 5.2, without Huffman's code. */
static uint8_t *string_put(uint8_t *to, const char *text, size_t len)
{
	to = integer_put(to, 0, LENGTH_PREFIX, len);
	if (len > 0)
		memcpy(to, text, len);
	return to + len;
}

/* A table that is larger than the client allows is emptied and then as large. Returns the bytes of
 * `to` (UPDATE_ROOM) that say so. */
static size_t table_limit(struct gw_hpack_table *table, h2o_res_t *res, uint8_t *to)
{
	const h2o_req_t *req = H2O_STRUCT_FROM_MEMBER(h2o_req_t, res, res);
	/* The way libh2o has it: a connection of HTTP/2 begins with what all have. */
	const void *conn = req->conn;
	uint32_t size = ((const struct gw_hpack_connection *)conn)->peer_settings.header_table_size;
	uint8_t *begin = to;

	if (size >= table->capacity)
		return 0;
	h2o_hpack_dispose_header_table(table);
	*table = (struct gw_hpack_table){ .capacity = size, .max_capacity = table->max_capacity };
	to = integer_put(to, UPDATE, UPDATE_PREFIX, 0);
	if (size > 0)
		to = integer_put(to, UPDATE, UPDATE_PREFIX, size);
	return (size_t)(to - begin);
}

static void frame_grow(h2o_buffer_t *buf, size_t frame_at, size_t by)
{
	uint8_t *frame = (uint8_t *)buf->bytes + frame_at;
	size_t len = ((size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2]) + by;

	frame[0] = (uint8_t)(len >> 16);
	frame[1] = (uint8_t)(len >> 8);
	frame[2] = (uint8_t)len;
	buf->size += by;
}

static void prepend(h2o_buffer_t **buf, size_t frame_at, const uint8_t *bytes, size_t count)
{
	char *block;

	h2o_buffer_reserve(buf, count);
	block = (*buf)->bytes + frame_at + FRAME_HEADER;
	memmove(block + count, block, (*buf)->size - frame_at - FRAME_HEADER);
	memcpy(block, bytes, count);
	frame_grow(*buf, frame_at, count);
}

static void append(h2o_buffer_t **buf, size_t frame_at, const h2o_header_t *headers, size_t count,
		   size_t room)
{
	uint8_t *begin = (uint8_t *)h2o_buffer_reserve(buf, room).base, *to = begin;

	for (size_t i = 0; i < count; i++) {
		*to++ = 0; /* without indexing, new name */
		to = string_put(to, headers[i].name->base, headers[i].name->len);
		to = string_put(to, headers[i].value.base, headers[i].value.len);
	}
	frame_grow(*buf, frame_at, (size_t)(to - begin));
}

void h2o_hpack_flatten_response(h2o_buffer_t **buf, struct gw_hpack_table *table,
				uint32_t stream_id, size_t max_frame_size, h2o_res_t *res,
				h2o_timestamp_t *ts, const h2o_iovec_t *server_name,
				size_t content_length)
{
	static void *cache;
	gw_hpack_flatten_fn *next;
	uint8_t update[UPDATE_ROOM];
	size_t frame_at = (*buf)->size, update_len = table_limit(table, res, update);
	size_t room = 0, count = 0;

	/* Long ones may take several frames: those are libh2o's alone. */
	if (bytes_of(&res->headers) < max_frame_size / 2)
		count = part(&res->headers, &room);
	res->headers.size -= count;
	*(void **)&next = gw_next(&cache, "h2o_hpack_flatten_response");
	next(buf, table, stream_id, max_frame_size - update_len, res, ts, server_name,
	     content_length);
	res->headers.size += count;
	if (update_len > 0)
		prepend(buf, frame_at, update, update_len);
	if (count > 0)
		append(buf, frame_at, res->headers.entries + res->headers.size - count, count,
		       room);
}

int h2o_http2_update_peer_settings(h2o_http2_settings_t *settings, const uint8_t *src, size_t len,
				   const char **err_desc)
{
	static void *cache;
	gw_hpack_settings_fn *next;
	uint32_t least = settings->header_table_size;
	int r;

	*(void **)&next = gw_next(&cache, "h2o_http2_update_peer_settings");
	r = next(settings, src, len, err_desc);
	for (; len >= SETTING; len -= SETTING, src += SETTING) {
		uint32_t value = (uint32_t)src[2] << 24 | (uint32_t)src[3] << 16 |
				 (uint32_t)src[4] << 8 | src[5];

		if ((src[0] << 8 | src[1]) == H2O_HTTP2_SETTINGS_HEADER_TABLE_SIZE && value < least)
			least = value;
	}
	settings->header_table_size = least;
	return r;
}
