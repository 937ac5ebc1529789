/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step.h - a function whose handler each test brings along.
 *
 * How: the handler of `step_function` is what `step` points to. It declares the edges "found"
 * and "none", and the calls "catalog" and "currency".
 */
#ifndef SPROCKET_TESTS_SDK_STEP_H
#define SPROCKET_TESTS_SDK_STEP_H

#include "functions/sdk/sprocket_test.h"

#define STEP_SECOND_NS 1000000000LL
#define STEP_LARGEST (1U << 20) /* payload bytes of the largest buffer in a test */

enum { FOUND, NONE };       /* edges */
enum { CATALOG, CURRENCY }; /* calls */

extern const sp_function step_function;
extern sp_verdict (*step)(sp_request *req);

/* cmocka's setup and teardown: an sp_test in *state. */
int step_open(void **state);
int step_close(void **state);
#define STEP_TEST(name) cmocka_unit_test_setup_teardown(name, step_open, step_close)

sp_str step_str(sp_buf b);

/* A mock: answers with call, topic and body it was asked with, and status 201. */
void step_echo(void *arg, const sp_test_call *call, sp_test_reply *reply);

/* In a child process, fn(t) ends by this signal, after these words on standard error. */
void step_expect_end(void (*fn)(sp_test *t), sp_test *t, int sig, const char *says);

#endif
