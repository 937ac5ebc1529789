/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - a declared chain, sent to sprocketd: for `apply` and `diff`.
 *
 * How: errors that sprocketd finds in the file are printed with the file's name as the user
 * gave it, line by line.
 * Returns: an exit code, after a sentence when it is not CLI_OK.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_CLI_CHANGE_H
#define SPROCKET_CONTROLLER_CLI_CHANGE_H

#include "controller/cli/client.h"
#include "controller/cli/declared.h"

enum change_mode {
	CHANGE_WAIT,    /* until it is done, or undone */
	CHANGE_NO_WAIT, /* only until it is accepted */
	CHANGE_DRY_RUN, /* change nothing */
};

/* *ret is the answer, which has a "result"; owned by the caller. */
int change_put(struct client *client, const struct declared *chain, enum change_mode mode,
	       json_t **ret);

/* Prints a line for each planned change of an answer. */
void change_print_plan(const json_t *answer, const char *indent);

#endif
