/* SPDX-License-Identifier: Apache-2.0 */
/* client_rig.h - the client and a server for it. Thread-safety: one thread. */
#ifndef SPROCKET_TESTS_CLIENT_RIG_H
#define SPROCKET_TESTS_CLIENT_RIG_H

#include "bench/client/client.h"
#include "tests/unit/bench/odd_server.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define BODY_LEN 128U
#define BIG_LEN (16U << 20)
#define TRIES 10

struct rig {
	struct odd_server server;
	struct bench_mix mix;
	struct bench_schedule schedule;
	struct bench_load load;
	struct bench_outcome out;
	char *body, host[32];
	bool has_out;
};

struct rig *rig_of_body(enum oddity oddity, unsigned every, enum bench_verify verify,
			size_t body_len);
struct rig *rig_new(enum oddity oddity, unsigned every, enum bench_verify verify);
void rig_free(struct rig *r);
/* The load goes to that port. */
void load_init(struct rig *r, uint16_t port);
void schedule_set(struct rig *r, double rate);
uint64_t errors_of(const struct bench_outcome *o);
/* Whatever happens, nothing is lost and nothing counted twice: checked here. */
const struct bench_outcome *run(struct rig *r);
/* Bound to *ret_fd; with `listens` the kernel accepts, and nobody answers. */
uint16_t port_without_server(int *ret_fd, bool listens);

#endif
