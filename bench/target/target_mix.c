// SPDX-License-Identifier: Apache-2.0
/*
 * target_mix.c - what each workload is asked, and what a right answer is.
 *
 * Pictures and events are made by the examples' own programs, as their READMEs say; the same ones
 * each time. Where an answer follows from the question it is compared byte by byte; where it only
 * has to stay the same, with the first; else its status counts.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/explain.h"
#include "bench/target/process.h"
#include "bench/target/target_names.h"

#define PLACES 164 /* of the parking lot; every tenth car is a visitor */
#define EVENTS_MAX 4000
#define COLLECT_MAX (1U << 20)
#define GRPC_HEAD 5
#define GRPC_PATH "/bench.Chain/Pass"
#define FILLER "a body as small as an event or a sensor reading is; posted over and over again. "

static int added(int r, char error[BENCH_ERROR_TEXT])
{
	if (r >= 0)
		return 0;
	return bench_explain(error, r, "cannot make the requests: %s", strerror(-r));
}

static void header(struct bench_request *q, const char *name, const char *value)
{
	q->headers[q->header_count++] = (struct bench_header){ name, value };
}

/* A readable body of that length. NULL without memory; the caller frees it. */
static char *body_make(size_t len, size_t head)
{
	char *body = malloc(head + len + 1);

	if (!body)
		return NULL;
	memset(body, 0, head);
	for (size_t i = 0; i < len; i++)
		body[head + i] = FILLER[i % (sizeof(FILLER) - 1)];
	return body;
}

/* ---- one request, over and over ---- */

static void big_answer(const char *body, size_t len, char answer[9])
{
	uint32_t table[256], crc = UINT32_MAX;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320U : 0);
	}
	for (size_t i = 0; i < len; i++)
		crc = crc >> 8 ^ table[(crc ^ (unsigned char)body[i]) & 0xff];
	snprintf(answer, 9, "%08x", ~crc);
}

/* Fills in what is expected of the kinds that answer something of their own. */
static void expect(enum bench_target_kind kind, struct bench_request *q, char *answer)
{
	if (kind == BENCH_TARGET_BIG) {
		big_answer(q->body, q->body_len, answer);
		q->expected_len = 8;
	} else if (kind == BENCH_TARGET_HELLO) {
		for (size_t i = 0; i < q->body_len; i++)
			answer[i] = (char)toupper((unsigned char)q->body[i]);
		q->expected_len = q->body_len;
	} else {
		/* Without a body a bare server answers something of its own. */
		q->verify = q->body_len ? BENCH_VERIFY_ECHO : BENCH_VERIFY_FIRST;
		return;
	}
	q->verify = BENCH_VERIFY_BYTES;
	q->expected = answer;
}

static int single_mix(enum bench_target_kind kind, const char *path, size_t body_len,
		      struct bench_mix *mix, char error[BENCH_ERROR_TEXT])
{
	char *body = body_make(body_len, 0), *answer = malloc(body_len + 16);
	struct bench_request q = {
		.method = "POST", .path = path, .body = body, .body_len = body_len, .status = 200
	};
	int r = -ENOMEM;

	if (body && answer) {
		header(&q, "content-type", "text/plain");
		expect(kind, &q, answer);
		r = bench_mix_add(mix, &q, 1);
	}
	free(body);
	free(answer);
	return added(r, error);
}

/* gRPC's frame: a byte 0 (not compressed), the length in four, big end first. */
static int grpc_mix(size_t body_len, struct bench_mix *mix, char error[BENCH_ERROR_TEXT])
{
	char *body = body_make(body_len, GRPC_HEAD);
	struct bench_request q = { .method = "POST",
				   .path = GRPC_PATH,
				   .body = body,
				   .body_len = GRPC_HEAD + body_len,
				   .status = 200,
				   .verify = BENCH_VERIFY_ECHO };
	int r;

	if (!body)
		return added(-ENOMEM, error);
	for (int i = 0; i < 4; i++)
		body[1 + i] = (char)(unsigned char)(body_len >> (24 - 8 * i));
	header(&q, "content-type", "application/grpc");
	header(&q, "te", "trailers");
	r = bench_mix_add(mix, &q, 1);
	free(body);
	return added(r, error);
}

/* Of what is not known to us: any good status is a right answer. */
static int any_mix(const char *path, size_t body_len, struct bench_mix *mix,
		   char error[BENCH_ERROR_TEXT])
{
	char *body = body_make(body_len, 0);
	struct bench_request q = { .method = body_len ? "POST" : "GET",
				   .path = path,
				   .body = body,
				   .body_len = body_len };
	int r = body ? bench_mix_add(mix, &q, 1) : -ENOMEM;

	free(body);
	return added(r, error);
}

/* ---- boutique ---- */

/* What is bought leads on to another page. */
static int boutique_mix(struct bench_mix *mix, char error[BENCH_ERROR_TEXT])
{
	uint32_t first = mix->request_count;
	char path[PATH_MAX];
	int r = bench_target_example("boutique/mix.txt", path, error);

	if (r == 0)
		r = bench_mix_read(mix, path, 0, error);
	for (uint32_t i = first; r == 0 && i < mix->request_count; i++) {
		struct bench_request *q = &mix->requests[i];
		bool posts = strcmp(q->method, "POST") == 0;

		q->status = posts && strcmp(q->path, "/cart/checkout") != 0 ? 302 : 200;
	}
	return r;
}

/* ---- motion ---- */

