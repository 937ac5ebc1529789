/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wiring.h - what the controller hands to a gateway or a function when it starts it.
 *
 * For: the controller, which builds the tables; the gateway and the SDK, which read them.
 * They parse no text: everything is a fixed table with strings beside it.
 * How: a child inherits one end of an AF_UNIX SEQPACKET pair, its number in the environment
 * variable SPROCKET_WIRING. The first message carries the tables and, by SCM_RIGHTS, every
 * fd the process needs, all wired already. On the same socket a gateway then exchanges
 * struct wiring_msg with the controller; a function answers once with WIRING_READY.
 * EOF means that the other side is gone.
 * Trust: children trust the controller; the controller checks what it reads.
 * Thread-safety: none needed; one owner per socket.
 */
#ifndef SPROCKET_SPROXY_WIRING_H
#define SPROCKET_SPROXY_WIRING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"
#include "shm/counters.h"
#include "shm/layout.h"
#include "sproxy/rule.h"

#define WIRING_ENV "SPROCKET_WIRING"
#define WIRING_ABI 4U
#define WIRING_HEAP_MAX (48U << 10) /* bytes of strings in one message */
#define WIRING_CONFIG_MAX 64
#define WIRING_INGRESS_MAX 16
#define WIRING_METHOD_MAX 8
#define WIRING_WORKER_MAX 32
#define WIRING_FN_WORKER_MAX 16 /* threads of one function's process */
#define WIRING_FD_MAX (5 + 3 * WIRING_WORKER_MAX)

/* A NUL-terminated string in the heap of its message. */
struct wiring_string {
	uint32_t off; /* from the heap's start */
	uint32_t len; /* without the NUL */
};

struct wiring_heap {
	uint32_t used;
	char data[WIRING_HEAP_MAX];
};

struct wiring_pair {
	struct wiring_string key;
	struct wiring_string value;
};

/* fds of a function: memory, page (struct wiring_page), then for each worker send, receive. */
enum {
	WIRING_FN_MEMORY,
	WIRING_FN_PAGE,
	WIRING_FN_WORKERS,
	WIRING_FN_SEND = WIRING_FN_WORKERS, /* of worker 0 */
	WIRING_FN_RECEIVE,
	WIRING_FN_FDS, /* of a process with one worker */
	WIRING_FN_FDS_MAX = WIRING_FN_WORKERS + 2 * WIRING_FN_WORKER_MAX
};

/*
 * What the controller and one instance share while it runs: a memfd that no side can resize.
 * The function writes its counters and reads its routes; the controller writes the routes.
 * `active` counts the tables written, and its lowest bit says which of the two holds. The
 * other one is written next, so a table that was read whole while `active` stood still is
 * whole, however often the routes change meanwhile.
 */
struct wiring_page {
	struct shm_counters counters;
	uint32_t active;            /* atomic */
	struct rule_table rules[2]; /* from_edge: 0 = SP_NEXT, 1 + i = declared edge i */
};
_Static_assert(offsetof(struct wiring_page, active) == 4096, "the counters have a page alone");

/* A thread of a function's process: an instance of its own to the kernel. */
struct wiring_worker {
	uint32_t slot;
	uint32_t home; /* gateway slot that grants leases */
	uint32_t cpu;  /* UINT32_MAX: not pinned */
};

struct wiring_function {
	uint32_t abi;
	uint32_t size; /* bytes of this message that are sent */
	uint32_t fn;
	uint32_t worker_count;
	struct wiring_worker workers[WIRING_FN_WORKER_MAX];
	uint32_t concurrency; /* requests that one worker has begun and not ended */
	uint32_t max_hops;
	uint32_t read_only; /* 1: the memory's fd can only be mapped for reading */
	uint32_t config_count;
	uint32_t fn_count;      /* functions of the chain; numbers 1..fn_count */
	uint32_t gateway_count; /* its workers have slots 1..gateway_count */
	struct wiring_string chain;
	struct wiring_string name;
	struct wiring_string folder;              /* of its executable */
	struct wiring_string fn_names[SP_FN_MAX]; /* by function number; [0] unused */
	struct shm_layout layout;
	struct wiring_pair config[WIRING_CONFIG_MAX];
	struct wiring_heap heap; /* last: only the used part is sent */
};

/* fds of a gateway: owners map, instances map, memory, stats (struct wiring_gateway_stats),
 * then for each worker listener, send, receive; then, when `front` is 1, an AF_UNIX listener
 * that all workers share. */
enum {
	WIRING_GW_OWNERS,
	WIRING_GW_INSTANCES,
	WIRING_GW_MEMORY,
	WIRING_GW_STATS,
	WIRING_GW_WORKERS
};

