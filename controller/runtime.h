/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h - one chain, running: its memory, kernel side, gateway and instances.
 *
 * For: `sprocket run`, which has one, and sprocketd, which has many in one loop.
 * How: runtime_start() makes everything and returns; what follows happens in the loop. The
 * states of the chain, its gateway and its instances are below, each with the one function
 * that changes it.
 *   Death of an instance: its slot leaves the maps, the gateway reclaims what it held, a
 * replacement starts at once in another slot, with back-off when it keeps dying.
 *   Death of the gateway: another one takes the same listeners, sockets and memory; both
 * ends of the gateway's sockets are kept here, so that functions' answers wait for it.
 *   A change (runtime_update.c) starts every new instance beside the old ones, switches
 * routes, rules and instances at once when all are ready, and drains the old.
 *   With a store (runtime_keep.c) everything that another controller needs to take over is
 * kept in a process of its own, and runtime_adopt() does that.
 * Thread-safety: one thread, the loop's.
 */
#ifndef SPROCKET_CONTROLLER_RUNTIME_H
#define SPROCKET_CONTROLLER_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "controller/breaker.h"
#include "controller/cgroup.h"
#include "controller/chain.h"
#include "controller/fdstore.h"
#include "controller/listen.h"
#include "controller/logs.h"
#include "controller/loop.h"
#include "controller/process.h"
#include "controller/process_core.h"
#include "controller/revision.h"
#include "controller/runstate.h"
#include "controller/sandbox.h"
#include "sproxy/sproxy.h"
#include "sproxy/wiring.h"

#define RUNTIME_START_LIMIT_NS 10000000000ULL /* for a child to become ready */
#define RUNTIME_STOP_LIMIT_NS 2000000000ULL   /* for a function to end after its order */
#define RUNTIME_DRAIN_GRACE_NS 3000000000ULL  /* beyond the chain's timeout, to drain */
#define RUNTIME_BACKOFF_FIRST_NS 50000000ULL
#define RUNTIME_BACKOFF_MAX_NS 5000000000ULL
#define RUNTIME_FORGIVE_NS 100000000ULL  /* alive so long: one death less counts for the back-off */
#define RUNTIME_DRAIN_POLL_NS 5000000ULL /* between two looks at what an instance still has */
#define RUNTIME_NAME_MAX (CHAIN_NAME_MAX + 16)

/* X(state, what it means) */
#define INSTANCE_STATES(X)                                         \
	X(NONE, "the slot is free")                                \
	X(STARTING, "forked, wired, not ready yet")                \
	X(PREPARED, "ready; waits for the change it belongs to")   \
	X(READY, "gets requests")                                  \
	X(DRAINING, "gets no more requests; finishes what it has") \
	X(STOPPING, "ordered to stop")                             \
	X(RECLAIMING, "dead; the gateway takes back what it held")

enum instance_state {
#define X(id, text) INSTANCE_##id,
	INSTANCE_STATES(X)
#undef X
};

/* X(state, what it means) */
#define GATEWAY_STATES(X)                              \
	X(NONE, "no process; back-off may be running") \
	X(STARTING, "forked, wired, not ready yet")    \
	X(READY, "serves; told to drain, it finishes") \
	X(ENDING, "ordered to end, as every function is gone")

