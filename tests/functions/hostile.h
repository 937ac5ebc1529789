/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.h - a function that breaks its word when a request asks it to.
 *
 * For: the end-to-end tests, which must see what a chain does with a function that writes to
 * its sockets itself (attack.c), lies in shared memory (lie.c), misbehaves as a process
 * (misdeed.c) or takes more than its share (greed.c).
 * How: it is wired like any other function, by sproxy/wiring.h, and passes requests on by its
 * default edge. Headers of a request are its orders:
 *     x-at: NAME       only the function of that name obeys (default: each hostile one)
 *     x-attack: KIND   one of the kinds in the tables, with
 *     x-value: N  x-seed: N  x-count: N  x-field: NAME  x-bytes: HEX   as the kind wants them
 *     x-hold: 1        keep the request until another comes with x-free: 1
 *     x-tell: 1        answer with what is known of the request, as JSON
 * A call brings no headers; its topic says the same: "NAME.x-attack=KIND;NAME.x-value=N".
 * Thread-safety: one thread; the scribbler of lie.c and children made by fork() excepted.
 */
#ifndef SPROCKET_TESTS_HOSTILE_H
#define SPROCKET_TESTS_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/buffer.h"
#include "sproxy/wiring.h"

#define HOSTILE_HELD_MAX 512
#define HOSTILE_BYTES_MAX 4096
#define HOSTILE_WORD_MAX 64

struct hostile {
	struct wiring_function *wiring;
	struct wiring_page *page;
	int wiring_sock;
	int fds[WIRING_FN_FDS];
	char *base;          /* the pool, as mapped here */
	struct sp_desc last; /* the descriptor passed on last */
	struct sp_desc held[HOSTILE_HELD_MAX];
	uint32_t held_count;
	uint32_t hoard_left; /* lease buffers still to be asked for */
	uint32_t hoarded;
	struct sp_desc to_move; /* with moves: the request to move once a lease is granted */
	bool moves;
};

/* What a request orders. */
struct order {
	char kind[HOSTILE_WORD_MAX];
	char field[HOSTILE_WORD_MAX];
	bool has_value;
	uint64_t value;
	uint64_t seed;
	uint64_t count;
	uint8_t bytes[HOSTILE_BYTES_MAX];
	size_t byte_count;
};

/* Carries out an order on the request in `d`. Returns true when the request is used up, so
 * that it must not be passed on. */
typedef bool hostile_fn(struct hostile *h, struct sp_desc d, const struct order *order);

struct hostile_kind {
	const char *name;
	hostile_fn *obey;
};

/* The tables; a NULL name ends them. */
extern const struct hostile_kind hostile_attacks[];
extern const struct hostile_kind hostile_lies[];
extern const struct hostile_kind hostile_misdeeds[];
extern const struct hostile_kind hostile_greeds[];

/* The buffer's slot. `index` must be in the pool. */
struct shm_header *hostile_slot(const struct hostile *h, uint32_t index);

/* Sends bytes as they are. Returns 0 or -errno, and logs what the kernel said. */
int hostile_send(struct hostile *h, const char *what, const void *bytes, size_t len);

/* Passes a request on by the default edge. */
void hostile_forward(struct hostile *h, struct sp_desc d);

/* Edge number of the default route. */
uint8_t hostile_edge(const struct hostile *h);

/* Moves the request that waits for it to a lease buffer, in a batch that is refused. */
void hostile_move(struct hostile *h, struct sp_desc lease);

/* Next number of a seeded row; *state starts as the seed. */
uint64_t hostile_random(uint64_t *state);

#endif
