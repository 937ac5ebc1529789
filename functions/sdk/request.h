/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - one request inside the SDK, and what the function lives in.
 *
 * For: the public calls (request.c, body.c, header.c), which work on a request and do not
 * know where buffers come from; the process loop and libsprocket-test, which do.
 * How: the header is copied out of the buffer and checked when the request is taken up;
 * the copy is what everything works on, and it is written back at hand-over. A request
 * that outgrows its buffer asks its source for a larger one and moves.
 * Thread-safety: a request belongs to the thread that runs the handler.
 */
#ifndef SPROCKET_SDK_REQUEST_H
#define SPROCKET_SDK_REQUEST_H

#include <stdbool.h>

#include "functions/sdk/sprocket.h"
#include "shm/buffer.h"
#include "shm/layout.h"

#define SDK_TEXT_MAX 512  /* text of sp_fail, with the NUL */
#define SDK_CONFIG_MAX 64 /* values from the chain file */

/* A buffer as its holder names it. */
struct sdk_slot {
	struct shm_header *at; /* NULL: none */
	uint32_t index;
	uint32_t gen;
	uint32_t size;   /* payload bytes of its class */
	uint32_t stride; /* bytes of the slot */
};

/* Where larger buffers come from: the lease of a process, or the heap of a test. */
struct sdk_source {
	/* A spare buffer of class `cls` or larger. Returns 0 and *ret, or -ENOBUFS. */
	int (*take)(struct sdk_source *source, uint32_t cls, struct sdk_slot *ret);
	/* The request in `from` goes on in `to`. Nothing is poisoned yet. */
	void (*moved)(struct sdk_source *source, const struct sp_request *req,
		      const struct sdk_slot *from, const struct sdk_slot *to);
	/* `slot` was left behind, and nothing refers to it any more. */
	void (*retire)(struct sdk_source *source, const struct sdk_slot *slot);
};

struct sdk_pair {
	const char *key;
	const char *value;
};

struct sp_worker {
	const sp_function *function;
	const char *chain;
	const char *name; /* in the chain */
	const struct shm_layout *layout;
	struct sdk_source *source;
	void *state; /* the function's own */
	uint32_t edge_count;
	uint32_t config_count;
	struct sdk_pair config[SDK_CONFIG_MAX];
};

struct sp_request {
	struct sp_worker *worker;
	struct sdk_slot slot;
	struct sdk_slot left; /* moved from; old pointers may be read until it is retired */
	struct shm_header header;
	uint32_t len;  /* payload bytes */
	uint8_t flags; /* QoS and elephant bits of its descriptor */
	uint16_t home;
	bool meta_known;
	uint8_t error; /* enum sp_error, set by sp_fail */
	uint32_t text_len;
	char text[SDK_TEXT_MAX];
	sp_meta meta;
};

/* worker.c: checks the registration; says what is wrong in `why`. Returns 0 or -EINVAL. */
int sdk_function_check(const sp_function *function, char *why, size_t why_size);
/* Checks that required values are there, then init and ready. 0, or -errno and `why`. */
int sdk_worker_start(struct sp_worker *worker, char *why, size_t why_size);
void sdk_worker_stop(struct sp_worker *worker);

/* request.c: takes up the buffer `slot` with `len` payload bytes. Returns 0; -EBADMSG when
 * its header is garbage: then the header is made anew, empty. */
int sdk_request_begin(struct sp_request *req, struct sp_worker *worker, const struct sdk_slot *slot,
		      uint32_t len);
/* Runs the handler. Returns a verdict that is valid: out-of-range ones have become SP_FAILED. */
sp_verdict sdk_request_run(struct sp_request *req);
/* Gives the request the form in which it leaves, and writes its header back. */
void sdk_request_end(struct sp_request *req, sp_verdict verdict);

/* body.c: moves to a buffer that has room for `len` payload bytes and `meta` more bytes of
 * meta data. Returns 0 or -ENOSPC. The old buffer is kept until sdk_request_settle(). */
int sdk_request_move(struct sp_request *req, uint32_t len, uint32_t meta);
void sdk_request_settle(struct sp_request *req);
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
