/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover_private.h - what the files of the model share: handover.c has the kernel's part and the
 * freeing of buffers, handover_steps.c what processes do.
 */
#ifndef SPROCKET_TESTS_MODEL_HANDOVER_PRIVATE_H
#define SPROCKET_TESTS_MODEL_HANDOVER_PRIVATE_H

#include "tests/model/handover.h"

/* A step that may be made: try() counts them, and makes the one that is asked for. */
struct
try {
	const struct setting *set;
	struct state *s;
	uint32_t left; /* steps to pass by */
	bool done, crash;
	const char *what, *harm;
	uint32_t who;
};

/* True for the step that is asked for. */
bool pick(struct try *t, const char *what, uint32_t who);

/* Starts a send. / Its next step. */
void begin(struct state *s, uint32_t p, struct desc d, uint32_t to, bool shares);
void send_go_on(struct try *t, uint32_t p);

/* As the gateway frees buffers, and answers clients. */
void put(const struct setting *set, struct buf *b);
void reference_end(const struct setting *set, struct state *s, struct buf *b);
void buffer_free(const struct setting *set, struct state *s, struct buf *b);
void client_end(struct try *t, struct buf *b);

#endif
