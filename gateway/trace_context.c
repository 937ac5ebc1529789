// SPDX-License-Identifier: Apache-2.0
#include "gateway/trace_context.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/gateway.h"
#include "gateway/worker.h"

int gw_random_init(struct gw_random *random)
{
	ssize_t n = getrandom(random->state, sizeof(random->state), 0);

	if (n != (ssize_t)sizeof(random->state))
		return n < 0 ? -errno : -EIO;
	random->state[0] |= 1; /* all zero is the one state that xoshiro cannot leave */
	return 0;
}

static uint64_t rotate(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

/* xoshiro256**, Blackman and Vigna, https://prng.di.unimi.it/xoshiro256starstar.c */
uint64_t gw_random_next(struct gw_random *random)
{
	uint64_t *s = random->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* Fills `len` bytes (a multiple of 8); never all zero. */
static void random_bytes(struct gw_random *random, uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t x = gw_random_next(random);

		x |= i == 0 && x == 0;
		memcpy(to + i, &x, 8);
	}
}

static char *hex_put(char *to, const uint8_t *from, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	return to;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads `len` bytes of lower case hex; false when it is none. */
static bool hex_get(uint8_t *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(from[2 * i]), low = hex_digit(from[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

bool gw_traceparent_parse(const char *text, size_t len, uint8_t trace_id[16], uint8_t *flags)
{
	uint8_t version, id[16], parent[8], f;

	if (len < GW_TRACEPARENT_LEN || text[2] != '-' || text[35] != '-' || text[52] != '-')
		return false;
	if (!hex_get(&version, text, 1) || !hex_get(id, text + 3, 16) ||
	    !hex_get(parent, text + 36, 8) || !hex_get(&f, text + 53, 1))
		return false;
	if (version == 0xff || all_zero(id, sizeof(id)) || all_zero(parent, sizeof(parent)))
		return false;
	/* Later versions may say more, after another dash. */
	if (len > GW_TRACEPARENT_LEN && (version == 0 || text[GW_TRACEPARENT_LEN] != '-'))
		return false;
	memcpy(trace_id, id, sizeof(id));
	*flags = f & 1; /* "sampled" is the only one defined; the others are sent as zero */
	return true;
}

bool gw_request_id_valid(const char *text, size_t len)
{
	if (len == 0 || len > GW_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return true;
}

static void traceparent_format(char *to, const struct gw_trace *trace)
{
	*to++ = '0';
	*to++ = '0';
	*to++ = '-';
	to = hex_put(to, trace->trace_id, sizeof(trace->trace_id));
	*to++ = '-';
	to = hex_put(to, trace->parent_id, sizeof(trace->parent_id));
	*to++ = '-';
	hex_put(to, &trace->flags, 1);
}

void gw_trace_make(struct gw_random *random, h2o_mem_pool_t *pool, h2o_iovec_t id,
		   h2o_iovec_t traceparent, struct gw_trace *ret)
{
	bool keep_id = id.base && gw_request_id_valid(id.base, id.len);
	size_t id_len = keep_id ? id.len : 32;
	char *text = h2o_mem_alloc_pool(pool, GW_TRACEPARENT_LEN + id_len);

	if (!traceparent.base ||
	    !gw_traceparent_parse(traceparent.base, traceparent.len, ret->trace_id, &ret->flags)) {
		random_bytes(random, ret->trace_id, sizeof(ret->trace_id));
		ret->flags = 0;
	}
	random_bytes(random, ret->parent_id, sizeof(ret->parent_id));
	traceparent_format(text, ret);
	ret->traceparent = h2o_iovec_init(text, GW_TRACEPARENT_LEN);

	/* Copied: the client's bytes may move when more of them arrive. */
	text += GW_TRACEPARENT_LEN;
	if (keep_id) {
		memcpy(text, id.base, id.len);
	} else {
		uint8_t bytes[16];

		random_bytes(random, bytes, sizeof(bytes));
		hex_put(text, bytes, sizeof(bytes));
	}
	ret->id = h2o_iovec_init(text, id_len);
}

static h2o_iovec_t field_of(h2o_req_t *req, const char *name, size_t len)
{
	ssize_t i = h2o_find_header_by_str(&req->headers, name, len, -1);

	return i < 0 ? h2o_iovec_init(NULL, 0) : req->headers.entries[i].value;
}

void gw_trace_of(struct gw_worker *worker, h2o_req_t *req, struct gw_trace *ret)
{
	gw_trace_make(&worker->random, &req->pool, field_of(req, H2O_STRLIT("x-request-id")),
		      field_of(req, H2O_STRLIT("traceparent")), ret);
}

void gw_trace_put(h2o_req_t *req, const struct gw_trace *trace)
{
	static char id_text[] = "x-request-id", traceparent_text[] = "traceparent";
	static h2o_iovec_t id_name = { id_text, sizeof(id_text) - 1 };
	static h2o_iovec_t traceparent_name = { traceparent_text, sizeof(traceparent_text) - 1 };
	h2o_headers_t *headers = &req->res.headers;

	h2o_vector_reserve(&req->pool, headers, headers->size + 2);
	headers->entries[headers->size++] = (h2o_header_t){ &id_name, NULL, trace->id };
	headers->entries[headers->size++] =
		(h2o_header_t){ &traceparent_name, NULL, trace->traceparent };
}
