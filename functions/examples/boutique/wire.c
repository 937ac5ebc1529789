/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

struct wire_in wire_in(sp_str message)
{
	const char *at = message.data ? message.data : ""; /* nothing may be nowhere */

	return (struct wire_in){ at, at + message.len, false };
}

static bool control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

sp_str wire_text(struct wire_in *in, char mark, size_t min, size_t max)
{
	const char *start = in->at, *p = start;
	sp_str text = { NULL, 0 };

	if (in->bad)
		return text;
	while (p < in->end && !control((unsigned char)*p))
		p++;
	if (p == in->end || *p != mark || (size_t)(p - start) < min || (size_t)(p - start) > max) {
		in->bad = true;
		return text;
	}
	in->at = p + 1;
	return (sp_str){ start, (size_t)(p - start) };
}

/* Digits, at most 18 of them: no overflow, and no second way to write a number. */
int64_t wire_number(struct wire_in *in, char mark, int64_t min, int64_t max)
{
	sp_str text = wire_text(in, mark, 1, 19);
	size_t sign = text.len > 0 && text.data[0] == '-', digits = text.len - sign;
	int64_t number = 0;

	if (in->bad)
		return 0;
	if (digits == 0 || digits > 18 || (text.data[sign] == '0' && text.len > 1))
		in->bad = true;
	for (size_t i = sign; i < text.len && !in->bad; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			in->bad = true;
		number = number * 10 + (text.data[i] - '0');
	}
	if (sign)
		number = -number;
	if (number < min || number > max)
		in->bad = true;
	return in->bad ? 0 : number;
}

bool wire_more(const struct wire_in *in)
{
	return !in->bad && in->at < in->end;
}

bool wire_done(const struct wire_in *in)
{
	return !in->bad && in->at == in->end;
}

void wire_put(struct wire_out *out, sp_str text, char mark)
{
	for (size_t i = 0; i < text.len; i++)
		if (control((unsigned char)text.data[i]))
			out->bad = true;
	if (out->bad || out->cap - out->len < text.len + 1) {
		out->bad = true;
		return;
	}
	if (text.len)
		memcpy(out->data + out->len, text.data, text.len);
	out->len += text.len;
	out->data[out->len++] = mark;
}

void wire_put_number(struct wire_out *out, int64_t number, char mark)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRId64, number);

	wire_put(out, (sp_str){ text, (size_t)len }, mark);
}

sp_str wire_since(const struct wire_out *out, size_t start)
{
	return out->bad ? (sp_str){ NULL, 0 } : (sp_str){ out->data + start, out->len - start };
}

sp_verdict wire_reply(sp_request *req, const struct wire_out *out)
{
	if (out->bad)
		return sp_fail(req, SP_EINTERNAL, "an answer that does not fit its message");
	if (sp_set_body(req, out->data, out->len) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return SP_REPLY;
}

sp_verdict wire_refuse(sp_request *req, const char *expected)
{
	sp_str topic = sp_meta_of(req)->topic;

	return sp_fail(req, SP_EINPUT, "topic \"%.*s\": expected %s", SP_ARG(topic), expected);
}

struct wire_in wire_of(const sp_call *call)
{
	return wire_in((sp_str){ call->reply.data, call->reply.len });
}

sp_verdict wire_failed(sp_request *req, const sp_call *call, const char *what)
{
	sp_error error = call->error == SP_OK ? SP_EUPSTREAM : call->error;

	if (call->error == SP_OK)
		return sp_fail(req, error, "%s: an answer of no known form", what);
	if (call->reply.len == 0)
		return sp_fail(req, error, "%s: no answer", what);
	return sp_fail(req, error, "%.*s", (int)call->reply.len, call->reply.data);
}

bool text_equals(sp_str a, sp_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool text_is(sp_str a, const char *b)
{
	return text_equals(a, text_of(b));
}

sp_str text_of(const char *text)
{
	return (sp_str){ text, strlen(text) };
}

/* Bytes of the character that starts with `first`, 0 when none does. */
static size_t sequence_length(unsigned char first)
{
	if (first < 0x80)
		return control(first) ? 0 : 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

static bool sequence_clean(const unsigned char *p, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return false;
	if (len == 2) /* U+0080 to U+009F are control characters too */
		return p[0] != 0xc2 || p[1] >= 0xa0;
	if (len == 3) /* neither a longer way to write less, nor half of a pair */
		return (p[0] != 0xe0 || p[1] >= 0xa0) && (p[0] != 0xed || p[1] < 0xa0);
	if (len == 4)
		return (p[0] != 0xf0 || p[1] >= 0x90) && (p[0] != 0xf4 || p[1] < 0x90);
	return true;
}

bool text_clean(sp_str text)
{
	const unsigned char *p = (const unsigned char *)text.data;
	size_t len;

	for (size_t i = 0; i < text.len; i += len) {
		len = sequence_length(p[i]);
		if (len == 0 || len > text.len - i || !sequence_clean(p + i, len))
			return false;
	}
	return true;
}

uint64_t text_hash(sp_str text, uint64_t seed)
{
	uint64_t hash = 0xcbf29ce484222325U ^ seed;

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3U;
	/* The upper bits are the mixed ones. */
	return hash ^ hash >> 32;
}

void line_write(struct wire_out *out, const struct line *line)
{
	wire_put(out, line->id, WIRE_TAB);
	wire_put_number(out, line->quantity, WIRE_LINE);
}

size_t lines_read(struct wire_in *in, struct line lines[LINES_MAX])
{
	size_t count = 0;

	while (wire_more(in)) {
		if (count == LINES_MAX) {
			in->bad = true;
			break;
		}
		lines[count].id = wire_text(in, WIRE_TAB, 1, ID_MAX);
		lines[count].quantity = (uint32_t)wire_number(in, WIRE_LINE, 1, QUANTITY_MAX);
		count++;
	}
	return in->bad ? 0 : count;
}
