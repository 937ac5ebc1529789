/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - one request inside the SDK, and what the function lives in.
 *
 * For: the public calls, which work on a request and do not know where buffers come from; the
 * process and libsprocket-test, which do (port.h).
 * How: the header is copied out of the buffer and checked when the request is taken up;
 * the copy is what everything works on, and it is written back at hand-over. A request
 * that outgrows its buffer asks its port for a larger one and moves. Its body may lie in
 * another buffer, to be read only; or in its own, which others read: then it is copied before
 * it is written.
 * Thread-safety: a request belongs to the thread that runs the handler.
 */
#ifndef SPROCKET_SDK_REQUEST_H
#define SPROCKET_SDK_REQUEST_H

#include <stdbool.h>

#include "functions/sdk/port.h"
#include "functions/sdk/sprocket.h"
#include "shm/buffer.h"
#include "shm/layout.h"

#define SDK_TEXT_MAX 512  /* text of sp_fail, with the NUL */
#define SDK_CONFIG_MAX 64 /* values from the chain file */

struct sdk_pair {
	const char *key;
	const char *value;
};

struct sp_worker {
	const sp_function *function;
	const char *chain;
	const char *name;   /* in the chain */
	const char *folder; /* of its executable */
	const struct shm_layout *layout;
	struct sdk_port *port;
	void *state; /* the function's own */
	uint32_t index;
	bool read_only; /* the pool's memory cannot be written here */
	uint32_t edge_count;
	uint32_t call_count;
	uint32_t config_count;
	struct sdk_pair config[SDK_CONFIG_MAX];
	const char *const *fn_names; /* of the chain's functions, by number */
	uint32_t fn_count;           /* entries in it */
};

struct sp_token {
	struct sp_request *req;
	struct sp_token *next; /* the port's own */
	sp_verdict verdict;
	bool out;   /* taken, and not completed yet */
	bool done;  /* completed */
	bool given; /* sp_complete was called; atomic */
};

/* An answer of a fan-out's branch. */
struct sdk_part {
	struct sdk_slot slot;
	struct shm_header header; /* checked copy */
	uint32_t len;
};

struct sp_request {
	struct sp_worker *worker;
	struct sdk_slot slot;
	struct sdk_slot left; /* moved from; old pointers may be read until sdk_request_settle() */
	struct shm_header header;
	uint32_t len;    /* payload bytes in its own buffer */
	uint8_t flags;   /* QoS and elephant bits of its descriptor */
	uint16_t home;   /* who waits for the answer */
	bool shared;     /* others read the payload of its own buffer: not to be written */
	bool meta_known; /* `meta` is filled in */
	bool unwritable; /* a copy to write to was asked for, and could not be made */
	bool canceled;   /* nobody waits for the answer any more; atomic */
	uint8_t error;   /* enum sp_error, set by sp_fail */
	uint32_t text_len;
	const char *body; /* its bytes in another buffer, header.body_len of them; NULL: its own */
	const char *waits_for;  /* for people; NULL: it runs */
	uint64_t take_until_ns; /* how long it waits for a buffer; 0: until its deadline */
	uint32_t collects;      /* buffers that it still takes before it sends any of them */
	struct sdk_part *parts;
	uint32_t part_count;
	struct sp_token token;
	char text[SDK_TEXT_MAX];
	sp_meta meta;
};

/* Name of a function of the chain; "" for a number that none has. */
static inline const char *sdk_function_name(const struct sp_worker *worker, uint32_t fn)
{
	return fn < worker->fn_count ? worker->fn_names[fn] : "";
}

/* worker.c: checks the registration; says what is wrong in `why`. Returns 0 or -EINVAL. */
int sdk_function_check(const sp_function *function, char *why, size_t why_size);
/* Checks that required values are there, then init and ready. 0, or -errno and `why`. */
int sdk_worker_start(struct sp_worker *worker, char *why, size_t why_size);
void sdk_worker_stop(struct sp_worker *worker);

/* request.c: takes up the buffer `slot` with `len` payload bytes. Returns 0; -EBADMSG when
 * its header is garbage: then the header is made anew, empty. */
int sdk_request_begin(struct sp_request *req, struct sp_worker *worker, const struct sdk_slot *slot,
		      uint32_t len);
/* Runs the handler. Returns a verdict that is valid: others have become SP_FAILED. */
sp_verdict sdk_request_run(struct sp_request *req);
/* `verdict` where it is valid, otherwise what sp_fail says of it. */
sp_verdict sdk_request_check(struct sp_request *req, sp_verdict verdict);
/* Gives the request the form in which it leaves, and writes its header back. */
void sdk_request_end(struct sp_request *req, sp_verdict verdict);

/* body.c: moves to a buffer that has room for `len` payload bytes and `meta` more bytes of
 * meta data, and takes the first `keep` bytes of its body along, wherever they lie. Returns 0 or
 * -ENOSPC. The old buffer is kept until sdk_request_settle(). */
int sdk_request_move(struct sp_request *req, uint32_t len, uint32_t keep, uint32_t meta);
void sdk_request_settle(struct sp_request *req);
/* The body, wherever it lies. */
sp_str sdk_body(const struct sp_request *req);
/* Counts payload bytes that the SDK itself has copied (counter "copied_bytes"). */
void sdk_count_copied(size_t len);
/* Number of the smallest class with room for `len` payload and `meta` meta bytes, none larger
 * than what is asked; class_count when there is none. */
uint32_t sdk_class_for(const struct shm_layout *layout, uint64_t len, uint64_t meta);

/* message.c: what is written into a fresh buffer, so that a message of `len` bytes that is
 * already, or not yet, in it can leave. 0 or -ENOSPC.
 * As the request: all its meta data; for what leaves beside it. */
int sdk_message_like(const struct sp_request *req, const struct sdk_slot *slot, uint32_t len);
/* For a call: id, trace context and deadline of the request, and its own topic. */
int sdk_message_call(const struct sp_request *req, const struct sdk_slot *slot, uint32_t len,
		     sp_str topic, uint64_t deadline_ns);
/* Has the message refer to the request's body instead of one of its own. */
void sdk_message_refer(const struct sp_request *req, const struct sdk_slot *slot);
/* Takes out a buffer that the handler gives away. 0 and *ret, or -EINVAL: it is none of the
 * request's own, or one that others read. */
int sdk_message_take(struct sp_request *req, sp_buf message, struct sdk_slot *ret);
/* Bytes of meta data that the request has. */
static inline uint32_t sdk_meta_size(const struct sp_request *req)
{
	return req->slot.stride - req->header.meta_low;
}

/* Others read the body from now on. Its own buffer is not to be written; another's never is. */
static inline void sdk_body_lent(struct sp_request *req)
{
	if (!req->body)
		req->shared = true;
}

/* Its client is gone, or who called. */
static inline bool sdk_request_canceled(const struct sp_request *req)
{
	return __atomic_load_n(&req->canceled, __ATOMIC_RELAXED);
}

static inline char *sdk_payload(const struct sp_request *req)
{
	return shm_buffer_payload(req->slot.at);
}
/* The bytes of a slice of the request. */
static inline sp_str sdk_str(const struct sp_request *req, struct shm_slice s)
{
	sp_str none = { NULL, 0 };

	if (s.len == 0)
		return none;
	return (sp_str){ shm_slice_data(req->slot.at, s), s.len };
}

#endif
