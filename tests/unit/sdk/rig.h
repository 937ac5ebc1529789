/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h - a function's process with a test in the place of controller, gateway and kernel.
 *
 * How: forks a child that runs sp_main(); the test holds the other ends of its sockets,
 * maps the same memory and speaks the wire protocol. The function sends on a SEQPACKET
 * socket, so that the test sees which descriptors left in one send. Each of them is judged as
 * the kernel program would (rig_kernel.c): who holds a buffer, what it carries, who reads it.
 * Failure modes: everything asserts. What waits for the child waits RIG_WAIT_MS at most.
 */
#ifndef SPROCKET_TESTS_SDK_RIG_H
#define SPROCKET_TESTS_SDK_RIG_H

#include <stdbool.h>
#include <sys/types.h>

#include "bpf/wire.h"
#include "functions/sdk/sprocket.h"
#include "shm/buffer.h"
#include "shm/counters.h"
#include "shm/layout.h"
#include "sproxy/wiring.h"

#define RIG_WAIT_MS 20000
#define RIG_HOME 7    /* gateway slot that grants leases; gateway workers have 1 to 7 */
#define RIG_SLOT 40   /* of the child's first worker; the others follow */
#define RIG_CALLER 90 /* an instance that calls the child */
#define RIG_WORKERS 4

/* Who holds a buffer, and what for. */
enum rig_hold {
	RIG_OURS,    /* the gateway, or whoever the child sent it to */
	RIG_STOCK,   /* the child: it carries nothing */
	RIG_REQUEST, /* the child: somebody's request */
	RIG_AWAY,    /* a call of the child's, not answered yet */
};

struct rig_buffer {
	enum rig_hold hold;
	uint32_t gen;
	uint32_t ref;  /* 1 + the buffer whose payload the request in it reads; 0: none */
	uint32_t refs; /* requests that read its payload */
	uint16_t home;
	uint16_t tag;
};

struct rig {
	pid_t pid;
	int wiring;
	int in;                                  /* the function's sends are read here */
	int out;                                 /* what it receives is written here */
	int ins[RIG_WORKERS], outs[RIG_WORKERS]; /* of all its workers */
	uint32_t worker;                         /* whose in and out are */
	struct rig_buffer *buffers;
	uint64_t call_edges; /* bit n: edge n is a call */
	uint32_t refill;     /* bit n: that of class n is not answered yet */
	uint32_t wake;       /* wakes looped back */
	int log;             /* memfd: the child's stderr */
	int memory_fd;
	char *memory;
	struct wiring_page *page;
	struct shm_counters *counters; /* of the child; after rig_wait() what they were at last */
	struct shm_counters last;
	struct rule_table rules; /* that rig_launch() begins with */
	struct wiring_function table;
	size_t cut;      /* bytes at the table's end that are not sent */
	char text[4096]; /* of rig_log() */
};

/* Makes sockets, memory and a table that rig_launch() sends; change it in between. */
void rig_init(struct rig *rig);
/* Adds to the table: edge `from` (0: SP_NEXT) leads to wire edge `wire`. */
void rig_rule(struct rig *rig, uint32_t from, uint32_t wire);
void rig_config(struct rig *rig, const char *key, const char *value);
/* Adds a call: wire edge `wire` leads to function `fn`, which has that name. */
void rig_call(struct rig *rig, uint32_t wire, uint32_t fn, const char *name);
/* Other classes than the usual ones, `count` buffers of each size; right after rig_init(). */
void rig_layout(struct rig *rig, const uint32_t *sizes, uint32_t class_count, uint32_t count);
/* Starts the child and hands it the wiring. Returns what it reports. */
struct wiring_msg rig_launch(struct rig *rig, const sp_function *function);

/* Puts a request into buffer `index` and returns its descriptor (generation 1000 + index,
 * home 1). */
struct sp_desc rig_request(struct rig *rig, uint32_t index, const char *body);
/* The same from an instance that waits for the answer to its call. */
struct sp_desc rig_request_of_caller(struct rig *rig, uint32_t index, const char *body);
struct shm_header *rig_slot(const struct rig *rig, uint32_t index);
char *rig_body(const struct rig *rig, uint32_t index);
/* Raw bytes; what they name has to be given with rig_give(). */
void rig_write(struct rig *rig, const void *bytes, size_t len);
/* The child holds these requests from now on. */
void rig_give(struct rig *rig, const struct sp_desc *descs, uint32_t count);
void rig_send(struct rig *rig, const struct sp_desc *descs, uint32_t count);
/* One send of the function, judged; wakes come back to it and are not shown. Returns the number
 * of descriptors. */
size_t rig_read(struct rig *rig, struct sp_desc ret[SP_BATCH_MAX]);
/* Is there a send to read, now or within that time? */
bool rig_sends(struct rig *rig, int ms);
/* The next send is one descriptor, on that edge. */
struct sp_desc rig_expect(struct rig *rig, uint8_t edge);
/* The next send is a request for `count` buffers of class `cls`. */
void rig_expect_refill(struct rig *rig, uint32_t cls, uint32_t count);
/* Answers a refill with `count` buffers from `first` on. */
void rig_grant(struct rig *rig, uint32_t first, uint32_t count);
/* The same, and `more` others are to follow in the same answer. */
void rig_grant_some(struct rig *rig, uint32_t first, uint32_t count, uint32_t more);
void rig_deny(struct rig *rig);
/* Turns to another worker of the child. */
void rig_use(struct rig *rig, uint32_t worker);

/* The answer to a call of the child's, to be sent with rig_write(): in the buffer that it came
 * in; in buffer `index`, which the one that was called had; as a refusal. */
struct sp_desc rig_reply(struct rig *rig, const struct sp_desc *call, const char *body);
struct sp_desc rig_reply_in(struct rig *rig, const struct sp_desc *call, uint32_t index,
			    const char *body);
struct sp_desc rig_refuse(struct rig *rig, const struct sp_desc *call, sp_error error,
			  const char *text);
/* The call as it comes back when nobody is there. */
struct sp_desc rig_return(struct rig *rig, const struct sp_desc *call, uint8_t flags);
/* Nobody waits for that request any more. */
void rig_cancel(struct rig *rig, const struct sp_desc *desc);
/* rig_kernel.c: judges what the child sent, and keeps account. */
void rig_judge(struct rig *rig, struct sp_desc *descs, uint32_t count);
/* Buffers that the child holds as stock, or has calls in. */
uint32_t rig_lent(const struct rig *rig);
uint64_t rig_now(void);

/* Orders the stop. */
void rig_eof(struct rig *rig);
/* Reads what it sends until it has ended. */
void rig_drain(struct rig *rig);
/* Waits for the end and frees all. Returns the exit code, 128 + signal. */
int rig_wait(struct rig *rig);
/* A counter of the child. */
uint64_t rig_counter(const struct rig *rig, const char *name);
/* Waits until it died of a write where it may not write. */
void rig_expect_fault(struct rig *rig);
/* What the child wrote to stderr; valid after rig_wait(). */
const char *rig_log(struct rig *rig);

/* Flags of a reply that failed so: below 500 the request is to blame. */
static inline uint8_t rig_failed_flags(sp_error error)
{
	bool blameless = error < SP_EINTERNAL;

	return (uint8_t)(SP_DESC_FAILED | (blameless ? SP_DESC_BLAMELESS : 0));
}

#endif
