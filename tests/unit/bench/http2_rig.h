/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_rig.h - a real HTTP/2 server in memory (libnghttp2), and a client's codec beside it.
 *
 * For: tests of bench/http2.c.
 * How: the path says what is answered (http2_server.c has the list); rig_pump() moves bytes both
 * ways, in pieces of `piece`, until none is left. What the codec told is kept in order.
 */
#ifndef TESTS_BENCH_HTTP2_RIG_H
#define TESTS_BENCH_HTTP2_RIG_H

#include <nghttp2/nghttp2.h>

#include "bench/client/codec.h"

#define RIG_TOLD_MAX 2048U

struct rig_told {
	uint64_t token;
	bool answered;
	enum bench_error error; /* unless answered */
	uint16_t status;
	size_t body_len;
	uint64_t hash; /* of body; 0 when it was not kept */
	char timing[64], cookie[64];
	bool close;
};

struct rig_request { /* of the server's */
	struct rig_request *next;
	struct rig *rig;
	int32_t stream;
	char path[64], length_text[24];
	size_t got, answer_left;
	char *body;
	size_t body_room;
	bool answered, trailers;
};

struct rig {
	nghttp2_session *server;
	struct bench_codec *codec;
	struct rig_request *requests; /* stream 0: may be used again */
	size_t piece;
	int input_result; /* the first of input() that was not 0 */
	struct rig_told told[RIG_TOLD_MAX];
	unsigned told_count;
	uint64_t again; /* so many are asked in the callback of an answer */
	struct bench_message again_message;
	uint64_t answered; /* also those beyond RIG_TOLD_MAX */
	char authority[64];
	char seen[64]; /* the last x-seen that a request had */
};

/* `most`: streams that the server allows; 0: it does not say. */
struct rig *rig_new(unsigned streams, bool headers_only, uint32_t most);
void rig_free(struct rig *r);

int rig_ask(struct rig *r, uint64_t token, const char *path, const char *body, size_t len);
void rig_pump(struct rig *r);
/* Bytes from the client to the server alone. */
void rig_pump_out(struct rig *r);
/* What was told of it, which must be there once. */
const struct rig_told *rig_told(const struct rig *r, uint64_t token);
uint64_t rig_hash(const char *bytes, size_t count);

/* The server of rig_new(). */
void rig_server_open(struct rig *r, uint32_t most);

#endif
