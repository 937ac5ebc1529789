// SPDX-License-Identifier: Apache-2.0
/*
 * headers.c - refuses HTTP/2 requests that are malformed, or larger than they look.
 *
 * For: libh2o 2.2.5 checks pseudo-header fields for their names alone, ignores Host, takes the last
 * of two Content-Lengths, forgets Content-Length where there is no body, counts no fields (a byte
 * each, for up to 4 KiB of the header table), and adds trailers to the request's headers.
 * How: libh2o calls h2o_hpack_parse_headers() by its dynamic symbol, so the one here, exported by
 * the executable, takes its place. It walks the block without decoding, has libh2o's decode it, and
 * judges what came out. A malformed request (RFC 9113, 8.1.1) is a stream error: libh2o resets a
 * stream that lacks pseudo-header fields, so it is told that they are missing.
 * Thread-safety: as libh2o: a connection belongs to one thread. Source: libh2o 2.2.5,
 * lib/http2/hpack.c, connection.c.
 */
#include "gateway/headers.h"

#include <stdbool.h>
#include <string.h>

#include "gateway/client.h"
#include "gateway/late.h"
#include "gateway/next.h"
#include "gateway/worker.h"

#define FIELDS_MAX 256U       /* representations of a block */
#define LIST_MAX (64UL << 10) /* bytes of a decoded list, as RFC 7541, 4.1 counts them */
#define FIELD_OVERHEAD 32U
#define STATIC_ENTRIES 61U
#define STATIC_CONTENT_LENGTH 28
#define STREAMS_MAX 100U /* what libh2o announces */
#define DATA_CREDIT 64U  /* DATA that may be on its way when a body is refused: 1 MiB */

/* ---- the block, before it is decoded ---- */

struct block {
	const uint8_t *at, *end;
	const h2o_hpack_header_table_t *table;
	uint32_t fields, lengths, added;
	uint64_t added_lengths; /* bit n: the n-th newest that this block added is Content-Length */
	bool late_update;       /* of the table's size, behind a field (RFC 7541, 4.2) */
};

/* The rest of an integer whose first byte is `value`. */
static int64_t integer_rest(struct block *b, int64_t value)
{
	for (unsigned shift = 0; shift < 28; shift += 7) {
		if (b->at >= b->end)
			return -1;
		value += (int64_t)(*b->at & 127) << shift;
		if (!(*b->at++ & 128))
			return value;
	}
	return -1;
}

/* RFC 7541, 5.1, within libh2o's bounds; -1: none. Nearly all are one byte. */
static inline int64_t integer_take(struct block *b, unsigned bits)
{
	uint32_t most = (1U << bits) - 1;
	int64_t value;

	if (b->at >= b->end)
		return -1;
	value = *b->at++ & most;
	return value != most ? value : integer_rest(b, value);
}

/* A string, as it is encoded; NULL: none. */
static const uint8_t *string_take(struct block *b, size_t *len)
{
	const uint8_t *text;
	int64_t n = integer_take(b, 7);

	if (n < 0 || n > b->end - b->at)
		return NULL;
	text = b->at;
	b->at += n;
	*len = (size_t)n;
	return text;
}

static bool literal_is_length(const uint8_t *text, size_t len, bool huffman)
{
	static const uint8_t encoded[] = { 0x21, 0xea, 0x49, 0x6a, 0x4a,
					   0xd4, 0x16, 0xa9, 0x93, 0x3f };

	if (huffman)
		return len == sizeof(encoded) && memcmp(text, encoded, len) == 0;
	return len == 14 && memcmp(text, "content-length", 14) == 0;
}

static bool entry_is_length(const struct block *b, uint32_t index)
{
	const h2o_hpack_header_table_t *table = b->table;
	size_t at;

	index -= STATIC_ENTRIES + 1;
	if (index < b->added)
		return index < 64 && b->added_lengths >> index & 1;
	index -= b->added;
	if (index >= table->num_entries)
		return false;
	/* As h2o_hpack_header_table_get(), without a division. */
	at = table->entry_start_index + index;
	at -= at >= table->entry_capacity ? table->entry_capacity : 0;
	return table->entries[at].name == &H2O_TOKEN_CONTENT_LENGTH->buf;
}

static inline bool index_is_length(const struct block *b, uint32_t index)
{
	return index <= STATIC_ENTRIES ? index == STATIC_CONTENT_LENGTH : entry_is_length(b, index);
}

