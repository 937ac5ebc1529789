/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime_stats.h - one chain in plain numbers, at one moment.
 *
 * For: whoever shows them (metrics.h); they need to know nothing else of a runtime.
 * How: reads the kernel's tables, the gateway's counts and /proc. Counts go up from the
 * chain's start; gauges are as of now. What cannot be read is 0.
 * The struct is large (limits of a chain): it lives on the heap, and only what a chain uses
 * is written; entries above the counts are not set.
 * Thread-safety: the runtime's thread.
 */
#ifndef SPROCKET_CONTROLLER_RUNTIME_STATS_H
#define SPROCKET_CONTROLLER_RUNTIME_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "controller/chain.h"
#include "controller/procstat.h"
#include "shm/layout.h"
#include "sproxy/wiring.h"

#define RUNTIME_STATS_EDGE_NAME_MAX 128 /* longer ones are cut */

struct runtime;

/* Who has a buffer; X(state, name). */
#define RUNTIME_STATS_HOLDERS(X) \
	X(FREE, "free")          \
	X(GATEWAY, "gateway")    \
	X(FUNCTION, "function")  \
	X(LEASED, "leased")

enum runtime_stats_holder {
#define X(id, name) RUNTIME_STATS_##id,
	RUNTIME_STATS_HOLDERS(X)
#undef X
		RUNTIME_STATS_HOLDER_COUNT,
};

const char *runtime_stats_holder_name(enum runtime_stats_holder holder);

struct class_stats {
	uint32_t size; /* payload bytes */
	uint32_t buffers[RUNTIME_STATS_HOLDER_COUNT];
};

/* What an edge is in the chain file; X(kind, name). */
#define RUNTIME_STATS_EDGES(X)                                                     \
	X(ROUTE, "route")                                                          \
	X(CALL, "call")     /* the answer comes back; also of one that fans out */ \
	X(JOIN, "join")     /* with the answers of a fan-out */                    \
	X(TEE, "tee")       /* reads along */                                      \
	X(RETURN, "return") /* of a function that is only called: to its callers */

enum edge_kind {
#define X(id, name) EDGE_##id,
	RUNTIME_STATS_EDGES(X)
#undef X
};

const char *edge_kind_name(enum edge_kind kind);

struct edge_stats {
	char name[RUNTIME_STATS_EDGE_NAME_MAX]; /* as the chain file calls it */
	uint32_t to_fn;                         /* SP_GATEWAY_FN: the reply, or the callers */
	enum edge_kind kind;
	uint64_t count;
};

struct function_stats {
	const char *name;     /* valid as long as the chain; NAME@REVISION of a second revision */
	const char *plain;    /* without the revision */
	const char *revision; /* "": there is but one */
	uint32_t percent;     /* of the function's requests */
	bool rolled_back;
	uint32_t breaker;        /* enum breaker_state; closed: it has none */
	uint32_t opened;         /* the breaker, so often */
	uint32_t ready, desired; /* instances */
	uint64_t restarts;
	uint64_t hangs;            /* instances killed as they served nobody any more */
	uint64_t starts, start_ns; /* instances that became ready, and their time until then */
	struct sp_function_stats kernel;
	uint32_t edge_count;
	struct edge_stats edges[SP_EDGE_MAX + 1];
};

struct instance_stats {
	uint32_t slot, fn, number;
	int pid;
	const char *state; /* of enum instance_state */
	uint64_t in_flight, in, out, age_ns;
	uint32_t buffers; /* that it has, leased ones included */
	struct procstat process;
};

struct runtime_stats {
	const char *chain; /* its name */
	const char *state; /* of enum runtime_state */
	struct wiring_stats gateway;
	int gateway_pid;
	uint64_t gateway_restarts;
	struct procstat gateway_process;
	uint64_t kernel[SP_COUNT_MAX];
	uint32_t class_count;
	struct class_stats classes[SHM_CLASS_MAX];
	uint32_t function_count; /* of functions[]; [SP_GATEWAY_FN] is the gateway */
	struct function_stats functions[SP_FN_MAX];
	uint32_t instance_count;
	struct instance_stats instances[SP_INST_MAX];
};

/* What a tap or a count calls an edge: the names in the chain file that lead over it, with
 * commas between. `edge` is of wire.h. */
void runtime_stats_edge_name(const struct chain *chain, uint32_t fn, uint32_t edge,
			     char ret[RUNTIME_STATS_EDGE_NAME_MAX]);

/* What it is; where it is several, a route first. `edge` is one of the route table's, or
 * SP_EDGE_REPLY. */
enum edge_kind runtime_stats_edge_kind(const struct chain *chain, uint32_t fn, uint32_t edge);

/* Name of the function that it leads to, "gateway", or "caller" of a return. */
const char *edge_to_name(const struct runtime_stats *stats, const struct edge_stats *edge);

/* Does the gateway's edge to `fn` carry new requests? It has one to each, for second tries. */
bool runtime_stats_is_ingress(const struct chain *chain, uint32_t fn);

void runtime_stats_read(const struct runtime *runtime, struct runtime_stats *ret);

#endif
