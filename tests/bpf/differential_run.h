/* SPDX-License-Identifier: Apache-2.0 */
/*
 * differential_run.h - a run of steps on both sides, and how to shorten one that fails.
 *
 * For: test_differential.c and the fuzz target of the program.
 * Failure modes: -EBADMSG: the sides differ, run->why says how; other -errno: the machine's.
 * Thread-safety: a run belongs to its thread; run_shrink() to one thread at a time.
 */
#ifndef SPROCKET_TESTS_BPF_DIFFERENTIAL_RUN_H
#define SPROCKET_TESTS_BPF_DIFFERENTIAL_RUN_H

#include "tests/bpf/differential.h"

enum { REPLAYS_MAX = 1000, REPEATS_MAX = 3 };

struct run {
	struct chain_side side;
	struct model model;
	uint32_t cpu;
	bool careful; /* look everywhere after each step */
	uint64_t sends;
	uint32_t told;    /* slots that an event was to be about since last looked */
	uint32_t repeats; /* drawn generations that were the ones before */
	uint64_t verdicts[SP_VIOLATION_COUNT + 2]; /* [0]: passed; [1 + reason] */
	uint64_t counters[2][SP_COUNT_MAX];        /* at the start, now */
	struct sp_function_counts fns[2][MODEL_FNS];
	char why[512];
};

/* Begin, each step, end: 0 or -errno. */
int run_begin(struct run *run);
int run_perform(struct run *run, const struct step *s);
int run_end(struct run *run);

int run_replay(struct run *run, const struct step *steps, uint32_t count);
/* Shortens steps that differ; returns how many are left. run->why is of these. */
uint32_t run_shrink(struct run *run, struct step *steps, uint32_t count);

#endif
