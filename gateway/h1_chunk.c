// SPDX-License-Identifier: Apache-2.0
#include "gateway/h1_chunk.h"

#include <stdbool.h>
#include <string.h>

#include "gateway/h1_bytes.h"

#define LINE_FREE 16 /* bytes of a line that need no excuse */

/* X(name, what the next byte is) */
#define STATES(X)                                                      \
	X(SIZE, "a digit of the size")                                 \
	X(AFTER, "white space behind size, name or value, or ';'")     \
	X(NAME_FIRST, "white space before an extension's name, or it") \
	X(NAME, "of the name")                                         \
	X(EQUALS, "white space behind the name, '=' or ';'")           \
	X(VALUE_FIRST, "white space before the value, or it")          \
	X(VALUE, "of a token")                                         \
	X(QUOTED, "inside a quoted string")                            \
	X(ESCAPED, "behind a backslash")                               \
	X(UNQUOTED, "behind a quoted string")                          \
	X(SIZE_LF, "the newline of a size line")                       \
	X(DATA, "of the chunk's data")                                 \
	X(DATA_CR, "behind the data")                                  \
	X(DATA_LF, "behind that")                                      \
	X(TRAILER, "the first of a trailer line")                      \
	X(FIELD, "of a trailer field's name")                          \
	X(FIELD_VALUE, "of its value")                                 \
	X(FIELD_LF, "its newline")                                     \
	X(END_LF, "the last newline")                                  \
	X(END, "none")                                                 \
	X(BROKEN, "none, for it was refused")

enum state {
#define X(name, what) name,
	STATES(X)
#undef X
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static unsigned hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* ---- a size line ---- */

static enum state after_size(char c)
{
	if (c == '\r')
		return SIZE_LF;
	if (c == ';')
		return NAME_FIRST;
	return BROKEN;
}

static enum state size(struct phr_chunked_decoder *d, char c)
{
	if (gw_h1_is(c, GW_H1_HEX)) {
		if (d->line > GW_H1_CHUNK_DIGITS)
			return BROKEN;
		d->bytes_left_in_chunk = d->bytes_left_in_chunk << 4 | hex(c);
		return d->bytes_left_in_chunk > GW_H1_CHUNK_MAX ? BROKEN : SIZE;
	}
	if (d->line == 1)
		return BROKEN; /* no digit */
	return blank(c) ? AFTER : after_size(c);
}

static enum state name(enum state now, char c)
{
	if (gw_h1_is(c, GW_H1_TOKEN))
		return NAME;
	if (now == NAME_FIRST)
		return blank(c) ? NAME_FIRST : BROKEN;
	if (c == '=')
		return VALUE_FIRST;
	return blank(c) ? EQUALS : after_size(c);
}

static enum state equals(char c)
{
	if (c == '=')
		return VALUE_FIRST;
	if (c == ';')
		return NAME_FIRST;
	return blank(c) ? EQUALS : BROKEN;
}

static enum state extension(enum state now, char c)
{
	switch (now) {
	case VALUE_FIRST:
		if (c == '"')
			return QUOTED;
		if (blank(c))
			return VALUE_FIRST;
		return gw_h1_is(c, GW_H1_TOKEN) ? VALUE : BROKEN;
	case VALUE:
		if (gw_h1_is(c, GW_H1_TOKEN))
			return VALUE;
		return blank(c) ? AFTER : after_size(c);
	case QUOTED:
		if (c == '"')
			return UNQUOTED;
		if (c == '\\')
			return ESCAPED;
		return gw_h1_is(c, GW_H1_VALUE) ? QUOTED : BROKEN;
	case ESCAPED:
		return gw_h1_is(c, GW_H1_VALUE) ? QUOTED : BROKEN;
	case UNQUOTED:
		return blank(c) ? AFTER : after_size(c);
	default: /* AFTER */
		if (c == ';')
			return NAME_FIRST;
		return blank(c) ? AFTER : BROKEN;
	}
}

/* Bytes that are no body must stand in a proportion to those that are. */
static bool excuse(struct phr_chunked_decoder *d)
{
	size_t excess = d->excess + (size_t)d->line, free = LINE_FREE;

	free += d->bytes_left_in_chunk < GW_H1_CHUNK_EXCESS ? 2 * d->bytes_left_in_chunk :
							      2 * GW_H1_CHUNK_EXCESS;
	excess = excess > free ? excess - free : 0;
	d->excess = (uint16_t)excess;
	return excess <= GW_H1_CHUNK_EXCESS;
}

static enum state size_end(struct phr_chunked_decoder *d, char c)
{
	if (c != '\n' || !excuse(d))
		return BROKEN;
	d->line = 0;
	if (d->bytes_left_in_chunk > 0)
		return DATA;
	return d->consume_trailer ? TRAILER : END;
}

static enum state size_line(struct phr_chunked_decoder *d, char c)
{
	enum state now = d->state;

	if (++d->line > GW_H1_CHUNK_LINE_MAX)
		return BROKEN;
	switch (now) {
	case SIZE:
		return size(d, c);
	case NAME_FIRST:
	case NAME:
		return name(now, c);
	case EQUALS:
		return equals(c);
	case SIZE_LF:
		return size_end(d, c);
	default:
		return extension(now, c);
	}
}

/* ---- the trailer section ---- */

static enum state trailer(struct phr_chunked_decoder *d, char c)
{
	if (++d->line > GW_H1_TRAILER_MAX)
		return BROKEN;
	switch (d->state) {
	case TRAILER:
		if (c == '\r')
			return END_LF;
		if (++d->fields > GW_H1_TRAILER_FIELDS_MAX)
			return BROKEN;
		return gw_h1_is(c, GW_H1_TOKEN) ? FIELD : BROKEN;
	case FIELD:
		if (c == ':')
			return FIELD_VALUE;
		return gw_h1_is(c, GW_H1_TOKEN) ? FIELD : BROKEN;
	case FIELD_VALUE:
		if (c == '\r')
			return FIELD_LF;
		return gw_h1_is(c, GW_H1_VALUE) ? FIELD_VALUE : BROKEN;
	case FIELD_LF:
		return c == '\n' ? TRAILER : BROKEN;
	default: /* END_LF */
		return c == '\n' ? END : BROKEN;
	}
}

/* ---- all of it ---- */

static enum state step(struct phr_chunked_decoder *d, char c)
{
	if (d->state < DATA)
		return size_line(d, c);
	if (d->state >= TRAILER)
		return trailer(d, c);
	if (d->state == DATA_CR)
		return c == '\r' ? DATA_LF : BROKEN;
	return c == '\n' ? SIZE : BROKEN;
}

/* Data of the chunk that are there: moved to `to`. Returns how many. */
static size_t data(struct phr_chunked_decoder *d, char *to, const char *from, size_t there)
{
	size_t len = there < d->bytes_left_in_chunk ? there : d->bytes_left_in_chunk;

	if (to != from)
		memmove(to, from, len);
	d->bytes_left_in_chunk -= len;
	if (d->bytes_left_in_chunk == 0)
		d->state = DATA_CR;
	return len;
}

ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz)
{
	struct phr_chunked_decoder *d = decoder;
	size_t from = 0, to = 0, size = *bufsz, len;

	while (from < size && d->state < END) {
		if (d->state == DATA) {
			len = data(d, buf + to, buf + from, size - from);
			from += len;
			to += len;
		} else {
			d->state = step(d, buf[from++]);
		}
	}
	if (to != from)
		memmove(buf + to, buf + from, size - from);
	*bufsz = to;
	if (d->state == END)
		return (ssize_t)(size - from);
	return d->state == BROKEN ? -1 : -2;
}
