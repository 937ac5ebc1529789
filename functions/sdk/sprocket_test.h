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
 * after it moved.
 * Thread-safety: one thread. Counters belong to the process: each sp_test shows what was
 * added since it was made. The log belongs to the sp_test made last.
 * Failure modes: no memory ends the process.
 */
#ifndef SPROCKET_TEST_H
#define SPROCKET_TEST_H

#include "sprocket.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_test sp_test;

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
	uint8_t hop; /* functions that handled it before */
} sp_test_request;

/* What became of it. Valid until the next run. */
typedef struct sp_test_result {
	sp_verdict verdict;
	const char *edge; /* "next" for SP_NEXT, the name of a declared edge, else NULL */
	sp_str body;      /* what is sent on, or the answer */
	sp_str topic;
	int status;        /* as the client would see it if the request ended here */
	sp_error error;    /* SP_OK, or what sp_fail was told */
	sp_str error_text; /* and its text */
	unsigned moves;    /* times the request moved to a larger buffer */
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
