/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover.h - a model of how buffers change hands, small enough to look at every course that
 * things can take.
 *
 * For: test_handover.c, which walks through all of it; README.md says which step is which code.
 * How: a state is plain bytes. Four processes, the gateway (0) and functions A, B, C, each with
 * a queue and at most one send under way, which has the steps that the kernel program has; three
 * buffers; a controller that takes the dead out. Each step is one that the product cannot be
 * interrupted in. A client's request goes to A, which answers, sends it on to B, or calls C.
 * Thread-safety: none needed.
 */
#ifndef SPROCKET_TESTS_MODEL_HANDOVER_H
#define SPROCKET_TESTS_MODEL_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

enum { BUFS = 3, PROCS = 4, G = 0, A = 1, B = 2, C = 3, QUEUE = 4, REQUESTS_MAX = 3 };
enum holder { FREE = 8, MOVING = 9 };
enum lease { NONE, STOCK, OUT };
enum kind { ON, CALL, REPLY, RELEASE, GRANT };
enum phase { IDLE, ROUTED, CLAIMED, ASSIGNED };
/* Of a dead function, until it is replaced. */
enum stage { UP, DEAD, DETACHED, TOLD, RECLAIMED };
enum client { WAITS_OUTSIDE, OPEN, ANSWERED, GONE };

struct desc {
	uint8_t buf, gen, kind, undeliverable;
	uint8_t request; /* not on the wire: whose it was when it was sent */
};

struct buf {
	uint8_t gen, holder, home, lease, refs, ref, kept, life;
	uint8_t request; /* 1 + client's; 0: none */
};

struct proc {
	uint8_t stage, mapped, life, looked; /* looked: buffers the gateway has taken back so far */
	uint8_t phase, to, undeliverable, shares;
	uint8_t to_life; /* the socket is that one's, whoever has the slot later */
	struct desc sends;
	uint8_t queued;
	struct desc queue[QUEUE];
	uint8_t has[BUFS]; /* 1 + gen of the descriptor it has read; 0: none */
	struct desc old;   /* the last it sent: one that is hostile sends it again */
	uint8_t old_there;
};

struct state {
	struct buf bufs[BUFS];
	struct proc procs[PROCS];
	uint8_t clients[REQUESTS_MAX];
	uint8_t takeover; /* 1 + buffers looked at by a new gateway; 0: none is starting */
	uint8_t crashes, replays, grants, calls;
};

/* What is explored, and what is left out of the product on purpose. */
struct setting {
	const char *name;
	uint8_t requests, crashes, replays, grants, calls;
	bool shares;
	bool no_grace;      /* a dead function's buffers are taken back at once */
	bool no_generation; /* a buffer that is freed keeps its generation */
	bool no_wait;       /* a new gateway takes what the kernel is handing over */
	bool no_kept;       /* a buffer that others read is freed */
	bool no_life;       /* an answer to a call goes to whoever has the slot */
};

/* Makes step `n` of those that are possible. False: there are fewer. *ret_what names it,
 * *ret_harm is NULL or says what must not happen. *ret_crash: somebody is killed. */
bool handover_step(const struct setting *set, struct state *s, uint32_t n, const char **ret_what,
		   uint32_t *ret_who, const char **ret_harm, bool *ret_crash);
void handover_begin(struct state *s);
/* What is wrong with a state; NULL: nothing. `ended`: no step but a crash is possible. */
const char *handover_check(const struct setting *set, const struct state *s, bool ended);

#endif
