/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h - a small chain on the real kernel: real sockets in real maps.
 *
 * Two gateway workers (slots 1, 2), function 1 (slot 3, and 4 on another CPU, not enabled),
 * function 2 (slot 5). The test plays all of them from one process. Every buffer begins in
 * the hands of worker 1, generation 7.
 */
#ifndef SPROCKET_TESTS_BPF_CHAIN_H
#define SPROCKET_TESTS_BPF_CHAIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sproxy/sproxy.h"

enum { BUFFERS = 256, CAP = 1000, GW = 1, GW2 = 2, A = 3, A2 = 4, B = 5, SLOTS = 6 };
/* Of functions 1 and 2: on to the other, home, nowhere, to function 3, which has no instance;
 * calls of the other and of function 3. */
enum {
	EDGE_NEXT = 0,
	EDGE_REPLY = 1,
	EDGE_EMPTY = 2,
	EDGE_NOBODY = 3,
	EDGE_CALL = 4,
	EDGE_CALL_NOBODY = 5,
};

struct fixture {
	struct sproxy *proxy;
	struct sproxy_ends ends[SLOTS];
	uint32_t last_reason;
	uint32_t last_slot;
};

/* For cmocka_unit_test_setup_teardown(); *state is the struct fixture. */
int setup(void **state);
int setup_with(void **state, const char *pins); /* a folder for them, or NULL */
int teardown(void **state);

/* A descriptor of buffer `buf`, as worker 1 or its holder would send it. */
struct sp_desc desc(uint32_t buf, uint8_t edge);

/* Makes buffer `buf` stock of `slot`; one way or another it is a lease from now on. */
void stock(struct fixture *f, uint32_t buf, uint32_t slot);
struct sp_owner *owner(struct fixture *f, uint32_t buf);

/* A descriptor of a call: `slot` waits for the answer. */
struct sp_desc call(uint32_t buf, uint32_t slot);

/* Sends from a slot; put_one() returns 0 or -errno. */
ssize_t put(struct fixture *f, uint32_t slot, const void *data, size_t len);
int put_one(struct fixture *f, uint32_t slot, struct sp_desc d);

/* Descriptors waiting at a slot; -1 when there is none. */
ssize_t take(struct fixture *f, uint32_t slot, struct sp_desc *ret, size_t max);

/* The owner word of a buffer; give() makes `slot` its holder. */
uint64_t word(struct fixture *f, uint32_t buf);
uint32_t holder(struct fixture *f, uint32_t buf);
void give(struct fixture *f, uint32_t buf, uint32_t slot);

/* The one descriptor that waits at `slot`. */
struct sp_desc taken(struct fixture *f, uint32_t slot);

/* A's call in buffer `buf`, as it arrives at B; and what B answers. */
struct sp_desc called(struct fixture *f, uint32_t buf);
struct sp_desc answer(struct sp_desc d);
uint32_t in_flight(struct fixture *f, uint32_t slot);
/* The instance is gone. */
void detach(struct fixture *f, uint32_t slot);

/* Reads the events; the last one is in last_reason and last_slot. Returns how many. */
int events(struct fixture *f);

/* work() works for at least that long, and returns when it ended. */
uint64_t now_ns(void);
uint64_t work(unsigned us);

/* `count` requests by way of A and B home, all of them together at each hop. */
void round_trip(struct fixture *f, uint32_t count, uint8_t flags);

/* The last send must have been refused for `reason`, counted, told, and be sticky. */
void assert_refused(struct fixture *f, uint32_t slot, uint32_t reason);

#endif