struct wiring_ingress {
	struct wiring_string host; /* "": any; "*.x": whatever ends in ".x"; else exact */
	struct wiring_string path; /* exact, or a prefix when it ends in "/" followed by "*" */
	struct wiring_string methods[WIRING_METHOD_MAX];
	uint32_t method_count; /* 0: any */
	uint32_t max_body;     /* bytes */
};

/*
 * To a running gateway it is sent again, without fds, when ingress, rules or trace change;
 * everything else must be as before. It is told from a wiring_msg by its length.
 */
struct wiring_gateway {
	uint32_t abi;
	uint32_t size;
	uint32_t worker_count;
	uint32_t trace;        /* 1: answer with Server-Timing of the kernel's stamps */
	uint32_t takeover;     /* 1: continues what a gateway that died left in tables and memory */
	uint32_t front;        /* 1: the last fd is the listener of a shared front */
	uint32_t calls;        /* 1: functions make messages of their own: calls, fan-out */
	uint32_t wipe_on_free; /* 1: a buffer is zeroed before it is given out again */
	uint32_t max_in_flight; /* requests in the chain at once; 0: as many as the pool holds */
	uint64_t idempotent;    /* bit n: what an instance of function n had not answered when it
				 * died may be sent again */
	uint64_t watched;   /* bit n: of deadlines that pass at function n the controller is told */
	uint32_t max_queue; /* requests that wait for room in the chain, and for each
				  * function; all workers together */
	uint32_t target_ms; /* of the wait, while there is a queue all the time */
	uint32_t interval_ms; /* that a queue may stand, and a request wait at most */
	uint32_t reserved;
	uint8_t second[SP_FN_MAX]; /* by function number: that of its second revision, or 0 */
	uint32_t slots[WIRING_WORKER_MAX];
	uint32_t cpus[WIRING_WORKER_MAX]; /* UINT32_MAX: not pinned */
	uint32_t connections;             /* of clients, in all; 0: as many as there are fds */
	uint32_t connections_per_address; /* 0: half of them, but for loopback */
	uint32_t spin_ns;                 /* a worker without requests polls so long, then sleeps */
	uint64_t timeout_ns;              /* from the request's arrival to its answer */
	uint32_t fn_count;                /* functions; numbers 1..fn_count */
	uint32_t ingress_count;
	struct wiring_string chain;
	struct wiring_string fn_names[SP_FN_MAX]; /* by function number; [0] unused */
	struct wiring_ingress ingress[WIRING_INGRESS_MAX];
	struct shm_layout layout;
	uint32_t user; /* it becomes, once it has started; 0: it stays who it is */
	/* From the ingress: from_edge is 0. The gateway's own edge to function f is f, so a
	 * rule's wire_edge is a function number, and so is the edge of a second try. */
	struct rule_table rules;
	struct wiring_heap heap;
};

enum wiring_type {
	WIRING_READY = 1, /* child -> controller: serving */
	WIRING_FAILED,    /* child -> controller: cannot start; text says why */
	WIRING_LOST,      /* controller -> gateway: instance `slot` of `fn` is gone */
	WIRING_RECLAIMED, /* gateway -> controller: `count` buffers of `slot` came back */
	WIRING_UP,        /* controller -> gateway: function `fn` has an instance again */
	WIRING_DRAIN,     /* controller -> gateway: accept no more, finish, say DRAINED; count
			   * is an enum wiring_drain */
	WIRING_DRAINED,   /* gateway -> controller: nothing in flight; EOF is then its order
			   * to end, once functions have given back their leases */
	WIRING_UPDATED,   /* gateway -> controller: every worker uses the tables sent last */
	WIRING_LATE,   /* gateway -> controller: `count` requests passed their deadline at `fn` */
	WIRING_FREEZE, /* controller -> gateway: count 1: no deadline passes, as somebody
			   * debugs a function; 0: as usual */
	WIRING_BUSY,   /* gateway -> controller: there are requests; said now and then */
};

enum wiring_drain {
	WIRING_DRAIN_STOP,      /* the chain ends: idle connections are closed at once */
	WIRING_DRAIN_HAND_OVER, /* another gateway accepts from the same listeners: idle
				 * connections are closed late, so that no request fails */
};