/* One field with a name of its own, or of an entry. False: garbage, which libh2o finds, too. */
static bool literal_walk(struct block *b, unsigned bits, bool adds)
{
	int64_t index = integer_take(b, bits);
	const uint8_t *text;
	bool huffman, length;
	size_t len;

	if (index < 0)
		return false;
	if (index == 0) {
		huffman = b->at < b->end && *b->at & 128;
		text = string_take(b, &len);
		length = text && literal_is_length(text, len, huffman);
	} else {
		text = b->at;
		length = index_is_length(b, (uint32_t)index);
	}
	if (!text || !string_take(b, &len))
		return false;
	b->lengths += length;
	if (adds) {
		b->added++;
		b->added_lengths = b->added_lengths << 1 | length;
	}
	return true;
}

static void block_walk(struct block *b)
{
	int64_t index;
	bool whole = true;

	while (whole && b->at < b->end) {
		uint8_t first = *b->at;

		if (first >= 0x80) {
			index = integer_take(b, 7);
			whole = index > 0;
			b->lengths += whole && index_is_length(b, (uint32_t)index);
		} else if (first >= 0x40) {
			whole = literal_walk(b, 6, true);
		} else if (first >= 0x20) {
			b->late_update |= b->fields > 0;
			whole = integer_take(b, 5) >= 0;
			continue;
		} else {
			whole = literal_walk(b, 4, false);
		}
		b->fields++;
	}
}

/* ---- the request, after it ---- */

/* A bit for each of ASCII's characters: those that no method (RFC 9110, 5.6.2), or no authority
 * may have, controls and space among them. Every request is asked: no search for each byte. */
#define NO_CONTROL 0x00000001ffffffffULL
#define BIT(c) (1ULL << ((c)&63))
static const uint64_t no_token[2] = { NO_CONTROL | BIT('"') | BIT('(') | BIT(')') | BIT(',') |
					      BIT('/') | BIT(':') | BIT(';') | BIT('<') | BIT('=') |
					      BIT('>') | BIT('?'),
				      BIT('@') | BIT('[') | BIT('\\') | BIT(']') | BIT('{') |
					      BIT('}') | BIT(0x7f) };
/* RFC 9113, 8.3.1: no user's name; and nothing that ends an authority in a URL. */
static const uint64_t no_authority[2] = { NO_CONTROL | BIT('#') | BIT('/') | BIT('?'),
					  BIT('@') | BIT('\\') | BIT(0x7f) };

static bool free_of(const uint64_t set[2], h2o_iovec_t s)
{
	bool good = true;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.base[i];

		good &= c < 128 && !(set[c >> 6] >> (c & 63) & 1);
	}
	return good;
}

static bool path_valid(const h2o_req_t *req)
{
	h2o_iovec_t path = req->input.path;

	if (h2o_memis(path.base, path.len, H2O_STRLIT("*")))
		return h2o_memis(req->input.method.base, req->input.method.len,
				 H2O_STRLIT("OPTIONS"));
	return path.len > 0 && path.base[0] == '/' && !memchr(path.base, '#', path.len);
}

static bool value_valid(const h2o_iovec_t *value)
{
	char first, last;

	if (value->len == 0)
		return true;
	first = value->base[0];
	last = value->base[value->len - 1];
	return first != ' ' && first != '\t' && last != ' ' && last != '\t';
}

static bool field_valid(const h2o_header_t *h)
{
	if (h->name->len == 0 || !value_valid(&h->value))
		return false;
	/* RFC 9113, 8.2.2; libh2o refuses the others. */
	return h->name != &H2O_TOKEN_KEEP_ALIVE->buf &&
	       !h2o_memis(h->name->base, h->name->len, H2O_STRLIT("proxy-connection"));
}

static bool host_take(h2o_req_t *req, const h2o_iovec_t *host, bool *seen)
{
	h2o_iovec_t *authority = &req->input.authority;
	bool first = !*seen;

	*seen = true;
	if (authority->base && first)
		return authority->len == host->len &&
		       strncasecmp(authority->base, host->base, host->len) == 0;
	if (first)
		*authority = *host;
	return first;
}