enum gateway_state_id {
#define X(id, text) GATEWAY_##id,
	GATEWAY_STATES(X)
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

/* A thread of an instance: to the kernel and the gateway an instance of its own. */
struct instance_worker {
	struct instance *instance;
	uint32_t slot;
	uint64_t loss; /* which report of its death the gateway has to answer; 0: none */
	struct loop_source on_kept_send, on_kept_receive;
};

struct instance {
	struct runtime *runtime;
	uint32_t slot; /* of its first worker; the instance goes by it */
	uint32_t worker_count;
	struct instance_worker workers[WIRING_FN_WORKER_MAX];
	uint32_t fn; /* 1.. */
	enum instance_state state;
	uint32_t number; /* among the function's instances, from 0 */
	bool next;       /* belongs to a change that is not made yet */
	bool debugged;   /* by a debugger: has no limit to start, is not replaced */
	bool violated;
	bool late;      /* killed by us, as it did not become ready */
	bool dismissed; /* killed by us, as the change it belonged to was not made */
	bool hung;      /* killed by us, as it served nobody any more */
	uint64_t started_ns;
	uint64_t ready_ns;         /* from fork to ready; 0: not yet */
	uint64_t drain_at_ns;      /* when a drain must be over */
	struct revision *revision; /* referenced */
	struct process process;
	struct wiring_page *page;
	int page_fd;
	struct logs logs;
	struct loop_source on_exit, on_wiring, on_log;
	struct loop_timer limit; /* for start, drain and stop */
	struct cgroup cgroup;
	struct chain_limits limits; /* of it */
	uint64_t refused_forks;     /* seen so far */
	struct loop_source on_refused;
};

/* What is known of a function's requests; of both revisions it is at the first, what names no
 * revision. */
struct function_traffic {
	struct error_counts beside; /* of this number: what the kernel does not count */
	bool rolled_back;           /* of this number: it has no instances, and gets nothing */
	struct breaker breaker;
	struct error_window window;                 /* of the second revision, for its roll-back */
	struct error_counts seen_both, seen_second; /* when nobody looked any more */
	uint64_t probed; /* half-open: requests that had ended at the last look */
	struct loop_timer look;
};

struct function_state {
	struct runtime *runtime;
	uint32_t fn;
	uint32_t ready; /* instances routed to */
	uint32_t restarts;
	uint32_t hangs;                  /* instances killed as they served nobody any more */
	uint32_t starts;                 /* that became ready */
	uint64_t starts_ns;              /* the time they took, together */
	uint32_t deaths;                 /* in a row, for the back-off */
	struct revision *revision;       /* what new instances run; referenced */
	bool missing[SP_FN_INST_MAX];    /* instances that wait for the back-off, by number */
	char why[160];                   /* of the last death; "" when all is well */
	char adopted[REVISION_NAME_MAX]; /* what `revision` was under another controller */
	struct function_traffic traffic;
	struct loop_timer backoff;
};

struct gateway_state {
	enum gateway_state_id state;
	bool served;   /* a gateway has been ready: the pool is in use */
	bool wired;    /* has what it needs to go on */
	bool outdated; /* was wired before the chain changed */
	uint32_t restarts;
	uint32_t deaths; /* in a row, for the back-off */
	uint64_t started_ns;
	struct process process;
	struct logs logs;
	struct loop_source on_exit, on_wiring, on_log;
	struct loop_timer limit, backoff;
};

/* The process that has all functions as threads (runtime_inline.c); pid 0: there is none. */
struct host_state {
	struct process process;
	struct logs logs;
	struct loop_source on_exit, on_wiring, on_log;
	char folder[96]; /* of the programs' copies; "": none */
	char why[160];   /* what it said before it died */
	bool debugged;
};

/* What a worker of the gateway works with; kept while gateways come and go. */
struct worker_fds {
	int listener;
	struct sproxy_ends ends;
};

struct runtime_options {
	const char *listen;   /* NULL: the chain file's, or any port of 127.0.0.1 */
	const int *listeners; /* of the runtime that this one follows; NULL: opened */
	uint32_t workers;
	/* Worker n and instance n of each function are on cpus[n % cpu_count]: what a worker
	 * takes in runs to its end on one core while it can. */
	uint32_t cpus[SP_CPU_MAX];
	uint32_t cpu_count;
	bool trace;   /* answer with Server-Timing */
	bool verbose; /* say when what happened */
	/* All functions in one process, each with one instance and one thread, of which none is
	 * started again. */
	bool inlined;
	/* Of such a process: called when every function is loaded and none has begun; it waits to
	 * be gone on with by a debugger. No deadline passes until host_debug_end(). NULL: nobody
	 * debugs it. */
	void (*on_loaded)(struct runtime *runtime, pid_t pid, void *arg);
	uint64_t rolled_back; /* bit n: function n, a second revision, was rolled back before */
	/* For chains that outlive their controller; each may be NULL. */
	uint32_t incarnation;    /* tells runtimes of one chain apart */
	struct fdstore *fdstore; /* what must be kept is kept there */
	const char *pins;        /* folder below a bpffs */
	const char *front;       /* folder of the gateways' sockets for a shared front */
	const char *core_folder; /* a folder of each chain is made in it */
	const struct logs_sink *logs;
	/* Something to tell; `type` "Normal" or "Warning". NULL: stderr. */
	void (*on_event)(struct runtime *runtime, const char *type, const char *reason,
			 const char *text, void *arg);
	/* Called on every change of state. STOPPED is the last; runtime_done() may not be called
	 * from it. */
	void (*on_state)(struct runtime *runtime, void *arg);
	void (*on_change)(struct runtime *runtime, void *arg); /* of anything shown; may be NULL */
	void *arg;
};

/* The end of a change: 0, or -errno and why it was not made (nothing has changed then). */
typedef void runtime_updated_fn(struct runtime *runtime, int error, const char *why, void *arg);

struct update;
struct stale_edge;
struct grave;

struct runtime {
	struct chain *chain; /* owned */
	struct runtime_options options;
	char name[RUNTIME_NAME_MAX]; /* CHAIN, or CHAIN_INCARNATION when there may be several */
	struct loop *loop;
	struct runstate *runstate; /* may be NULL */
	enum runtime_state state;
	bool handover; /* drains as another runtime takes its listeners */
	uint64_t began_ns;
	int result;    /* exit code once STOPPED: 0 in order, 1 failed */
	char why[256]; /* it failed */
	char address[LISTEN_ADDRESS_MAX];
	char front[128]; /* path of its socket for the front; "": none */
	int document;    /* memfd: what it was made from; -1: none */
	int front_listener;
	int stats_fd;
	const struct wiring_gateway_stats *stats;
	struct worker_fds workers[WIRING_WORKER_MAX];
	struct shm_memory memory;
	struct sproxy *proxy;
	struct loop_source on_event;
	struct gateway_state gateway;
	struct host_state host;
	struct function_state functions[SP_FN_MAX]; /* by function number */
	/* By slot; the gateway's workers have 1..workers. One with several threads is where its
	 * first slot is, and `taken` names that slot at each of its slots; 0: free. */
	struct instance instances[SP_INST_MAX];
	uint8_t taken[SP_INST_MAX];
	uint32_t children;
	uint64_t losses;   /* deaths told to gateways */
	uint64_t bypasses; /* violations that the kernel cannot count: seen at a kept end */
	struct update *update;
	bool tables_sent; /* and the gateway has not said yet that it uses them */
	struct stale_edge *stale;
	struct loop_timer stale_timer;
	bool lack_told;       /* that some limits cannot be kept */
	struct grave *graves; /* control groups that are not empty yet */
	struct loop_timer graves_timer;
	struct loop_timer watch; /* of instances that may hang */
	bool watch_again;
	struct sandbox *sandbox; /* of its functions; NULL: not made yet */
	bool sandbox_told;       /* what it lacks */
	uid_t user;              /* the functions' own, while user_fd holds it */
	int user_fd;             /* -1: none */
};

/* ---- life ---- */

/* Memory for one: zeroed, and touched no more than needed. NULL without memory. */
struct runtime *runtime_new(void);

/* Makes the chain's memory, program and sockets and starts every child. The runtime takes
 * `chain`; `document` (a memfd, or -1) too. Returns 0, or -errno and a sentence was told:
 * then the state becomes STOPPED, now or, when children were started already, in the loop. */
int runtime_start(struct runtime *runtime, struct chain *chain, int document, struct loop *loop,
		  struct runstate *runstate, const struct runtime_options *options);

/* Drains and stops; state becomes STOPPED. A second call kills. With `handover` idle
 * connections end gently, as another gateway accepts on the same listeners. */
void runtime_stop(struct runtime *runtime, bool handover);

/* Frees everything, and takes it out of the store; the state must be STOPPED. */
void runtime_done(struct runtime *runtime);

/* Frees our side only: the chain serves on, and whoever has the store can adopt it. */
void runtime_leave(struct runtime *runtime);

/* Takes over what another controller kept in the store: `entries` are those of one runtime
 * (runtime_keep.h); fds are taken from them. Returns 0, or -errno: then all of it is ended and
 * the state becomes STOPPED, now or in the loop. */
struct keep_entries;
int runtime_adopt(struct runtime *runtime, struct chain *chain, struct loop *loop,
		  const struct runtime_options *options, struct keep_entries *entries);

/* True when `pid` is a child that the runtime reaps by itself. */
bool runtime_owns(const struct runtime *runtime, pid_t pid);

/* The state, as JSON of the API's `status`; the caller's. */
json_t *runtime_json(const struct runtime *runtime);

/* Buffers that nobody holds. */
uint32_t runtime_free_buffers(const struct runtime *runtime);

/* Sum of the gateway's workers. */
void runtime_gateway_stats(const struct runtime *runtime, struct wiring_stats *ret);

/* Bit n: function n, a second revision, was rolled back since it was declared. */
uint64_t runtime_rolled_back(const struct runtime *runtime);

const char *instance_state_name(enum instance_state state);
const char *runtime_state_name(enum runtime_state state);

/* Name of a function, NAME@REVISION for a second revision; "gateway" for 0. */
const char *runtime_fn_name(const struct runtime *runtime, uint32_t fn);
/* Instances that `chain` asks for, of one of its functions. */
uint32_t runtime_instances_wanted(const struct runtime *runtime, const struct chain *chain,
				  uint32_t fn);

/* Tells whoever watches the chain, or stderr. */
void runtime_event(struct runtime *runtime, const char *type, const char *reason,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));
#define runtime_warn(runtime, reason, ...) runtime_event(runtime, "Warning", reason, __VA_ARGS__)
/* Of no concern to somebody who watches one chain, unless he asks with --verbose. */
void runtime_tell(struct runtime *runtime, const char *reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
double runtime_ms_since(uint64_t ns);

/* ---- change ---- */

/*
 * Makes the runtime serve as `next` says, which it takes: functions whose revision differs
 * are started anew beside the old, `document` replaces the runtime's. `chain_compare()` must
 * have said CHAIN_CHANGE_LIVE. `done` is called once, later or from within.
 */
void runtime_update(struct runtime *runtime, struct chain *next, int document,
		    runtime_updated_fn *done, void *arg);
/* Bit i of *ret: functions[i] of `next` has another revision than what runs. Both must have the
 * same functions. Returns 0, or -errno of a program's file. */
int runtime_revised(const struct runtime *runtime, const struct chain *next, uint64_t *ret);
/* Is there room for old and new instances beside each other? */
bool runtime_update_fits(const struct runtime *runtime, const struct chain *next, uint64_t revised);

/* The debugger of a process with all functions has gone: deadlines pass again. */
void host_debug_end(struct runtime *runtime);

/* Starts one more instance of a function, stopped before its program begins; when it is ready
 * it alone gets the function's requests, and no deadline passes until it is gone.
 * Returns 0 and *ret_pid, or -errno. */
int runtime_debug(struct runtime *runtime, uint32_t fn, pid_t *ret_pid, uint32_t *ret_slot);

#endif
