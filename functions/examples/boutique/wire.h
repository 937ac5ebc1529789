/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - how the functions of the shop write to each other.
 *
 * A message is lines, a line is fields. A tab ends each field but the last of a line, a
 * newline the last. Fields are text without control characters; numbers are decimal, with a
 * minus sign when below zero. An empty list is an empty message. What is asked for is the
 * topic of the call. README.md lists the messages.
 *
 * How: a reader and a writer that remember the first error, so that a message is taken apart
 * or put together field by field and judged once, at its end. After an error a reader gives
 * empty fields and zeros, and a writer writes no more.
 */
#ifndef BOUTIQUE_WIRE_H
#define BOUTIQUE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sprocket.h>

#define WIRE_TAB '\t'
#define WIRE_LINE '\n'

/* ---- limits that several functions keep ---- */

#define USER_MAX 36U     /* bytes of a user's id: a UUID as text */
#define ID_MAX 15U       /* of a product's id */
#define TEXT_MAX 200U    /* of a name, a description, a line of an address */
#define PRODUCTS_MAX 24U /* in the catalogue */
#define LINES_MAX 16U    /* different products in a cart */
#define QUANTITY_MAX 9999U
#define CURRENCIES_MAX 64U

struct wire_in {
	const char *at;
	const char *end;
	bool bad;
};

struct wire_in wire_in(sp_str message);
/* The next field, min to max bytes long, ended by `mark`: WIRE_TAB or WIRE_LINE. It lies in
 * the message. */
sp_str wire_text(struct wire_in *in, char mark, size_t min, size_t max);
int64_t wire_number(struct wire_in *in, char mark, int64_t min, int64_t max);
/* There is another line to read. */
bool wire_more(const struct wire_in *in);
/* All was read, and all of it was right. */
bool wire_done(const struct wire_in *in);

struct wire_out {
	char *data;
	size_t len;
	size_t cap;
	bool bad; /* no room, or a field with control characters */
};

#define WIRE_OUT(array)                          \
	{                                        \
		(array), 0, sizeof(array), false \
	}

void wire_put(struct wire_out *out, sp_str text, char mark);
void wire_put_number(struct wire_out *out, int64_t number, char mark);
/* What was written since the writer's length was `start`; empty after an error. */
sp_str wire_since(const struct wire_out *out, size_t start);

/* The message is the handler's answer. */
sp_verdict wire_reply(sp_request *req, const struct wire_out *out);
/* The request is none that the function knows; `expected` says what it does know. */
sp_verdict wire_refuse(sp_request *req, const char *expected);

/* What a call brought. */
struct wire_in wire_of(const sp_call *call);
/* The handler fails as the call did; `what` was being done. */
sp_verdict wire_failed(sp_request *req, const sp_call *call, const char *what);

/* ---- text ---- */

bool text_equals(sp_str a, sp_str b);
bool text_is(sp_str a, const char *b);
sp_str text_of(const char *text);
/* UTF-8 without control characters. */
bool text_clean(sp_str text);
/* FNV-1a, to choose by; not against who chooses the text. */
uint64_t text_hash(sp_str text, uint64_t seed);

/* A line of a cart. */
struct line {
	sp_str id;
	uint32_t quantity; /* 1 to QUANTITY_MAX */
};

void line_write(struct wire_out *out, const struct line *line);
/* Reads lines to the message's end. Returns how many; more than LINES_MAX are an error. */
size_t lines_read(struct wire_in *in, struct line lines[LINES_MAX]);

#endif
