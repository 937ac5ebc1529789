/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port.h - what a request needs of the outside: buffers, calls, somebody to wait.
 *
 * For: the public calls, which work on a request and know no sockets. Two ports exist: the
 * process's (loop.h), and the one of libsprocket-test, whose buffers come from the heap and
 * whose callees are the test's.
 * Thread-safety: `complete` any thread; everything else is for the request's own.
 */
#ifndef SPROCKET_SDK_PORT_H
#define SPROCKET_SDK_PORT_H

#include <stdbool.h>

#include "functions/sdk/sprocket.h"
#include "shm/buffer.h"

#define SDK_CALLS_MAX 64 /* calls under way at once for one request */

/* A buffer as its holder names it. */
struct sdk_slot {
	struct shm_header *at; /* NULL: none */
	uint32_t index;
	uint32_t gen;
	uint32_t size;   /* payload bytes of its class */
	uint32_t stride; /* bytes of the slot */
};

/* A call on its way: in `slot` there is first the message, then the reply. */
struct sdk_call {
	struct sp_request *req;
	struct sdk_slot slot; /* at == NULL: none, and `error` says why */
	uint64_t deadline_ns; /* 0: none */
	uint32_t len;         /* payload bytes */
	uint8_t fn;           /* index into .calls */
	uint8_t error;        /* enum sp_error; what the reply says is in its header */
	uint8_t flags;        /* of the reply's descriptor */
	bool by_reference;    /* slot refers to another buffer: it is no good for a new message */
	/* The process's own. */
	uint8_t state; /* enum sdk_call_state */
	uint8_t edge;
	uint8_t to_fn;
	uint16_t tag;
	uint32_t retries;
	uint64_t retry_ns;
};

struct sdk_port {
	/* A buffer of class `cls` or larger that carries nothing. Waits for it, in order, until
	 * the request's take_until_ns or deadline. 0 and *ret, or -ENOBUFS. */
	int (*take)(struct sdk_port *port, struct sp_request *req, uint32_t cls,
		    struct sdk_slot *ret);
	/* It is not needed any more. `reusable`: nobody reads it, and it refers to no other. */
	void (*give_back)(struct sdk_port *port, const struct sdk_slot *slot, bool reusable);
	/* The request in `from` goes on in `to`; nothing refers to `from` any more. */
	void (*moved)(struct sdk_port *port, const struct sp_request *req,
		      const struct sdk_slot *from, const struct sdk_slot *to);
	/* The buffer is the request's own until it ends, or is taken out by the address of what
	 * keep's caller showed of it: 0, *ret and what keep said, or -ENOENT. */
	void (*keep)(struct sdk_port *port, struct sp_request *req, const struct sdk_slot *slot,
		     bool reusable);
	int (*unkeep)(struct sdk_port *port, struct sp_request *req, const char *shown,
		      struct sdk_slot *ret, bool *ret_reusable);
	void (*give_back_kept)(struct sdk_port *port, struct sp_request *req);
	/* The payload of a buffer that the request refers to, read-only; NULL when there is no
	 * such buffer or it is not that long. */
	const char *(*view)(struct sdk_port *port, uint32_t index, uint32_t len);
	/* Makes those calls that have a slot; returns when each has its reply, or none and an
	 * error. Slots of calls that failed on the way are taken away. */
	void (*call)(struct sdk_port *port, struct sp_request *req, struct sdk_call *calls,
		     size_t count);
	/* Sends a message with its header filled in, and takes the slot, whatever happens.
	 * -EINVAL, -ENOTSUP as sp_emit. `by_reference`: it refers to the request's body. */
	int (*emit)(struct sdk_port *port, struct sp_request *req, sp_verdict edge,
		    const struct sdk_slot *slot, uint32_t len, bool by_reference);
	sp_verdict (*await)(struct sdk_port *port, struct sp_request *req);
	void (*complete)(struct sdk_port *port, struct sp_token *token);
};

#endif
