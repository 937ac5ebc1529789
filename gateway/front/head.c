// SPDX-License-Identifier: Apache-2.0
#include "gateway/front/head.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "gateway/intake.h"
#include "gateway/strict.h"

#define FIELD_MAX 100 /* fields of an answer: more than a gateway sends */

#define FIXED_MAX 256 /* bytes of what is in every head */

#define FOR "x-forwarded-for"
#define PROTO "x-forwarded-proto"
#define SUBJECT "x-client-cert-subject"

/* picohttpparser's, as libh2o exports it beside phr_parse_request(). */
int phr_parse_response(const char *buf, size_t len, int *minor_version, int *status,
		       const char **msg, size_t *msg_len, struct phr_header *headers,
		       size_t *num_headers, size_t last_len);

/* ---- a request ---- */

/* No white space, no control character. */
static bool is_solid(h2o_iovec_t text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.base[i] <= ' ' || text.base[i] == 0x7f)
			return false;
	return true;
}

/* RFC 9110, 5.6.2; libh2o has made names of fields lower case. */
static bool is_token(h2o_iovec_t text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.base[i];

		if (c >= 0x7f || c <= ' ' || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return text.len > 0;
}

static bool is_line(h2o_iovec_t text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.base[i] == '\r' || text.base[i] == '\n' || text.base[i] == '\0')
			return false;
	return true;
}

bool front_head_valid(const h2o_req_t *req)
{
	if (!is_token(req->method) || !is_solid(req->path) || !is_solid(req->authority))
		return false;
	for (size_t i = 0; i < req->headers.size; i++)
		if (!is_token(*req->headers.entries[i].name) ||
		    !is_line(req->headers.entries[i].value))
			return false;
	return true;
}

struct writer {
	char *at;
	h2o_iovec_t connection;
	h2o_iovec_t cookies;
	h2o_iovec_t forwarded;
};

static void put(struct writer *w, const char *text, size_t len)
{
	memcpy(w->at, text, len);
	w->at += len;
}

static void field(struct writer *w, const char *name, size_t name_len, h2o_iovec_t value)
{
	put(w, name, name_len);
	put(w, H2O_STRLIT(": "));
	put(w, value.base, value.len);
	put(w, H2O_STRLIT("\r\n"));
}

static h2o_iovec_t joined(h2o_mem_pool_t *pool, h2o_iovec_t a, h2o_iovec_t b, const char *between)
{
	return a.len == 0 ? b : h2o_concat(pool, a, h2o_iovec_init(between, 2), b);
}

/* Fields of one name that came in several, as one: HTTP/1 has a single Cookie. */
static void gather(struct writer *w, h2o_req_t *req)
{
	for (size_t i = 0; i < req->headers.size; i++) {
		const h2o_header_t *h = &req->headers.entries[i];

		if (h->name == &H2O_TOKEN_COOKIE->buf)
			w->cookies = joined(&req->pool, w->cookies, h->value, "; ");
		else if (h->name == &H2O_TOKEN_X_FORWARDED_FOR->buf)
			w->forwarded = joined(&req->pool, w->forwarded, h->value, ", ");
		else if (h->name == &H2O_TOKEN_CONNECTION->buf)
			w->connection = gw_intake_connection(&req->pool, w->connection, h->value);
	}
}

static h2o_iovec_t client_address(h2o_req_t *req)
{
	struct sockaddr_storage addr;
	char host[NI_MAXHOST];
	socklen_t addr_len = req->conn->callbacks->get_peername(req->conn, (void *)&addr);
	size_t len = addr_len ? h2o_socket_getnumerichost((void *)&addr, addr_len, host) : SIZE_MAX;

	return len == SIZE_MAX ? h2o_iovec_init(NULL, 0) : h2o_strdup(&req->pool, host, len);
}

/* What the connection is: HTTP/2's ":scheme" is what its client says. */
static bool is_secure(const h2o_req_t *req)
{
	return req->conn->callbacks->get_socket(req->conn)->ssl != NULL;
}

static size_t size_of(const h2o_req_t *req, const struct writer *w, size_t subject_len)
{
	size_t size = FIXED_MAX + req->method.len + req->path.len + req->authority.len +
		      subject_len + w->cookies.len + w->forwarded.len;

	for (size_t i = 0; i < req->headers.size; i++)
		size += req->headers.entries[i].name->len + req->headers.entries[i].value.len + 4;
	return size;
}

