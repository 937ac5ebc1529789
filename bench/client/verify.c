/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - whether an answer is right, and what it tells of its path; see connection.h. */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "bench/client/connection.h"

#define TOO_MANY_REQUESTS 429U
#define UNAVAILABLE 503U
#define NS_PER_MS 1e6
#define DURATION_MAX_MS 3.6e6

static bool status_right(const struct bench_request *r, uint16_t status,
			 enum bench_error *ret_error)
{
	if (r->status ? status == r->status : status >= 200 && status < 400)
		return true;
	*ret_error = status == TOO_MANY_REQUESTS || status == UNAVAILABLE ? BENCH_ERROR_shed :
									    BENCH_ERROR_status;
	return false;
}

static bool bytes_right(const struct bench_answer *answer, const char *bytes, size_t len,
			enum bench_error *ret_error)
{
	if (answer->body_len != len) {
		*ret_error = BENCH_ERROR_length;
		return false;
	}
	if (len > 0 && memcmp(answer->body, bytes, len) != 0) {
		*ret_error = BENCH_ERROR_body;
		return false;
	}
	return true;
}

/* The first one of all threads: each asks only until it knows. */
static void first_know(struct client_worker *w, uint32_t request, uint64_t hash, size_t len)
{
	struct client_first *first = &w->shared->firsts[request];

	pthread_mutex_lock(&w->shared->firsts_lock);
	if (!first->known)
		*first = (struct client_first){ .known = true, .hash = hash, .len = len };
	w->firsts[request] = *first;
	pthread_mutex_unlock(&w->shared->firsts_lock);
}

static bool first_right(struct client_worker *w, uint32_t request,
			const struct bench_answer *answer, enum bench_error *ret_error)
{
	struct client_first *first = &w->firsts[request];
	uint64_t hash = answer->body_len > 0 ? XXH3_64bits(answer->body, answer->body_len) : 0;

	if (!first->known)
		first_know(w, request, hash, answer->body_len);
	if (first->len == answer->body_len && first->hash == hash)
		return true;
	*ret_error = first->len == answer->body_len ? BENCH_ERROR_body : BENCH_ERROR_length;
	return false;
}

bool client_right(struct client_worker *w, const struct client_flight *f,
		  const struct bench_answer *answer, enum bench_error *ret_error)
{
	const struct bench_request *r = &w->load->mix->requests[f->asked.request];

	if (!status_right(r, answer->status, ret_error))
		return false;
	switch (r->verify) {
	case BENCH_VERIFY_FIRST:
		return first_right(w, f->asked.request, answer, ret_error);
	case BENCH_VERIFY_ECHO:
	case BENCH_VERIFY_NONCE:
		return bytes_right(answer, f->body, f->body_len, ret_error);
	case BENCH_VERIFY_BYTES:
		return bytes_right(answer, r->expected, r->expected_len, ret_error);
	default:
		*ret_error = BENCH_ERROR_length;
		return r->max_len == 0 || answer->body_len <= r->max_len;
	}
}

/* ---- server-timing: name;dur=1.5;desc="..", ... ---- */

/* Up to `stop` outside of quotes, or the end. */
static const char *until(const char *at, const char *end, char stop)
{
	bool quoted = false;

	for (; at < end && (quoted || *at != stop); at++) {
		if (quoted && *at == '\\' && at + 1 < end)
			at++;
		else if (*at == '"')
			quoted = !quoted;
	}
	return at;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

static const char *trim(const char *begin, const char *end)
{
	while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return end;
}

/* The value of dur in "name;dur=1.5;..", ms; below 0: none. */
static double duration(const char *at, const char *end)
{
	while (at < end) {
		const char *stop = until(at, end, ';'), *begin = skip_blanks(at, stop);
		char text[32] = "", *rest;
		size_t len = (size_t)(stop - begin);

		if (len > 4 && len - 4 < sizeof(text) && !strncasecmp(begin, "dur=", 4)) {
			double value;

			memcpy(text, begin + 4, len - 4);
			value = strtod(text, &rest);
			return rest != text && value >= 0 && value <= DURATION_MAX_MS ? value : -1;
		}
		at = stop + 1;
	}
	return -1;
}

struct bench_hop *client_hop(struct bench_outcome *out, const char *name, size_t len,
			     uint32_t likely)
{
	struct bench_hop *hop;

	if (len == 0 || len >= sizeof(hop->name))
		return NULL;
	for (uint32_t i = 0; i < out->hop_count; i++) {
		hop = &out->hops[(likely + i) % out->hop_count];
		if (!strncmp(hop->name, name, len) && hop->name[len] == '\0')
			return hop;
	}
	if (out->hop_count == BENCH_HOPS_MAX)
		return NULL;
	hop = &out->hops[out->hop_count];
	if (bench_histogram_init(&hop->ns) < 0)
		return NULL;
	memcpy(hop->name, name, len);
	hop->name[len] = '\0';
	out->hop_count++;
	return hop;
}

void client_hops_add(struct bench_outcome *out, const char *timing, size_t len)
{
	const char *at = timing, *end = timing + len;

	for (uint32_t place = 0; at < end; place++) {
		const char *stop = until(at, end, ','), *name = skip_blanks(at, stop);
		const char *name_end = until(name, stop, ';');
		double ms = duration(name_end < stop ? name_end + 1 : stop, stop);
		struct bench_hop *hop = NULL;

		if (ms >= 0)
			hop = client_hop(out, name, (size_t)(trim(name, name_end) - name), place);
		if (hop)
			bench_histogram_add(&hop->ns, (uint64_t)(ms * NS_PER_MS + 0.5));
		at = stop + 1;
	}
}