/* What a gateway counts; X(field, what it counts). */
#define WIRING_STATS_FIELDS(X)                                                      \
	X(requests, "requests taken into the chain")                                \
	X(answered, "requests answered by a function")                              \
	X(failed, "requests a function failed")                                     \
	X(refused, "requests refused before they entered the chain")                \
	X(no_buffer, "requests refused because no buffer was free")                 \
	X(timed_out, "requests whose deadline passed")                              \
	X(lost, "requests and messages lost with who held them")                    \
	X(held, "requests that waited for an instance")                             \
	X(retried, "requests sent again whose instance had died")                   \
	X(queued, "requests that waited for room")                                  \
	X(queued_us, "microseconds that requests waited for room")                  \
	X(shed, "requests refused as there was no room in time")                    \
	X(shed_inside, "of those shed, requests that were in the chain")            \
	X(circuit_open, "requests refused as a function's circuit breaker is open") \
	X(bad_buffer, "answers whose buffer was garbage")                           \
	X(abandoned, "requests whose client went away")                             \
	X(connections, "connections open now")                                      \
	X(in_flight, "requests in the chain now")                                   \
	X(leased, "buffers leased to functions now")                                \
	X(cut_reset, "clients cut off: streams reset")                              \
	X(cut_error, "clients cut off: stream errors provoked")                     \
	X(cut_continuation, "clients cut off: CONTINUATION")                        \
	X(cut_ping, "clients cut off: PING")                                        \
	X(cut_settings, "clients cut off: SETTINGS")                                \
	X(cut_priority, "clients cut off: PRIORITY")                                \
	X(cut_window, "clients cut off: WINDOW_UPDATE")                             \
	X(cut_data, "clients cut off: tiny DATA")                                   \
	X(cut_empty, "clients cut off: empty DATA")                                 \
	X(cut_frame, "clients cut off: GOAWAY, unknown frames")                     \
	X(cut_header, "clients cut off: header lists")                              \
	X(cut_memory, "clients cut off: bodies in memory")                          \
	X(cut_slow, "clients cut off: too slow")                                    \
	X(cut_limit, "clients cut off: too many connections")                       \
	X(messages_lost, "of those lost, messages")

struct wiring_stats {
#define X(field, text) uint64_t field;
	WIRING_STATS_FIELDS(X)
#undef X
} __attribute__((aligned(64))); /* workers share no cache line */

/*
 * What the workers of a gateway count, in a memfd: written by the gateway, read by anybody.
 * It outlives a gateway: counts go on, the gauges (connections, in_flight, leased) start at
 * zero with the next. `leased`, which no worker counts alone, is in the first.
 */
struct wiring_gateway_stats {
	struct wiring_stats worker[WIRING_WORKER_MAX];
	/* Instance slot whose refill a worker answers just now, and above it the class that was
	 * asked for; 0: none. The next gateway
	 * reads here to whom the one that died may owe an answer. */
	uint32_t granting[WIRING_WORKER_MAX];
};

struct wiring_msg {
	uint32_t type; /* enum wiring_type */
	uint32_t slot;
	uint32_t fn;
	uint32_t count;
	uint64_t token; /* of a loss: comes back with what was reclaimed */
	char text[256]; /* NUL-terminated */
};

/* Adds a string to a heap. Returns 0 and *ret, or -ENOSPC. */
int wiring_put(struct wiring_heap *heap, const char *text, struct wiring_string *ret);
/* The string itself; "" for a string that is out of the heap's bounds. */
const char *wiring_get(const struct wiring_heap *heap, struct wiring_string s);

/* Makes `rules` the function's, from its next hand-over on. May be called at any time, by one
 * thread; what the function writes to the page cannot lead out of it. */
void wiring_page_rules(struct wiring_page *page, const struct rule_table *rules);

/* Where a request of the function goes, as rule_find() says it by the rules that hold.
 * Returns 0 and *ret, or -ENOENT. */
int wiring_page_find(const struct wiring_page *page, uint32_t from_edge,
		     const struct shm_header *header, const struct shm_header *slot,
		     struct rule_way *ret);

/* The same for its call number `call`. */
int wiring_page_call(const struct wiring_page *page, uint32_t call, struct rule_call *ret);

/* Sends a message of `len` bytes with `fd_count` fds (which stay the caller's).
 * Returns 0 or -errno (-EPIPE: the other side is gone). */
int wiring_send(int sock, const void *msg, size_t len, const int *fds, size_t fd_count);

/*
 * Receives one message of at most `size` bytes and its fds (close-on-exec, the caller's).
 * Returns its length, 0 at EOF, or -errno; -EBADMSG when it was cut or has more than
 * fd_max fds. *ret_fd_count is set on success.
 */
ssize_t wiring_receive(int sock, void *msg, size_t size, int *fds, size_t fd_max,
		       size_t *ret_fd_count);

/* Has the kernel refuse fds sent to `sock`: closing a stranger's last one can block for as
 * long as he likes (SO_LINGER). Does nothing before Linux 6.16. */
void wiring_refuse_fds(int sock);

/* The inherited socket: its fd, -ENOENT when the process was not started by a controller,
 * -EINVAL when the variable is garbage. Sets close-on-exec and clears the variable. */
int wiring_inherited(void);

/* Keeps the calling thread on a CPU as the tables name it; UINT32_MAX: where it likes. 0, or
 * -errno (-EINVAL: there is no such CPU, or it is not the thread's to use). */
int wiring_cpu_pin(uint32_t cpu);

#endif
