/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor.h - one request of an actor while it is handled. See actor.c.
 */
#ifndef SPROCKET_TESTS_ACTOR_H
#define SPROCKET_TESTS_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "functions/sdk/sprocket.h"

#define ACTOR_ORDERS_MAX 512
#define ACTOR_STACK (32U << 10) /* 10,000 of them are to be parked at once */

struct actor {
	sp_request *req;
	const char *const *calls; /* names of those it calls */
	sp_verdict verdict;
	bool over;    /* no command may follow */
	bool reports; /* the report becomes the body */
	char name[64];
	char orders[ACTOR_ORDERS_MAX];
	size_t used;
	char report[2048];
};

static inline const char *actor_name(const struct actor *a)
{
	return a->name;
}

void actor_report(struct actor *a, const char *format, ...) SP_PRINTF(2, 3);

/* Commands that send (actor_send.c); the head of each says what its argument is. */
void actor_call(struct actor *a, const char *arg);
void actor_recurse(struct actor *a, const char *arg);
void actor_loop(struct actor *a, const char *arg);
void actor_alloc(struct actor *a, const char *arg);
void actor_emit(struct actor *a, const char *arg);
void actor_same(struct actor *a, const char *arg);
void actor_message(struct actor *a, const char *arg);
void actor_side(struct actor *a, const char *arg);
void actor_parts(struct actor *a, const char *arg);

#endif
