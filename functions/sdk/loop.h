/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - a thread of a function's process: receive descriptors, handle, send them on.
 *
 * How: recv() brings what has arrived, at most SP_BATCH_MAX at once. Each request gets a task:
 * a handler on a stack of its own (fiber.h), so that it can wait for a reply or a buffer while
 * others run; as many as the function's concurrency allows, the rest waits in the backlog. Calls
 * are not counted: a request that waits for one could hold the place that it needs. What leaves
 * is grouped by destination and sent at the end of the turn, or before the next handler runs when
 * the oldest has waited for SDK_FLUSH_NS. An idle thread sleeps in recv(); there is no polling,
 * and a timer only while a task waits with a deadline.
 * Stop: EOF on the receive socket. What was received is still handled, the stock given back.
 * Trust: descriptors are checked by the kernel; headers in shared memory by us.
 * Thread-safety: one thread; sdk_loop_complete() any.
 *
 * The parts: loop.c (the turn), task.c (a request's life), token.c (its end by another thread),
 * caller.c (calls), gather.c (fan-out and join), stock.c (buffers in stock), kept.c (buffers that
 * a handler has), timers.c.
 */
#ifndef SPROCKET_SDK_LOOP_H
#define SPROCKET_SDK_LOOP_H

#include "functions/sdk/fiber.h"
#include "functions/sdk/inbox.h"
#include "functions/sdk/outbox.h"
#include "functions/sdk/request.h"
#include "sproxy/wiring.h"

#define SDK_FLUSH_NS 50000U
#define SDK_SHORT_TICKS 4           /* handlers between two looks at the clock, */
#define SDK_SHORT_NS 8000U          /* while so many take no longer than this */
#define SDK_STOCK_MAX 64            /* buffers of a class in stock */
#define SDK_STOCK_SHARE 32          /* but at most this part of the class */
#define SDK_STOCK_LOW 8             /* below: more are asked for */
#define SDK_STOCK_SMALL (64U << 10) /* larger ones are borrowed when needed, and not kept */
#define SDK_REFILL_MAX 32           /* asked for at once */
#define SDK_RETRY_MIN_NS 1000000U   /* first pause after nobody was there, or nothing to lend */
#define SDK_RETRY_MAX_NS 64000000U  /* the longest: each is twice the one before */
#define SDK_TEE_SHARE 8             /* copies to be read along hold at most this part of a class */
#define SDK_TAGS 65536U             /* calls under way of one thread: a tag is 16 bits */

/* A request from its arrival until it has left. */
struct sdk_task {
	struct sp_request req; /* first: the port finds the task by it */
	struct sdk_loop *loop;
	struct sdk_fiber *fiber;       /* parked; NULL: runs, or has returned */
	struct sdk_task *next;         /* free, or ready */
	struct sdk_task *next_waiting; /* for a buffer of the same class, or to collect */
	bool ready;                    /* in the list of those that go on */
	bool deferred;                 /* its handler has returned SP_DEFERRED */
	bool wake_each;                /* wakes at each reply, not at the last */
	bool counted;                  /* in loop->live */
	uint32_t open;                 /* calls without a reply */
	uint32_t timer;                /* 1 + place in the heap; 0: none */
	uint64_t wake_ns;
	uint32_t kept;           /* 1 + index of the first buffer it keeps; 0: none */
	struct sdk_slot granted; /* what it waited for */
};

/* Tasks that wait, in order. */
struct sdk_line {
	struct sdk_task *first, *last;
};

/* Buffers of one class that carry nothing, and who waits for one. */
struct sdk_stock {
	uint32_t count;
	uint32_t max;
	uint32_t low;
	uint32_t waiting;
	struct sdk_line line; /* who waits */
	struct sp_desc grants[SDK_STOCK_MAX];
};

enum sdk_place_kind {
	SDK_PLACE_NONE,
	SDK_PLACE_TASK,     /* a request that waits */
	SDK_PLACE_QUEUED,   /* a call in the backlog */
	SDK_PLACE_CANCELED, /* a request in the backlog, that nobody waits for */
	SDK_PLACE_KEPT,     /* a handler's own */
};

/* What is known of a buffer, by index. */
struct sdk_place {
	struct sdk_task *task;
	uint32_t gen;
	uint32_t prev, next; /* kept by the same task: 1 + index; 0: none */
	uint8_t kind;
	bool reusable;
};

struct sdk_tag {
	struct sdk_call *call; /* NULL: given up, its reply still comes */
	uint32_t index;        /* the buffer as it was sent */
	uint32_t next_free;
	bool used;
	bool by_reference;
};

/* Descriptors of requests that wait for their turn; parts follow their request. */
struct sdk_backlog {
	struct sp_desc *ring;
	uint32_t size; /* a buffer is in it once, so it is never full */
	uint32_t start;
	uint32_t count;
};

/* A copy that is out, to be read along. */
struct sdk_tee {
	uint32_t index; /* its buffer */
	uint32_t cls;   /* of the payload that it refers to */
	uint64_t number;
};

struct sdk_tees {
	struct sdk_tee *ring;
	uint32_t size;
	uint32_t start;
	uint32_t count;
	uint32_t out[SHM_CLASS_MAX]; /* by class of the payload */
	bool dry;                    /* one waited for a buffer in vain, and none came since */
};

struct sdk_loop {
	struct sdk_port port; /* first: the port's calls get back to the loop by it */
	struct sp_worker worker;
	struct sdk_inbox inbox;
	struct sdk_outbox outbox;
	struct sdk_backlog calls;         /* those that wait for a turn */
	struct sdk_backlog backlog;       /* those that wait for a place, too */
	struct sdk_backlog *backlog_last; /* where the last one went */
	struct sdk_fibers fibers;
	uint64_t now;   /* when the clock was read; at least what woke a task by its timer */
	uint32_t ticks; /* handlers that may begin before it is read again */
	struct sdk_task *free;
	struct sdk_task *ready, *ready_last;
	uint32_t live; /* requests that have begun and not left, calls apart */
	uint32_t concurrency;
	struct sdk_task **heap; /* by wake_ns */
	uint32_t heap_count;
	uint32_t task_count; /* all there are: the heap has room for them */
	struct sdk_stock stocks[SHM_CLASS_MAX];
	/* One task at a time holds some buffers while it waits for more: two could each have what
	 * the other lacks. Those behind it have none yet. */
	struct sdk_task *collector;
	struct sdk_line collectors;
	uint32_t short_of;        /* bit n: class n is to be asked for */
	uint32_t asking;          /* bit n: a refill of class n is not answered yet */
	uint64_t ask_ns;          /* not before */
	uint64_t ask_pause;       /* after the next denial */
	struct sdk_place *places; /* by buffer; pages that were never needed are not touched */
	struct sdk_tees tees;
	struct sdk_tag *tags;
	uint32_t tag_free;              /* 1 + tag; 0: none */
	uint32_t tag_count;             /* used so far */
	struct sp_token *completed;     /* atomic: a list */
	uint32_t woken;                 /* atomic: 1: a wake is under way */
	uint32_t wake;                  /* atomic: gen of the last wake read */
	uint32_t slot;                  /* our own */
	uint32_t home;                  /* gateway slot that grants leases */
	uint32_t gateway_count;         /* gateway workers have slots 1..gateway_count */
	uint32_t max_hops;              /* 0: any number */
	const struct wiring_page *page; /* routes, which change while we run */
	const struct shm_layout *layout;
	char *memory;     /* the pool */
	const char *view; /* the same, read-only */
};

/* Prepares a zeroed loop, of which worker, page, layout, memory, view, slot, home,
 * gateway_count, concurrency and max_hops are set. The fds stay the caller's. Call it in the
 * thread that will run it. Returns 0 or -errno. */
int sdk_loop_init(struct sdk_loop *loop, int receive, int send);
/* Serves until told to stop. Returns 0, or -errno when a socket failed. */
int sdk_loop_run(struct sdk_loop *loop);
void sdk_loop_done(struct sdk_loop *loop);

static inline struct sdk_loop *sdk_loop_of(struct sdk_port *port)
{
	return (struct sdk_loop *)port;
}
/* loop.c: the slot a descriptor names. `index` must be below buffer_count. */
struct sdk_slot sdk_loop_slot(const struct sdk_loop *loop, const struct sp_desc *desc);
/* Sends what is due before a handler runs for who knows how long. To be called before each.
 * Returns the time, at most SDK_SHORT_NS old unless a handler took longer than those before. */
uint64_t sdk_loop_tick(struct sdk_loop *loop);

bool sdk_backlog_pop(struct sdk_backlog *backlog, struct sp_desc *ret);
/* Reads on, where a read has left something. False: there was nothing. */
bool sdk_loop_fetch(struct sdk_loop *loop);

/* Whose routes a verdict takes, as the rules number them. */
static inline uint32_t sdk_rule_edge(sp_verdict verdict)
{
	return verdict == SP_NEXT ? 0 : 1 + (uint32_t)verdict;
}

/* task.c: takes up a request; its parts follow in `backlog`. */
void sdk_task_begin(struct sdk_loop *loop, const struct sp_desc *desc, struct sdk_backlog *backlog);
/* In the task: waits until woken, or until `wake_ns` (0: no limit). */
void sdk_task_wait(struct sdk_task *task, uint64_t wake_ns, const char *what_for);
/* Has a task that waits go on, soon. */
void sdk_task_wake(struct sdk_task *task);
/* Continues those that were woken. */
void sdk_tasks_go_on(struct sdk_loop *loop);
/* Has one that is deferred leave, by the verdict of its token. */
void sdk_task_finish(struct sdk_task *task);
/* token.c: those that sp_complete() was called for; `wake` says so. */
void sdk_tasks_completed(struct sdk_loop *loop, const struct sp_desc *wake);
void sdk_task_cancel(struct sdk_loop *loop, const struct sp_desc *desc);
void sdk_tasks_free(struct sdk_loop *loop);
sp_verdict sdk_task_await(struct sdk_port *port, struct sp_request *req);
void sdk_task_complete(struct sdk_port *port, struct sp_token *token);
static inline struct sdk_task *sdk_task_of(struct sp_request *req)
{
	return (struct sdk_task *)req;
}

/* caller.c: sends calls that have a slot and an edge. Waits until each is answered or given
 * up; with a `group` until as many as it needs have succeeded, or cannot any more (unless it
 * takes what comes); at most until `limit_ns` (0: none). */
void sdk_calls_run(struct sdk_task *task, struct sdk_call *calls, size_t count,
		   const struct rule_group *group, uint64_t limit_ns);
void sdk_calls_make(struct sdk_port *port, struct sp_request *req, struct sdk_call *calls,
		    size_t count);
/* A reply, or a call that nobody took. */
void sdk_call_returned(struct sdk_loop *loop, const struct sp_desc *desc);

/* tee.c: copies by reference that others read along. They wait for a buffer for a moment, and
 * not at all while none are to be had. */
int sdk_tees_init(struct sdk_loop *loop);
void sdk_tees_done(struct sdk_loop *loop);
void sdk_tees_send(struct sdk_task *task, const struct rule_way *way);

/* gather.c: an extra message, filled in. */
void sdk_message_send(struct sdk_loop *loop, const struct sp_request *req, uint8_t edge,
		      const struct sdk_slot *slot, uint32_t len, bool by_reference);
/* Fans the request out and collects the answers, which become `parts`, to be sent after it.
 * False: it failed, and sp_fail() was called. */
bool sdk_gather(struct sdk_task *task, const struct rule_group *group,
		struct sp_desc parts[RULE_MEMBER_MAX], uint32_t *ret_count);
int sdk_emit(struct sdk_port *port, struct sp_request *req, sp_verdict edge,
	     const struct sdk_slot *slot, uint32_t len, bool by_reference);
/* Takes the parts of a request from the backlog that it came from. */
void sdk_parts_take(struct sdk_task *task, struct sdk_backlog *backlog);
void sdk_parts_release(struct sdk_task *task);

/* stock.c */
void sdk_stocks_init(struct sdk_loop *loop);
int sdk_stock_take(struct sdk_port *port, struct sp_request *req, uint32_t cls,
		   struct sdk_slot *ret);
/* Without waiting. */
int sdk_stock_take_now(struct sdk_loop *loop, uint32_t cls, struct sdk_slot *ret);
void sdk_stock_give_back(struct sdk_port *port, const struct sdk_slot *slot, bool reusable);
/* The task has all that it collects, or goes without: the next may. */
void sdk_stock_collected(struct sdk_task *task);
/* What the gateway granted or denied. */
void sdk_stock_granted(struct sdk_loop *loop, const struct sp_desc *desc);
/* Asks for what is short. */
void sdk_stocks_refill(struct sdk_loop *loop, uint64_t now);
/* Gives everything back. */
void sdk_stocks_return(struct sdk_loop *loop);
/* Gives a buffer that carries nothing back to the gateway. */
void sdk_buffer_release(struct sdk_loop *loop, const struct sp_desc *desc);
/* The same for one with a request in it, which has no other answer then. */
void sdk_request_release(struct sdk_loop *loop, const struct sp_desc *desc);
void sdk_request_moved(struct sdk_port *port, const struct sp_request *req,
		       const struct sdk_slot *from, const struct sdk_slot *to);

/* kept.c */
void sdk_kept_add(struct sdk_port *port, struct sp_request *req, const struct sdk_slot *slot,
		  bool reusable);
int sdk_kept_take(struct sdk_port *port, struct sp_request *req, const char *shown,
		  struct sdk_slot *ret, bool *ret_reusable);
void sdk_kept_give_back(struct sdk_port *port, struct sp_request *req);
const char *sdk_loop_view(struct sdk_port *port, uint32_t index, uint32_t len);

/* timers.c: a task has at most one. */
void sdk_timer_set(struct sdk_task *task, uint64_t wake_ns);
void sdk_timer_clear(struct sdk_task *task);
/* Wakes those whose time has come. */
void sdk_timers_run(struct sdk_loop *loop, uint64_t now);

#endif
