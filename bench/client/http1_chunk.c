/* SPDX-License-Identifier: Apache-2.0 */
/* http1_chunk.c - see http1.h. */
#include <errno.h>
#include <string.h>

#include "bench/client/http1.h"

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)(digit | 0x20);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static int size_byte(struct http1_chunk *k, char byte)
{
	int value = hex_value(byte);

	if (value >= 0) {
		k->left = k->left * 16 + (uint64_t)value;
		return ++k->digits <= HTTP1_CHUNK_DIGITS_MAX ? 0 : -EPROTO;
	}
	if (k->digits == 0 || (byte != '\r' && byte != ';' && byte != ' ' && byte != '\t'))
		return -EPROTO;
	k->state = byte == '\r' ? HTTP1_CHUNK_SIZE_LF : HTTP1_CHUNK_EXTENSION;
	return 0;
}

static int expect(struct http1_chunk *k, char byte, char wanted, enum http1_chunk_state next)
{
	if (byte != wanted)
		return -EPROTO;
	k->state = next;
	return 0;
}

/* Of extensions and trailers only the end is looked for. */
static int skipped_byte(struct http1_chunk *k, char byte, enum http1_chunk_state next)
{
	if (byte == '\r')
		k->state = next;
	return byte == '\n' || ++k->overhead > HTTP1_TRAILER_MAX ? -EPROTO : 0;
}

static int framing_byte(struct http1_chunk *k, char byte)
{
	switch (k->state) {
	case HTTP1_CHUNK_SIZE:
		return size_byte(k, byte);
	case HTTP1_CHUNK_EXTENSION:
		return skipped_byte(k, byte, HTTP1_CHUNK_SIZE_LF);
	case HTTP1_CHUNK_SIZE_LF:
		k->digits = 0;
		return expect(k, byte, '\n',
			      k->left ? HTTP1_CHUNK_DATA : HTTP1_CHUNK_TRAILER_BEGIN);
	case HTTP1_CHUNK_DATA_CR:
		return expect(k, byte, '\r', HTTP1_CHUNK_DATA_LF);
	case HTTP1_CHUNK_DATA_LF:
		return expect(k, byte, '\n', HTTP1_CHUNK_SIZE);
	case HTTP1_CHUNK_TRAILER_BEGIN:
		k->state = HTTP1_CHUNK_TRAILER;
		return skipped_byte(k, byte, HTTP1_CHUNK_END_LF);
	case HTTP1_CHUNK_TRAILER:
		return skipped_byte(k, byte, HTTP1_CHUNK_TRAILER_LF);
	case HTTP1_CHUNK_TRAILER_LF:
		return expect(k, byte, '\n', HTTP1_CHUNK_TRAILER_BEGIN);
	case HTTP1_CHUNK_END_LF:
		return expect(k, byte, '\n', HTTP1_CHUNK_DONE);
	default:
		return -EPROTO;
	}
}

int http1_chunk_input(struct bench_codec *c, const char *bytes, size_t count, size_t *ret_used)
{
	struct http1_chunk *k = &c->chunk;
	size_t at = 0, piece;
	int r = 0;

	while (at < count && r == 0 && k->state != HTTP1_CHUNK_DONE) {
		if (k->state != HTTP1_CHUNK_DATA) {
			r = framing_byte(k, bytes[at++]);
			continue;
		}
		piece = count - at < k->left ? count - at : (size_t)k->left;
		r = http1_body_add(c, bytes + at, piece);
		at += piece;
		k->left -= piece;
		if (k->left == 0)
			k->state = HTTP1_CHUNK_DATA_CR;
	}
	*ret_used = at;
	return r;
}
