/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h - one chain, running: its memory, kernel side, gateway and instances.
 *
 * For: `sprocket run`, and whoever runs several chains in one loop.
 * How: runtime_start() makes everything and returns; what follows happens in the loop. The
 * states of the chain and of an instance are below, each with the one function that
 * changes it. Death of an instance: its slot leaves the maps, the gateway is told and
 * reclaims what it held, a replacement starts at once in another slot, with back-off when
 * it keeps dying.
 * Thread-safety: one thread, the loop's.
 */
#ifndef SPROCKET_CONTROLLER_RUNTIME_H
#define SPROCKET_CONTROLLER_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/chain.h"
#include "controller/listen.h"
#include "controller/logs.h"
#include "controller/loop.h"
#include "controller/process.h"
#include "controller/runstate.h"
#include "shm/counters.h"
#include "sproxy/sproxy.h"

#define RUNTIME_START_LIMIT_NS 10000000000ULL /* for a child to become ready */
#define RUNTIME_STOP_LIMIT_NS 2000000000ULL   /* for a function to end after its order */
#define RUNTIME_DRAIN_GRACE_NS 3000000000ULL  /* beyond the chain's timeout, to drain */
#define RUNTIME_BACKOFF_FIRST_NS 50000000ULL
#define RUNTIME_BACKOFF_MAX_NS 5000000000ULL
#define RUNTIME_STEADY_NS 10000000000ULL /* alive so long: the back-off starts anew */

/* X(state, what it means) */
#define INSTANCE_STATES(X)                          \
	X(NONE, "the slot is free")                 \
	X(STARTING, "forked, wired, not ready yet") \
	X(READY, "gets requests")                   \
	X(STOPPING, "ordered to stop")              \
	X(RECLAIMING, "dead; the gateway takes back what it held")

enum instance_state {
#define X(id, text) INSTANCE_##id,
	INSTANCE_STATES(X)
#undef X
};

/* X(state, what it means) */
#define RUNTIME_STATES(X)                                                      \
	X(STARTING, "gateway or first instances not ready yet")                \
	X(SERVING, "answers requests")                                         \
	X(DRAINING, "accepts no more; the gateway finishes what is in flight") \
	X(STOPPING, "nothing is in flight; functions end, then the gateway")   \
	X(STOPPED, "no child left")

enum runtime_state {
#define X(id, text) RUNTIME_##id,
	RUNTIME_STATES(X)
#undef X
};

struct runtime;

struct instance {
	struct runtime *runtime;
	uint32_t slot;
	uint32_t fn; /* 1.. */
	enum instance_state state;
	uint32_t number; /* among the function's instances, from 0 */
	uint64_t started_ns;
	bool violated;
	struct process process;
	struct shm_counters *counters;
	struct logs logs;
	struct loop_source on_exit, on_wiring, on_log, on_kept_send, on_kept_receive;
	struct loop_timer limit; /* for start and stop */
};

struct function_state {
	struct runtime *runtime;
	uint32_t fn;
	uint32_t ready; /* instances routed to */
	uint32_t restarts;
	uint32_t deaths;              /* in a row, for the back-off */
	bool missing[SP_FN_INST_MAX]; /* instances that wait for the back-off, by number */
	struct loop_timer backoff;
};

struct gateway_state {
	bool ready;
	struct process process;
	struct logs logs;
	struct loop_source on_exit, on_wiring, on_log;
	struct loop_timer limit;
	int stats_fd;
	const struct wiring_gateway_stats *stats; /* NULL until the gateway is started */
};

struct runtime_options {
	const char *listen;
	uint32_t workers;
	/* Worker n and instance n of each function are on cpus[n % cpu_count]: what a worker
	 * takes in runs to its end on one core while it can. */
	uint32_t cpus[SP_CPU_MAX];
	uint32_t cpu_count;
	bool trace;   /* answer with Server-Timing */
	bool verbose; /* say when what happened */
	/* Called on every change of state; must loop_stop() at STOPPED. */
	void (*on_state)(struct runtime *runtime, void *arg);
	void *on_state_arg;
};

struct runtime {
	struct chain *chain; /* owned */
	struct runtime_options options;
	struct loop *loop;
	struct runstate *runstate; /* may be NULL */
	enum runtime_state state;
	uint64_t began_ns;
	int result; /* exit code once STOPPED: 0 in order, 1 failed */
	char address[LISTEN_ADDRESS_MAX];
	int listeners[WIRING_WORKER_MAX];
	struct shm_memory memory;
	struct sproxy *proxy;
	struct sproxy_ends worker_ends[WIRING_WORKER_MAX];
	struct loop_source on_event;
	struct gateway_state gateway;
	struct function_state functions[SP_FN_MAX]; /* by function number */
	struct instance instances[SP_INST_MAX];     /* by slot; workers have 1..workers */
	uint32_t children;
	uint64_t bypasses; /* violations that the kernel cannot count: seen at a kept end */
};

/* Makes the chain's memory, program and sockets and starts every child. The runtime takes
 * `chain`. Returns 0, or -errno with a sentence on stderr; then nothing is left. */
int runtime_start(struct runtime *runtime, struct chain *chain, struct loop *loop,
		  struct runstate *runstate, const struct runtime_options *options);

/* Drains and stops; state becomes STOPPED. A second call kills. */
void runtime_stop(struct runtime *runtime);

/* Frees everything; the state must be STOPPED. */
void runtime_done(struct runtime *runtime);

/* True when `pid` is a child that the runtime reaps by itself. */
bool runtime_owns(const struct runtime *runtime, pid_t pid);

/* Writes the state as one line of JSON. */
void runtime_status(const struct runtime *runtime);

/* ---- between the runtime's own files ---- */

/* One line on stderr, the chain's name in front. */
void runtime_say(const struct runtime *runtime, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, only with --verbose. */
void runtime_tell(const struct runtime *runtime, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void runtime_set_state(struct runtime *runtime, enum runtime_state state);
/* Something that cannot be mended: kills everything, ends with `result` 1. */
void runtime_fail(struct runtime *runtime);
/* SERVING once gateway and every function are ready. */
void runtime_check_ready(struct runtime *runtime);
/* A child was reaped. */
void runtime_child_gone(struct runtime *runtime);
const char *runtime_fn_name(const struct runtime *runtime, uint32_t fn);
double runtime_ms_since(uint64_t ns);

int gateway_start(struct runtime *runtime);
/* Ends it: every function is gone. */
void gateway_stop(struct runtime *runtime);
int gateway_send(struct runtime *runtime, uint32_t type, uint32_t slot, uint32_t fn,
		 uint32_t count);

/* Starts instance `number` of a function in a free slot. */
int instance_start(struct runtime *runtime, uint32_t fn, uint32_t number);
void instance_set_state(struct instance *instance, enum instance_state state);
void instance_stop(struct instance *instance);
/* The gateway has taken back what a dead instance held. */
void instance_reclaimed(struct instance *instance, uint32_t buffers);
/* The kernel refused a send of it, or bytes bypassed the program: cut off and replace. */
void instance_violated(struct instance *instance, const struct sp_event *event);

/* Buffers that nobody holds, and all of them. */
uint32_t status_free_buffers(const struct runtime *runtime);

#endif
