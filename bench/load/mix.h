/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mix.h - what is asked: requests with weights, and what a right answer to each is.
 *
 * For: the client, which sends them; the trace reader, which adds to them.
 * How: a mix is a list of visits, each one or more requests (steps) in a row by one user. A mix
 * of one request is what --method, --path and --body say. A mix file has the form of
 * functions/examples/boutique/mix.txt:
 *     WEIGHT METHOD PATH [BODY]      "+" as the weight: goes on with the visit of the line before
 *     header NAME: [VALUE]           of the requests below; "host" too; no VALUE: from here on not
 * A cookie header with {..} is a user's: what the server set last for that user is sent with it.
 * {product}, {quantity}, {currency} are chosen for each visit; {user} is the user's number; other
 * braces stay. BODY may be @FILE (relative to the mix file); it is
 * application/x-www-form-urlencoded unless a header line says otherwise. Texts are filled in while
 * a request is sent.
 * Thread-safety: read-only once made; each client thread has its own bench_users.
 */
#ifndef SPROCKET_BENCH_MIX_H
#define SPROCKET_BENCH_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/random.h"
#include "bench/load/schedule.h"

#define BENCH_REQUESTS_MAX 4096U
#define BENCH_HEADERS_MAX 16U
#define BENCH_PATH_MAX 2048U  /* with its NUL, filled in */
#define BENCH_VALUE_MAX 4096U /* of a header, likewise */
#define BENCH_BODY_MAX (64U << 20)
#define BENCH_COOKIE_MAX 48U /* that a server sets, with a NUL; longer ones are not kept */

/* How an answer's body is judged; its status and its length must be right in any case. */
enum bench_verify {
	BENCH_VERIFY_STATUS, /* status alone */
	BENCH_VERIFY_FIRST,  /* the same length and hash as the first answer to this request */
	BENCH_VERIFY_ECHO,   /* the bytes that were sent */
	BENCH_VERIFY_NONCE,  /* the bytes that were sent; each request's begin with its number */
	BENCH_VERIFY_BYTES,  /* `expected` */
};

struct bench_header {
	const char *name, *value; /* name in lower case */
};

struct bench_request {
	const char *method, *path, *host; /* host NULL: the address; path with {..} when filled */
	const char *body;                 /* with {..} when filled; not NUL-terminated */
	size_t body_len;
	struct bench_header headers[BENCH_HEADERS_MAX];
	unsigned header_count;
	bool filled; /* path, body or a header has {..}; bench_mix_add finds out */
	enum bench_verify verify;
	uint16_t status; /* 0: any from 200 to 399 */
	const char *expected;
	size_t expected_len;
	uint64_t max_len; /* BENCH_VERIFY_STATUS: 0: any */
};

struct bench_visit {
	uint32_t weight, first, steps; /* steps: requests first .. first + steps - 1 */
	uint64_t below;                /* weights of all visits up to this one */
};

struct bench_mix {
	struct bench_request *requests;
	uint32_t request_count, request_room;
	struct bench_visit *visits;
	uint32_t visit_count, visit_room;
	uint64_t weight; /* of all visits */
	void *texts;     /* what the strings lie in; mix.c only */
};

void bench_mix_init(struct bench_mix *mix);
void bench_mix_done(struct bench_mix *mix);

/* Copies what `request` points to. Returns its index, or -ENOMEM, -E2BIG (a limit above), -EINVAL
 * (not fit for HTTP: a path that does not begin with '/', blanks or line ends where none may be).
 * `weight` 0: no visit (a trace's request, chosen by its arrival). */
int bench_mix_add(struct bench_mix *mix, const struct bench_request *request, uint32_t weight);

/* Returns 0, or -errno with `error` naming the line; the mix is as before then. page: 0, or only
 * the visit of that number, from 1. */
int bench_mix_read(struct bench_mix *mix, const char *path, unsigned page,
		   char error[BENCH_ERROR_TEXT]);

/* Keeps only the visit of that number, from 1. Returns 0, or -ERANGE. */
int bench_mix_choose(struct bench_mix *mix, unsigned page);

/* ---- users: who asks what next ---- */

struct bench_user {
	uint32_t visit, step; /* of its visit that comes next */
	uint32_t product, quantity, currency;
	char cookie[BENCH_COOKIE_MAX]; /* that the server set last: "name=value"; "": none */
};

struct bench_users {
	const struct bench_mix *mix;
	struct bench_random random;
	uint32_t count, turn, first_number;
	struct bench_user *users;
};

/* Users take turns, so that what one asks next waits for so many others. The first one's number is
 * first_number; *ret_user and `user` below count from 0. Returns 0, -ENOMEM, or -EINVAL: no users,
 * or no visit to choose from. */
int bench_users_init(struct bench_users *u, const struct bench_mix *mix, uint32_t count,
		     uint32_t first_number, uint64_t seed);
void bench_users_done(struct bench_users *u);

/* The next request, for the open and the closed loop. *ret_user is who asks. */
uint32_t bench_users_next(struct bench_users *u, uint32_t *ret_user);

/* `text` with its {..} replaced by what that user's present visit says. Returns the length (less
 * than twice that of the text), or -E2BIG. There is no NUL at the end. */
int bench_users_fill(const struct bench_users *u, uint32_t user, const char *text, size_t len,
		     char *to, size_t size);

/* An answer's set-cookie field, for that user's next requests. */
void bench_users_keep(struct bench_users *u, uint32_t user, const char *field, size_t len);

/* Whether there is anything to be replaced. */
bool bench_text_filled(const char *text, size_t len);

#endif
