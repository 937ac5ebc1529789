/* SPDX-License-Identifier: Apache-2.0 */
/*
 * differential.h - the kernel program beside its model, step by step.
 *
 * For: test_differential.c (the search and the shrinking), and the two ways to run the program:
 * on the real kernel over real sockets (differential_kernel.c), and compiled for this machine
 * (tests/fuzz/native/), which is faster and under sanitizers, but proves less.
 * How: a run is a list of steps, each a send or what gateway and controller write into the
 * tables meanwhile. After each of them both sides must say the same: verdict, bytes that arrived
 * and where, every owner entry, every instance; at the end of a run also all counters.
 * Thread-safety: one chain per thread.
 */
#ifndef SPROCKET_TESTS_BPF_DIFFERENTIAL_H
#define SPROCKET_TESTS_BPF_DIFFERENTIAL_H

#include "tests/bpf/model.h"

enum { STEP_BYTES_MAX = (SP_BATCH_MAX + 2) * sizeof(struct sp_desc), EPISODE_STEPS = 1024 };

enum step_kind {
	STEP_SEND,
	STEP_REUSE,   /* the gateway frees buffer `a` that a worker holds and takes it again: a new
		       * generation, lease `b`, for worker `slot` */
	STEP_RECLAIM, /* it takes what `slot` holds */
	STEP_ENABLE,  /* routing may choose `slot`, or, with `a` 0, not any more */
	STEP_RECEIVE, /* `slot` has a receiver, or, with `a` 0, none */
	STEP_LIFE,    /* somebody else has `slot` */
	STEP_BEHIND,  /* of the function of `slot`: `a` */
	STEP_SPLIT,   /* edge `a` of the function of `slot` leads elsewhere, too: `b`, as
		       * step_split() reads it */
	STEP_GATE,    /* of the function of `slot`: `a`, enum sp_gate, with `b` probes */
	STEP_LIMIT,   /* of `slot`: `a` */
	STEP_WATCH,   /* `slot` is watched, or, with `a` 0, not any more */
	STEP_KINDS,
};

struct step {
	uint8_t kind; /* enum step_kind */
	uint8_t slot, a, b;
	uint16_t len;
	char data[STEP_BYTES_MAX]; /* of a send */
};

struct random {
	uint64_t state;
};

uint32_t random_below(struct random *r, uint32_t limit);
bool random_one_in(struct random *r, uint32_t n);

/* Invents the next step, for a chain that is as `m` says. */
void step_invent(struct step *s, const struct model *m, struct random *r);
/* The same of a step that writes to the tables; false: this one would make no sense. */
bool step_invent_table(struct step *s, const struct model *m, struct random *r);
/* What a table step does to the model. */
void step_apply(const struct step *s, struct model *m);
void model_init(struct model *m, uint32_t cpu);
void step_print(const struct step *s);
/* sp_route.split of `b`: function and share, two bits each; function 0: none. */
uint32_t step_split(uint8_t b);

/* The program and its tables. The tables are the real ones. */
struct chain_side {
	struct sp_owner *owners;
	struct sp_instance *instances;
	void *arg;
	/* As the controller would; 0 or -errno. */
	int (*table)(void *arg, const struct step *s, const struct model *after);
	/* Sends. Returns len, -EACCES when refused (the socket is usable again), or -errno;
	 * *ret_reason is enum sp_violation when that was told, SP_VIOLATION_COUNT when not. */
	int (*send)(void *arg, uint32_t slot, const void *data, size_t len, int *ret_reason);
	/* Bytes that wait at a slot, at most `size`; 0: none. */
	size_t (*receive)(void *arg, uint32_t slot, void *data, size_t size);
	/* Slots that were watched, and that an event was about since it was last asked. */
	uint32_t (*told)(void *arg);
	/* Sums of all that was counted since the start. */
	int (*counts)(void *arg, uint64_t counters[SP_COUNT_MAX],
		      struct sp_function_counts fns[MODEL_FNS]);
	/* Everything as at the start, for model `m`. */
	int (*reset)(void *arg, const struct model *m);
	void (*close)(void *arg);
};

/* Makes the chain of model_init(). 0, -EPERM without the rights, or -errno. */
int chain_side_open(struct chain_side *ret);

#endif