/* Is it `name`, also for a program that sees no difference between "-" and "_", as with CGI? */
static bool alike(const h2o_header_t *h, const char *name, size_t len)
{
	if (h->name->len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (h->name->base[i] != name[i] && !(name[i] == '-' && h->name->base[i] == '_'))
			return false;
	return true;
}

static bool passes(h2o_iovec_t connection, const h2o_header_t *h)
{
	return h->name != &H2O_TOKEN_COOKIE->buf && !alike(h, H2O_STRLIT(FOR)) &&
	       !alike(h, H2O_STRLIT(PROTO)) && !alike(h, H2O_STRLIT(SUBJECT)) &&
	       !gw_intake_hop_by_hop(connection, h);
}

static void fields_put(struct writer *w, const h2o_req_t *req)
{
	for (size_t i = 0; i < req->headers.size; i++) {
		const h2o_header_t *h = &req->headers.entries[i];

		if (passes(w->connection, h))
			field(w, h->name->base, h->name->len, h->value);
	}
}

h2o_iovec_t front_head_request(h2o_req_t *req, const char *subject)
{
	struct writer w = { NULL, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	size_t subject_len = subject ? strlen(subject) : 0;
	h2o_iovec_t address = client_address(req);
	char *text;

	gather(&w, req);
	if (address.len > 0)
		w.forwarded = joined(&req->pool, w.forwarded, address, ", ");
	w.at = text = h2o_mem_alloc_pool(&req->pool, size_of(req, &w, subject_len));
	put(&w, req->method.base, req->method.len);
	put(&w, H2O_STRLIT(" "));
	put(&w, req->path.base, req->path.len);
	put(&w, H2O_STRLIT(" HTTP/1.1\r\n"));
	/* Without one (HTTP/1.0) it is there and empty: RFC 9112, 3.2. */
	field(&w, H2O_STRLIT("host"),
	      gw_intake_host_known(req) ? req->authority : h2o_iovec_init(NULL, 0));
	if (req->entity.base)
		w.at += sprintf(w.at, "content-length: %zu\r\n", req->entity.len);
	fields_put(&w, req);
	if (w.cookies.len > 0)
		field(&w, H2O_STRLIT("cookie"), w.cookies);
	if (w.forwarded.len > 0)
		field(&w, H2O_STRLIT(FOR), w.forwarded);
	field(&w, H2O_STRLIT(PROTO),
	      is_secure(req) ? H2O_URL_SCHEME_HTTPS.name : H2O_URL_SCHEME_HTTP.name);
	if (subject)
		field(&w, H2O_STRLIT(SUBJECT), h2o_iovec_init(subject, subject_len));
	put(&w, H2O_STRLIT("\r\n"));
	return h2o_iovec_init(text, (size_t)(w.at - text));
}

/* ---- an answer ---- */

/* Takes a field; false when the answer's end is not clear by it. */
static bool field_take(h2o_req_t *req, const struct phr_header *from, h2o_iovec_t connection,
		       struct front_head *head)
{
	h2o_iovec_t name = h2o_strdup(&req->pool, from->name, from->name_len);
	h2o_iovec_t value = h2o_strdup(&req->pool, from->value, from->value_len);
	const h2o_token_t *token;
	h2o_header_t h = { .value = value };

	h2o_strtolower(name.base, name.len);
	token = h2o_lookup_token(name.base, name.len);
	if (token == H2O_TOKEN_CONTENT_LENGTH) {
		head->length = h2o_strtosize(value.base, value.len);
		return head->length != SIZE_MAX;
	}
	if (token == H2O_TOKEN_TRANSFER_ENCODING) {
		head->chunked = true;
		return h2o_lcstris(value.base, value.len, H2O_STRLIT("chunked"));
	}
	if (token && token->proxy_should_drop_for_res)
		return true;
	h.name = token ? (h2o_iovec_t *)(uintptr_t)&token->buf : &name;
	if (gw_intake_hop_by_hop(connection, &h))
		return true;
	/* Vary that it knows libh2o exchanges for something else, by User-Agent. */
	if (token && token != H2O_TOKEN_VARY)
		h2o_add_header(&req->pool, &req->res.headers, token, NULL, value.base, value.len);
	else
		h2o_add_header_by_str(&req->pool, &req->res.headers, name.base, name.len, 0, NULL,
				      value.base, value.len);
	return true;
}

static int answer_take(h2o_req_t *req, const struct phr_header *fields, size_t count,
		       struct front_head *head)
{
	h2o_iovec_t connection = { NULL, 0 };

	/* The same judgement as of requests: its end is in one place. */
	if (!gw_strict_headers_valid(fields, count))
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		if (h2o_lcstris(fields[i].name, fields[i].name_len, H2O_STRLIT("connection")))
			connection = gw_intake_connection(&req->pool, connection,
							  h2o_iovec_init(fields[i].value,
									 fields[i].value_len));
	}
	if (connection.len > 0 &&
	    h2o_contains_token(connection.base, connection.len, H2O_STRLIT("close"), ','))
		head->keep = false;
	for (size_t i = 0; i < count; i++)
		if (!field_take(req, &fields[i], connection, head))
			return -EBADMSG;
	return 0;
}

int front_head_answer(h2o_req_t *req, const char *bytes, size_t len, struct front_head *ret)
{
	struct front_head head = { .length = SIZE_MAX };
	struct phr_header fields[FIELD_MAX];
	const char *reason;
	size_t count, reason_len;
	int minor, status, n;

	do {
		count = FIELD_MAX;
		n = phr_parse_response(bytes + head.len, len - head.len, &minor, &status, &reason,
				       &reason_len, fields, &count, 0);
		if (n < 0)
			return n == -2 ? -EAGAIN : -EBADMSG;
		head.len += (size_t)n;
	} while (status >= 100 && status < 200 && status != 101);
	if (status < 200 || status > 999)
		return -EBADMSG;
	head.keep = minor >= 1;
	n = answer_take(req, fields, count, &head);
	if (n < 0)
		return n;
	req->res.status = status;
	req->res.reason = h2o_strdup(&req->pool, reason, reason_len).base;
	req->res.content_length = head.chunked ? SIZE_MAX : head.length;
	*ret = head;
	return 0;
}