/* A line of `arrivals`: "12.345 POST /motion 17 12345". */
static int event_add(struct bench_mix *mix, const char *line, size_t len)
{
	static const char method[] = " POST /motion ";
	const char *at = memmem(line, len, method, strlen(method));
	struct bench_request q = {
		.method = "POST", .path = "/motion", .status = 200, .max_len = 128
	};

	if (line[0] == '#' || !at)
		return 0;
	q.body = at + strlen(method);
	q.body_len = len - (size_t)(q.body - line);
	header(&q, "content-type", "text/plain");
	return bench_mix_add(mix, &q, 1);
}

static int motion_mix(struct bench_mix *mix, char error[BENCH_ERROR_TEXT])
{
	char program[PATH_MAX], *text, *line, *end;
	const char *const argv[] = { program, "--seed", "1", "--seconds", "3600", NULL };
	unsigned count = 0;
	size_t len;
	int r = bench_target_example("motion/arrivals", program, error);

	if (r == 0)
		r = bench_child_collect(argv, COLLECT_MAX, &text, &len, error);
	if (r < 0)
		return r;
	for (line = text; (end = strchr(line, '\n')) && count++ < EVENTS_MAX && r >= 0;
	     line = end + 1)
		r = event_add(mix, line, (size_t)(end - line));
	free(text);
	return added(r, error);
}

/* ---- parking ---- */

static int picture_add(struct bench_mix *mix, const char *program, unsigned place,
		       char error[BENCH_ERROR_TEXT])
{
	char plate[16], seed[16], *picture;
	const char *const argv[] = { program,   "--plate", plate,      "--seed", seed,
				     "--width", "320",     "--height", "240",    "--bytes",
				     "4096",    "--out",   "-",        NULL };
	struct bench_request q = {
		.method = "POST", .path = "/snapshot", .status = 200, .verify = BENCH_VERIFY_FIRST
	};
	int r;

	snprintf(plate, sizeof(plate), "%s-%04u", place % 10 ? "PK" : "VX", place);
	snprintf(seed, sizeof(seed), "%u", place);
	r = bench_child_collect(argv, COLLECT_MAX, &picture, &q.body_len, error);
	if (r < 0)
		return r;
	q.body = picture;
	header(&q, "content-type", "image/jpeg");
	r = bench_mix_add(mix, &q, 1);
	free(picture);
	return added(r, error);
}

/* The lot's pictures: see functions/examples/parking/lot. */
static int parking_mix(struct bench_mix *mix, char error[BENCH_ERROR_TEXT])
{
	char program[PATH_MAX];
	int r = bench_target_example("parking/snapshot", program, error);

	for (unsigned place = 1; r == 0 && place <= PLACES; place++)
		r = picture_add(mix, program, place, error);
	return r;
}

/* ---- social ---- */

static const char *const users[] = { "ada",   "barbara", "dennis", "edsger",
				     "grace", "ken",     "linus",  "margaret" };
#define USERS (sizeof(users) / sizeof(users[0]))

static int social_add(struct bench_mix *mix, const char *path, const char *body, uint16_t status,
		      uint32_t weight)
{
	struct bench_request q = { .method = body ? "POST" : "GET",
				   .path = path,
				   .body = body,
				   .body_len = body ? strlen(body) : 0,
				   .status = status };

	if (body)
		header(&q, "content-type", "application/x-www-form-urlencoded");
	return bench_mix_add(mix, &q, weight);
}

static int social_user_add(struct bench_mix *mix, unsigned i)
{
	const char *user = users[i], *friend = users[(i + 1) % USERS];
	char home[64], own[64], post[256], follow[64];
	int r;

	snprintf(home, sizeof(home), "/home/%s", user);
	snprintf(own, sizeof(own), "/timeline/%s", user);
	snprintf(post, sizeof(post), "user=%s&text=Look,+@%s:+https://example.org/%s&media=%u.png",
		 user, friend, user, i + 1);
	snprintf(follow, sizeof(follow), "user=%s&follow=%s", user, friend);
	r = social_add(mix, home, NULL, 200, 60);
	if (r >= 0)
		r = social_add(mix, own, NULL, 200, 30);
	if (r >= 0)
		r = social_add(mix, "/compose", post, 201, 10);
	return r < 0 ? r : social_add(mix, "/follow", follow, 200, 1);
}

/* As DeathStarBench's mixed workload: of ten requests six read a home timeline, three one's own,
 * one is a post; now and then somebody follows somebody. */
static int social_mix(struct bench_mix *mix, char error[BENCH_ERROR_TEXT])
{
	int r = 0;

	for (unsigned i = 0; i < USERS && r >= 0; i++)
		r = social_user_add(mix, i);
	return added(r, error);
}

int bench_target_mix(const struct bench_target *t, size_t body_len, struct bench_mix *mix,
		     enum bench_protocol *ret_protocol, char error[BENCH_ERROR_TEXT])
{
	unsigned number;
	int kind = bench_target_parse(t->name, &number, error);

	switch (kind) {
	case BENCH_TARGET_BOUTIQUE:
		return boutique_mix(mix, error);
	case BENCH_TARGET_MOTION:
		return motion_mix(mix, error);
	case BENCH_TARGET_PARKING:
		return parking_mix(mix, error);
	case BENCH_TARGET_SOCIAL:
		return social_mix(mix, error);
	case BENCH_TARGET_GRPC:
		*ret_protocol = BENCH_H2C;
		return grpc_mix(body_len, mix, error);
	case BENCH_TARGET_URL:
	case BENCH_TARGET_FILE:
		return any_mix(t->path, body_len, mix, error);
	default:
		return kind < 0 ? kind :
				  single_mix((enum bench_target_kind)kind, t->path, body_len, mix,
					     error);
	}
}
