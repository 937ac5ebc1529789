/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - what the kernel program should do with a send, said once more and shortly.
 *
 * For: the differential test, which compares it with the real program step by step.
 * How: plain structs, no concurrency; written from bpf/README.md and bpf/wire.h, not from the
 * program. model_send() is the whole of it: judge every descriptor, move all or none, count.
 * To extend it: a new reason or edge is a line in way_of() or judge(), a new choice among
 * instances one in model_choices() and pick(), a new count one in account().
 * Thread-safety: none needed; one chain per struct.
 */
#ifndef SPROCKET_TESTS_BPF_MODEL_H
#define SPROCKET_TESTS_BPF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

enum {
	MODEL_BUFFERS = 64,
	MODEL_SLOTS =
		8, /* 1, 2: gateway workers; 3, 4: function 1; 5, 6: function 2; 7: nobody yet */
	MODEL_FNS = 4, /* function 3 has no instance */
	MODEL_EDGES = 16,
};

struct model_buffer {
	uint32_t gen, holder, cap, refs, ref, called;
	uint16_t home, tag, life;
	uint8_t leased, hops;
	struct sp_hop last; /* the last stamp, without its time */
};

struct model_slot {
	uint32_t fn, cpu, lender, in_flight, refill, cancels, wake, watch, probes;
	uint64_t in, out;
	uint16_t life, limit;
	bool reachable; /* has a receiver */
	bool enabled;
};

struct model_fn {
	uint64_t in, out, failed, dropped, undeliverable, faults, edges[SP_EDGE_MAX + 1];
	uint32_t behind;
	uint8_t gate; /* enum sp_gate */
	struct sp_route routes[MODEL_EDGES];
};

struct model {
	struct model_buffer buffers[MODEL_BUFFERS];
	struct model_slot slots[MODEL_SLOTS];
	struct model_fn fns[MODEL_FNS];
	uint64_t counters[SP_COUNT_MAX];
	uint32_t cpu; /* where senders run */
};

struct model_result {
	int reason; /* enum sp_violation, or -1: passed. SP_VIOLATION_COUNT: dropped, as the sender
		      * itself has no receiver for what comes back; no violation is counted */
	bool renewed; /* a wake: the kernel chose its next number */
	uint32_t to;  /* slot that gets it; 0: nobody does */
	uint32_t count;
	uint32_t told; /* slots that were watched, and of which there is an event now, a bit each */
	uint64_t drawn; /* buffers whose generation the kernel drew, a bit each: whoever sees it
			 * writes it into the model */
	struct sp_desc descs[SP_BATCH_MAX]; /* as they arrive */
};

/* What the program may choose for a send, a bit each: a slot, or, from MODEL_SLOTS on, nobody of
 * function bit - MODEL_SLOTS. 0: the edge leads to no function. */
uint32_t model_choices(const struct model *m, uint32_t slot, const struct sp_desc *first);

/* What becomes of `len` bytes sent by `slot`, when bit `choice` of model_choices() was taken. */
void model_send(struct model *m, uint32_t slot, const void *data, size_t len, uint32_t choice,
		struct model_result *ret);

#endif
