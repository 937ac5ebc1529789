/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller.h - a function that calls others, run in a rig; each test has a handler of its own.
 *
 * SP_NEXT leads to wire edge 5, "found" to 6, "none" nowhere. It calls alpha (edge 20, function
 * 4), beta (21, 5) and gamma (22, 6); "unknown" is not in the chain file. It begins with
 * CALLER_COUNT buffers of the smallest class in stock, from CALLER_STOCK on.
 */
#ifndef SPROCKET_TESTS_SDK_CALLER_H
#define SPROCKET_TESTS_SDK_CALLER_H

#include "tests/unit/sdk/rig.h"

#define ALL SP_BATCH_MAX
#define CALLER_STOCK 500
#define CALLER_COUNT 16
#define CALLER_ROOT 800 /* the buffer whose payload others refer to */
#define CALLER_BODY "root body"
#define MS_NS 1000000U

enum { ALPHA, BETA, GAMMA, UNKNOWN };
enum { ALPHA_EDGE = 20, BETA_EDGE, GAMMA_EDGE };
enum { FOUND, NONE };

typedef sp_verdict caller_handler(sp_request *req, void *state);

/* To change the rig in between, the two steps apart. */
void caller_init(struct rig *rig);
void caller_launch(struct rig *rig, caller_handler *handler);
void caller_open(struct rig *rig, caller_handler *handler);

/* Sends a request in buffer `index`; its descriptor. */
struct sp_desc caller_ask(struct rig *rig, uint32_t index, const char *body);
/* The same with a deadline so many ns from now. */
struct sp_desc caller_ask_within(struct rig *rig, uint32_t index, const char *body, uint64_t ns);
/* Sends what rig_reply() and the like have made. */
void caller_answer(struct rig *rig, struct sp_desc d);
/* The next send is the reply to the request in buffer `index`, with that body. */
void caller_expect(struct rig *rig, uint32_t index, const char *body);
/* The same for one that failed. */
void caller_expect_failed(struct rig *rig, uint32_t index, sp_error error, const char *text);
/* The next send releases one buffer that is no request's. */
void caller_expect_release(struct rig *rig, uint32_t index);
/* The next send cancels that call. */
void caller_expect_cancel(struct rig *rig, const struct sp_desc *call);

/* A request in buffer `index` whose body is that of buffer CALLER_ROOT. */
void caller_ask_by_reference(struct rig *rig, uint32_t index);
/* What was sent refers to CALLER_BODY in buffer `index`. */
void caller_check_reference(struct rig *rig, const struct sp_desc *d, uint32_t index);
/* The release of the one buffer, and the answer in the other, which is returned. */
struct sp_desc caller_expect_moved(struct rig *rig, uint32_t from);

/* Orders the stop: it ends well, has given back everything and logged `log`. */
void caller_close_with_log(struct rig *rig, const char *log);
void caller_close(struct rig *rig);

/* For handlers: calls, and prints error, status and reply. */
sp_verdict caller_print(sp_request *req, sp_call *call);

#endif
