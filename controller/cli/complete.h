/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete.h - the words that shell completion offers for chains and functions.
 *
 * How: asks sprocketd, with little patience; says nothing when it is not there.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_CLI_COMPLETE_H
#define SPROCKET_CONTROLLER_CLI_COMPLETE_H

/* The names of the chains, one a line. */
void complete_chains(void);
/* The names of a chain's functions, one a line. */
void complete_functions(const char *chain);

#endif
