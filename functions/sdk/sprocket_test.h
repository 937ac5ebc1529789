/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sprocket_test.h - run a function in a unit test: no runtime, no root, no kernel program.
 *
 *     #include <sprocket_test.h>
 *
 *     int main(void)
 *     {
 *             sp_test *t = sp_test_new(&sp_function_registered, NULL);
 *             const sp_test_result *r = SP_TEST(t, .body = SP_S("abc"));
 *
 *             assert(r->verdict == SP_NEXT && sp_test_equals(r->body, "ABC"));
 *             sp_test_free(t);
 *     }
 *
 * For: tests with any framework. Link the function's own object file with
 * `pkg-config --libs sprocket-test`: the test's main() overrides the one of SP_FUNCTION.
 * How: the code around the handler is the one that serves in a chain; only buffers come
 * from the heap, one allocation each. They are freed at hand-over, so that valgrind and
 * AddressSanitizer report whoever touches a request after the handler returned, or a body
 * after it moved. A write to a body that others read ends the process. Calls are answered by
 * mocks of the test (sp_test_on_call).
 * Thread-safety: one thread, but for sp_complete and sp_test_cancel. Counters belong to the
 * process: each sp_test shows what was added since it was made. The log belongs to the sp_test
 * made last.
 * Failure modes: no memory ends the process; so does a token (sp_defer) that nobody completes
 * within 10 s, with a message.
 */
#ifndef SPROCKET_TEST_H
#define SPROCKET_TEST_H

#include "sprocket.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_test sp_test;

/* What a branch of a fan-out answered, for the function at its join. */
typedef struct sp_test_part {
	const char *function; /* its name in the chain */
	sp_error error;       /* SP_OK, or what it failed with; body is then the text */
	int status;           /* that it set, or 0 */
	sp_str body;
	int unchanged; /* 1: it left the body as it was; `body` is not looked at */
} sp_test_part;

/* A request. What is not set is as said. */
typedef struct sp_test_request {
	const char *method;         /* "POST" */
	const char *path;           /* "/"; what follows a question mark is the query */
	const char *topic;          /* none */
	const char *id;             /* "test" */
	const char *const *headers; /* none; name, value, ..., NULL */
	sp_str body;                /* empty */
	int64_t remaining_ns;       /* until the deadline; 0 = none, below 0 = passed */
	uint8_t qos;
	uint8_t elephant;
	uint8_t hop;               /* functions that handled it before */
	uint8_t shared;            /* 1: others read the same body, as after a tee or a fan-out */
	const sp_test_part *parts; /* none; at a join: what sp_part_at gives */
	size_t part_count;
} sp_test_request;

/* A message that the function sent besides: sp_emit and its sisters. */
typedef struct sp_test_emitted {
	const char *edge; /* "next", or the name of a declared edge */
	sp_str body;
	sp_str topic;
	int same; /* 1: by sp_emit_same */
} sp_test_emitted;

/* What became of it. Valid until the next run. */
typedef struct sp_test_result {
	sp_verdict verdict;
	const char *edge; /* "next" for SP_NEXT, the name of a declared edge, else NULL */
	sp_str body;      /* what is sent on, or the answer */
	sp_str topic;
	int status;                     /* as the client would see it if the request ended here */
	sp_error error;                 /* SP_OK, or what sp_fail was told */
	sp_str error_text;              /* and its text */
	unsigned moves;                 /* times the request moved to another buffer */
	const sp_test_emitted *emitted; /* in the order sent */
	size_t emitted_count;
} sp_test_result;

/*
 * Starts a function: checks its configuration, runs init and ready. `config` is key, value,
 * ..., NULL; or NULL for none.
 * NULL when it does not start: errno says why, and stderr in words.
 */
SP_API SP_MUST_USE sp_test *sp_test_new(const sp_function *function, const char *const *config);

/* Runs fini and frees all. Takes NULL. Returns NULL. */
SP_API sp_test *sp_test_free(sp_test *test);

/* Runs the function on one request. Never NULL. */
SP_API const sp_test_result *sp_test_run(sp_test *test, const sp_test_request *request);
#ifndef __cplusplus
#define SP_TEST(test, ...) sp_test_run(test, &(const sp_test_request){ __VA_ARGS__ })
#endif

/* A call that the function made. Valid until the mock returns. */
typedef struct sp_test_call {
	const char *call; /* its name in .calls */
	sp_str topic;
	sp_str body;
	int by_reference;     /* 1: the body is the request's own, where it lies */
	int64_t remaining_ns; /* until its deadline; INT64_MAX when there is none */
} sp_test_call;

/* What a mock answers. All zero but `room`: success, with an empty body. */
typedef struct sp_test_reply {
	sp_str body;      /* copied when the mock returns; may lie in `room` */
	int status;       /* as by sp_set_status; 0: none set */
	sp_error error;   /* as by sp_fail, or SP_ETIMEOUT, SP_EUPSTREAM, ... for no reply */
	const char *text; /* of the error; NULL: there is no reply */
	sp_buf room;      /* 64 KiB to build an answer in */
} sp_test_reply;

typedef void sp_test_reply_fn(void *arg, const sp_test_call *call, sp_test_reply *reply);

/*
 * Answers the calls named `call` in .calls by `fn`: while the handler waits, on its thread, in
 * the order the calls were made. It may run other functions, and this one again. fn NULL: no
 * longer. A call that no mock answers fails with SP_EUNAVAILABLE, and the log says so. A name
 * that is not in .calls ends the process.
 */
SP_API void sp_test_on_call(sp_test *test, const char *call, sp_test_reply_fn *fn, void *arg);

/* Answers a call with `body`, which must stay: a mock without a function of its own. */
SP_API void sp_test_answer(sp_test *test, const char *call, sp_str body);

/* Calls made in the last run, answered or not. */
SP_API size_t sp_test_calls(const sp_test *test);

/* From a mock, or from a thread that holds a token: nobody waits for the answer of the request
 * that runs any more, as when its client has gone. */
SP_API void sp_test_cancel(sp_test *test);

/* A response header field set in the last run; {NULL, 0} when it was not. */
SP_API sp_str sp_test_header(const sp_test *test, const char *name);
/* The i-th value set for that name, the last one set first. */
SP_API sp_str sp_test_header_at(const sp_test *test, const char *name, size_t i);

/* How much a counter grew since sp_test_new; sp_fail counts as "error_input" and so on. */
SP_API uint64_t sp_test_counter(const sp_test *test, const char *name);

/* The lines logged since the last run began (before the first: by init). */
SP_API const char *sp_test_log(const sp_test *test);

/* 1: from now on the pool has no larger buffer to give; 0: it has again. */
SP_API void sp_test_deny(sp_test *test, int deny);

/* 1 when the bytes are those of `text`. */
SP_API int sp_test_equals(sp_str bytes, const char *text);

#ifdef __cplusplus
}
#endif

#endif
