// SPDX-License-Identifier: Apache-2.0
#include "gateway/h1_head.h"

#include <string.h>

#include "gateway/h1_bytes.h"
#include "gateway/h1_target.h"

#define REFUSE(fault) (-3 - (fault)) /* its own inverse */
#define GOOD 0

/* What a head says of its message and its connection, so far. */
struct parse {
	const char *at;
	const char *end;
	struct gw_h1_head *head;
	const struct phr_header *connection; /* the last Connection field */
	unsigned lengths;
	unsigned codings;
	unsigned hosts;
	bool close;      /* some Connection field has it */
	bool keep;       /* "keep-alive", likewise */
	bool keep_heard; /* the last Connection field has it: all that libh2o looks at */
};

/* ---- the request line ---- */

static int newline(struct parse *p)
{
	if (p->at < p->end && *p->at != '\r')
		return REFUSE(GW_H1_LINE);
	if (p->end - p->at < 2)
		return GW_H1_MORE;
	if (p->at[1] != '\n')
		return REFUSE(GW_H1_LINE);
	p->at += 2;
	return GOOD;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 9110, 2.5: of a minor version beyond ours, ours. */
static int version(struct parse *p)
{
	static const char name[] = "HTTP/d.d";
	size_t len = sizeof(name) - 1;

	for (size_t i = 0; i < len; i++) {
		if (p->at + i == p->end)
			return GW_H1_MORE;
		if (name[i] == 'd' ? !digit(p->at[i]) : p->at[i] != name[i])
			return REFUSE(GW_H1_LINE);
	}
	if (p->at + len == p->end)
		return GW_H1_MORE;
	if (p->at[len] != '\r')
		return REFUSE(GW_H1_LINE);
	if (p->at[5] != '1')
		return REFUSE(GW_H1_VERSION);
	p->head->minor = p->at[7] != '0';
	p->at += len;
	return newline(p);
}

static int target(struct parse *p)
{
	struct gw_h1_head *head = p->head;
	const char *limit =
		p->end - p->at > GW_H1_TARGET_MAX ? p->at + GW_H1_TARGET_MAX + 1 : p->end;
	const char *end = gw_h1_target_end(p->at, limit, head->method, head->method_len);

	if (end == limit && limit < p->end)
		return REFUSE(GW_H1_TARGET_SIZE);
	if (end == p->end)
		return p->end - p->at > GW_H1_TARGET_MAX ? REFUSE(GW_H1_TARGET_SIZE) : GW_H1_MORE;
	if (!end || end == p->at || *end != ' ')
		return REFUSE(GW_H1_TARGET);
	head->target = p->at;
	head->target_len = (size_t)(end - p->at);
	p->at = end + 1;
	return GOOD;
}

/* RFC 9113, 3.4: a head that nobody sends but who speaks HTTP/2. */
static int preface(const struct parse *p)
{
	static const char text[] = "PRI * HTTP/2";
	size_t len = (size_t)(p->end - p->at);

	if (len >= sizeof(text) - 1)
		return memcmp(p->at, text, sizeof(text) - 1) == 0 ? GW_H1_PREFACE : GOOD;
	return memcmp(p->at, text, len) == 0 ? GW_H1_MORE : GOOD;
}

static int request_line(struct parse *p)
{
	struct gw_h1_head *head = p->head;
	const char *end;
	int r;

	r = p->at < p->end && *p->at == 'P' ? preface(p) : GOOD;
	if (r == GOOD && p->at < p->end && *p->at == '\r')
		r = newline(p); /* RFC 9112, 2.2: one empty line is no harm */
	if (r != GOOD)
		return r;
	end = gw_h1_token_end(p->at, p->end);
	if (end == p->end)
		return GW_H1_MORE;
	if (end == p->at || *end != ' ')
		return REFUSE(GW_H1_LINE);
	head->method = p->at;
	head->method_len = (size_t)(end - p->at);
	p->at = end + 1;
	r = target(p);
	if (r == GOOD)
		r = version(p);
	if (r == GOOD && head->method_len == 7 && memcmp(head->method, "CONNECT", 7) == 0)
		r = REFUSE(GW_H1_CONNECT);
	return r;
}

/* ---- what single fields mean ---- */

static const char *list_next(const char **at, const char *end, size_t *len)
{
	const char *from = *at, *to = memchr(from, ',', (size_t)(end - from));

	*at = to ? to + 1 : end + 1;
	to = to ? to : end;
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	*len = (size_t)(to - from);
	return from;
}

static bool is_chunked(const char *text, size_t len)
{
	return len == 7 && gw_h1_same(text, "chunked", 7);
}

/* RFC 9112, 6.1 and 7: chunked once, as the last; without it nobody knows the end. */
static int coding(struct parse *p, const struct phr_header *h)
{
	const char *at = h->value, *end = h->value + h->value_len, *item;
	unsigned chunked = 0, others = 0;
	bool last = false;
	size_t len;

	if (p->head->minor == 0 || ++p->codings > 1 || p->lengths > 0)
		return REFUSE(GW_H1_FRAMING);
	if (is_chunked(h->value, h->value_len))
		return GOOD;
	while (at <= end) {
		item = list_next(&at, end, &len);
		last = is_chunked(item, len);
		chunked += last;
		others += !last && len > 0;
	}
	return REFUSE(last && chunked == 1 && others > 0 ? GW_H1_CODING : GW_H1_FRAMING);
}

static int length(struct parse *p, const struct phr_header *h)
{
	if (++p->lengths > 1 || p->codings > 0 || h->value_len == 0)
		return REFUSE(GW_H1_FRAMING);
	for (size_t i = 0; i < h->value_len; i++)
		if (!digit(h->value[i]))
			return REFUSE(GW_H1_FRAMING);
	return h->value_len > GW_H1_LENGTH_DIGITS ? REFUSE(GW_H1_LENGTH) : GOOD;
}

static int host(struct parse *p, const struct phr_header *h)
{
	return ++p->hosts > 1 || !gw_h1_host_valid(h->value, h->value_len) ? REFUSE(GW_H1_HOST) :
									     GOOD;
}

static int connection(struct parse *p, const struct phr_header *h)
{
	const char *at = h->value, *end = h->value + h->value_len, *item;
	size_t len;

	p->connection = h;
	p->keep_heard = false;
	while (at <= end) {
		item = list_next(&at, end, &len);
		if (len == 5 && gw_h1_same(item, "close", 5))
			p->close = true;
		else if (len == 10 && gw_h1_same(item, "keep-alive", 10))
			p->keep = p->keep_heard = true;
	}
	return GOOD;
}

/* A field that is complete. *drop: libh2o must not hear of it. */
static int field_judge(struct parse *p, const struct phr_header *h, bool *drop)
{
	switch (h->name_len) {
	case 4:
		return gw_h1_same(h->name, "host", 4) ? host(p, h) : GOOD;
	case 6: /* RFC 9110, 10.1.1 */
		*drop = p->head->minor == 0 && gw_h1_same(h->name, "expect", 6);
		return GOOD;
	case 7: /* RFC 9113, 3.1: h2c by Upgrade is no more; a proxy that passes it on is blind */
		*drop = gw_h1_same(h->name, "upgrade", 7);
		return GOOD;
	case 10:
		return gw_h1_same(h->name, "connection", 10) ? connection(p, h) : GOOD;
	case 14:
		return gw_h1_same(h->name, "content-length", 14) ? length(p, h) : GOOD;
	case 17:
		return gw_h1_same(h->name, "transfer-encoding", 17) ? coding(p, h) : GOOD;
	default:
		return GOOD;
	}
}

/* ---- field lines ---- */

/* The value and its line's end. */
static int value(struct parse *p, struct phr_header *h)
{
	const char *from = p->at, *to;

	while (from < p->end && (*from == ' ' || *from == '\t'))
		from++;
	to = gw_h1_value_end(from, p->end);
	p->at = to;
	if (p->end - to < 2)
		return to == p->end || *to == '\r' ? GW_H1_MORE : REFUSE(GW_H1_FIELD);
	if (to[0] != '\r' || to[1] != '\n')
		return REFUSE(GW_H1_FIELD);
	p->at = to + 2;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	h->value = from;
	h->value_len = (size_t)(to - from);
	return GOOD;
}

static int field(struct parse *p)
{
	struct gw_h1_head *head = p->head;
	struct phr_header *h = &head->fields[head->count];
	const char *name = p->at, *colon = gw_h1_token_end(name, p->end);
	bool drop = false;
	int r;

	p->at = colon;
	if (colon == p->end)
		return GW_H1_MORE;
	if (*colon != ':' || colon == name)
		return REFUSE(GW_H1_FIELD);
	if (head->count == head->room)
		return REFUSE(GW_H1_SIZE);
	p->at = colon + 1;
	h->name = name;
	h->name_len = (size_t)(colon - name);
	r = value(p, h);
	if (r == GOOD) {
		r = field_judge(p, h, &drop);
		/* A fault of a line that is complete: its newline is before p->at. */
		p->at -= r != GOOD;
	}
	head->count += r == GOOD && !drop;
	return r;
}

static int fields(struct parse *p)
{
	int r;

	for (;;) {
		if (p->at < p->end && *p->at == '\r') {
			if (p->end - p->at < 2)
				return GW_H1_MORE;
			if (p->at[1] != '\n')
				return REFUSE(GW_H1_FIELD);
			p->at += 2;
			return GOOD;
		}
		r = field(p);
		if (r != GOOD)
			return r;
	}
}

/* RFC 9112, 9.3. libh2o looks for "keep-alive" in the last Connection field, if there is one;
 * where that is not what the fields say together, one more field says it. */
static int persistence(struct parse *p)
{
	struct gw_h1_head *head = p->head;
	bool keeps = !p->close && (head->minor > 0 || p->keep);
	bool heard = p->connection ? p->keep_heard : head->minor > 0;
	struct phr_header *h = &head->fields[head->count];

	if (keeps == heard)
		return GOOD;
	if (head->count == head->room)
		return REFUSE(GW_H1_SIZE);
	h->name = p->connection->name; /* libh2o writes to names */
	h->name_len = p->connection->name_len;
	h->value = keeps ? "keep-alive" : "close";
	h->value_len = strlen(h->value);
	head->count++;
	return GOOD;
}

/* ---- the head ---- */

/* True when nothing can have changed since a call that answered GW_H1_MORE: the request line was
 * complete, and no other line has ended. (The first two bytes may be an empty line.) */
static bool unchanged(const char *buf, size_t len, size_t last_len)
{
	return last_len > 2 && len >= last_len && memchr(buf + 2, '\n', last_len - 2) &&
	       !memchr(buf + last_len, '\n', len - last_len);
}

int gw_h1_head_parse(const char *buf, size_t len, size_t last_len, struct gw_h1_head *head)
{
	size_t seen = len > GW_H1_HEAD_MAX ? GW_H1_HEAD_MAX : len;
	struct parse p = { .at = buf, .end = buf + seen, .head = head };
	int r;

	head->method = head->target = NULL;
	head->method_len = head->target_len = head->count = 0;
	head->minor = 0;
	if (unchanged(buf, len, last_len))
		return len > seen ? REFUSE(GW_H1_SIZE) : GW_H1_MORE;
	r = request_line(&p);
	if (r == GOOD) {
		r = fields(&p);
		/* Whether the line's end is there must not depend on how its bytes arrive. */
		if (r < GW_H1_MORE && !memchr(p.at, '\n', (size_t)(p.end - p.at)))
			r = GW_H1_MORE;
	}
	if (r == GOOD)
		r = persistence(&p);
	if (r == GW_H1_MORE && len > seen)
		return REFUSE(GW_H1_SIZE);
	return r == GOOD ? (int)(p.at - buf) : r;
}
