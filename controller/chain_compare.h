/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_compare.h - what is different between a chain that runs and one that is declared.
 *
 * For: choosing how a change is made, and telling people what it will do.
 * How: both are loaded chains. Whether a function's program or configuration differ is not
 * decided here but by its revision, which the caller compares.
 * Thread-safety: reads both.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_COMPARE_H
#define SPROCKET_CONTROLLER_CHAIN_COMPARE_H

#include <stdbool.h>

#include <jansson.h>

#include "controller/chain.h"

enum chain_change {
	CHAIN_CHANGE_NONE,
	CHAIN_CHANGE_LIVE,    /* can be made in the running chain */
	CHAIN_CHANGE_REPLACE, /* needs a pool, a gateway or function numbers of its own */
};

/* Compares; each difference is added to `changes` (may be NULL) as {"path", "change"}.
 * `revised`: bit i: functions[i] has another revision. */
enum chain_change chain_compare(const struct chain *old, const struct chain *next, uint64_t revised,
				json_t *changes);

/* Adds one {"path", "change"}. */
void chain_change_add(json_t *changes, const char *path, const char *change);

#endif
