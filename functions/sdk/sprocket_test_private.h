/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sprocket_test_private.h - between the files of libsprocket-test.
 *
 * How: sprocket_test_port.c is the port of the requests (port.h): buffers from the heap, callees
 * that are the test's. sprocket_test_request.c makes requests as the gateway does.
 * Thread-safety: one thread, but for what says otherwise.
 */
#ifndef SPROCKET_SDK_SPROCKET_TEST_PRIVATE_H
#define SPROCKET_SDK_SPROCKET_TEST_PRIVATE_H

#include <pthread.h>

#include "functions/sdk/request.h"
#include "functions/sdk/sprocket_test.h"
#include "shm/counters.h"
#include "sproxy/rule.h"

/* A buffer that is somebody's. */
struct test_buffer {
	struct sdk_slot slot;
	bool mapped;   /* by mmap, to be write-protected; else by malloc */
	uint32_t read; /* bytes that others read, and that nobody may write therefore */
	uint64_t sum;  /* of them */
};

struct test_kept {
	struct sdk_slot slot;
	bool reusable;
};

struct test_mock {
	sp_test_reply_fn *fn; /* NULL: none */
	void *arg;
	sp_str answer; /* of sp_test_answer */
};

/* One request and what became of it so far. A mock may run another one meanwhile. */
struct test_run {
	struct sp_request req; /* first: the port's calls get back to the run by it */
	struct test_run *outer;
	const sp_test_request *asked;
	struct sdk_slot lent; /* where its body is when others read it; at NULL: its own */
	bool referred;        /* parts refer to the buffer `root` */
	uint32_t root;
	struct sdk_part *parts;
	const char **names; /* of the functions that parts come from, from 1 on */
	struct test_kept *kept;
	size_t kept_count;
	sp_test_emitted *emitted; /* the bytes of each begin at its body.data */
	size_t emitted_count;
	size_t calls;
	unsigned moves;
};

struct sp_test {
	struct sdk_port port; /* first: its calls get back to the test by it */
	struct sp_worker worker;
	struct shm_layout layout;
	struct test_buffer *buffers;
	size_t buffer_count;
	uint32_t next_index;
	bool deny;
	struct test_mock mocks[RULE_CALL_MAX];
	struct test_run *run; /* innermost; NULL: none; atomic */
	pthread_mutex_t lock; /* of every token */
	pthread_cond_t completed;
	struct shm_header header; /* of the last result */
	struct shm_header *last;  /* its slot, copied; NULL before the first */
	char *last_body;
	size_t last_calls;
	struct sp_test_result result;
	struct shm_counters before; /* the counters as they were at the start */
	char *log;                  /* NUL-terminated */
	size_t log_len;
};

/* Returns `p`; ends the process when there is no memory. */
void *test_must(void *p);
/* A copy of `len` bytes, of which there is at least one. */
void *test_copy(const void *from, size_t len);
/* Ends the process because the test itself is wrong. */
void test_die(const char *format, ...) SP_PRINTF(1, 2) __attribute__((noreturn));

/* sprocket_test_port.c */
void test_port_init(struct sp_test *t);
/* A buffer of class `cls`, empty; `mapped`: one that can be protected. */
struct sdk_slot test_slot_new(struct sp_test *t, uint32_t cls, bool mapped);
/* Takes none (at NULL). */
void test_slot_free(struct sp_test *t, const struct sdk_slot *slot);
void test_slot_protect(const struct sdk_slot *slot);
/* From now on others read the first `len` bytes of this buffer: when it is freed and they are not
 * what they were, the process ends. */
void test_slot_read(struct sp_test *t, uint32_t index, uint32_t len);
/* Waits until the request's token is complete. Ends the process after 10 s. */
sp_verdict test_await(struct sp_test *t, struct sp_request *req);

/* sprocket_test_request.c: begins a request, with its parts and the body that others read. */
void test_request_begin(struct sp_test *t, struct test_run *run, const sp_test_request *request);
/* Frees what it brought. */
void test_request_end(struct sp_test *t, struct test_run *run);

#endif
