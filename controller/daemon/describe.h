/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe.h - asks executables what they declare, several at once, without waiting.
 *
 * For: the API, when a chain is applied.
 * How: chain_run.h's pieces in the loop; at most DESCRIBE_MAX programs run at a time, of all
 * jobs together, each for CHAIN_DESCRIBE_MS at most. Jobs get their turns in the order they
 * came.
 * Thread-safety: one thread, the loop's.
 * Failure modes: what goes wrong with one executable is in its declaration. Without memory
 * the job ends with -ENOMEM.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_DESCRIBE_H
#define SPROCKET_CONTROLLER_DAEMON_DESCRIBE_H

#include "controller/chain_describe.h"
#include "controller/loop.h"

#define DESCRIBE_MAX 16 /* programs at a time */

struct describer;

/* `declared` is the callee's; empty after an error (-ENOMEM). Never called from describe_start()
 * itself. */
typedef void describe_done_fn(void *arg, int error, struct chain_declarations *declared);

/* Returns NULL without memory. */
struct describer *describer_new(struct loop *loop);
/* Kills what runs; the jobs' callbacks are not called. Takes NULL; returns NULL. */
struct describer *describer_free(struct describer *describer);

/* Asks `count` executables; takes the list and its items, also on failure. 0 or -ENOMEM. */
int describe_start(struct describer *describer, char **execs, size_t count, describe_done_fn *done,
		   void *arg);

#endif