/* Host is checked, and taken out of the headers: from here on it is the authority. */
static bool fields_valid(h2o_req_t *req, size_t *size)
{
	bool host = false;
	size_t kept = 0;

	for (size_t i = 0; i < req->headers.size; i++) {
		const h2o_header_t *h = &req->headers.entries[i];

		*size += FIELD_OVERHEAD + h->name->len + h->value.len;
		if (!field_valid(h))
			return false;
		if (h->name == &H2O_TOKEN_HOST->buf) {
			if (!host_take(req, &h->value, &host))
				return false;
		} else if (kept++ != i) {
			req->headers.entries[kept - 1] = *h;
		}
	}
	req->headers.size = kept;
	return true;
}

static bool request_valid(h2o_req_t *req, const struct block *b, size_t content_length)
{
	const h2o_http2_stream_t *stream = H2O_STRUCT_FROM_MEMBER(h2o_http2_stream_t, req, req);

	if (req->input.method.len == 0 || !free_of(no_token, req->input.method) ||
	    !path_valid(req) || !free_of(no_authority, req->input.authority) || b->lengths > 1)
		return false;
	/* libh2o compares it with the body where there is one. */
	return stream->_req_body || content_length == SIZE_MAX || content_length == 0;
}

static int list_refuse(struct gw_client *c, const char **why)
{
	*why = gw_client_cut(c, GW_ABUSE_header);
	return H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM;
}

/* Of one that is to be refused anyhow a body that has not all come is not read. */
static void body_leave(h2o_req_t *req, struct gw_client *c, size_t content_length)
{
	h2o_http2_stream_t *stream = H2O_STRUCT_FROM_MEMBER(h2o_http2_stream_t, req, req);
	struct gw_worker *w = c->worker;

	if (!stream->_req_body || content_length <= c->sock->input->size || !w->refuses ||
	    !w->refuses(w))
		return;
	gw_late_begin(stream);
	gw_client_earn(c, GW_ABUSE_data, DATA_CREDIT);
}

static int request_judge(h2o_req_t *req, const struct block *b, int r, int *pseudo,
			 size_t content_length, const char **why)
{
	const h2o_http2_conn_t *conn = (const void *)req->conn;
	struct gw_client *c = gw_client_of(req->conn);
	size_t size = req->input.path.len + req->input.authority.len + req->input.method.len;

	if (!fields_valid(req, &size) || (*pseudo && !request_valid(req, b, content_length))) {
		*pseudo = 0;
		return 0;
	}
	if (size > LIST_MAX) {
		*why = "more than 64 KiB of header fields";
		return H2O_HTTP2_ERROR_INVALID_HEADER_CHAR;
	}
	/* What it cancelled runs on, and counts. */
	if (c->cancelled > 0 && conn->num_streams.pull.open + c->cancelled > STREAMS_MAX) {
		c->rst_code = -H2O_HTTP2_ERROR_REFUSED_STREAM;
		*pseudo = 0;
		return 0;
	}
	if (r == 0)
		body_leave(req, c, content_length);
	return r;
}

int h2o_hpack_parse_headers(h2o_req_t *req, h2o_hpack_header_table_t *table, const uint8_t *src,
			    size_t len, int *pseudo, size_t *content_length,
			    h2o_cache_digests_t **digests, const char **why)
{
	static void *cache;
	gw_headers_parse_fn *next;
	struct block b = { .at = src, .end = src + len, .table = table };
	size_t before = req->headers.size;
	int r;

	block_walk(&b);
	if (b.late_update)
		return H2O_HTTP2_ERROR_COMPRESSION;
	if (b.fields > FIELDS_MAX)
		return list_refuse(gw_client_of(req->conn), why);
	*(void **)&next = gw_next(&cache, "h2o_hpack_parse_headers");
	r = next(req, table, src, len, pseudo, content_length, digests, why);
	if (pseudo && (r == 0 || r == H2O_HTTP2_ERROR_INVALID_HEADER_CHAR))
		return request_judge(req, &b, r, pseudo, *content_length, why);
	/* Trailers: nobody knows whether they may be headers (RFC 9110, 6.5.1). */
	req->headers.size = before;
	return r == H2O_HTTP2_ERROR_INVALID_HEADER_CHAR ? H2O_HTTP2_ERROR_PROTOCOL : r;
}

/* libh2o drops Host; with its mark taken away it is a header like others, and judged here. */
__attribute__((constructor)) static void host_keep(void)
{
	h2o_token_t *host = (h2o_token_t *)(uintptr_t)H2O_TOKEN_HOST;

	host->http2_should_reject = 0;
}
