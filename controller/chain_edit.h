/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_edit.h - a chain file with other numbers in it, and nothing else changed.
 *
 * For: `sprocket traffic`.
 * How: the numbers are found in the YAML with their places and written over; comments and form
 * stay what they are.
 * Failure modes: -ENOENT when there is no such function, or it has no two revisions; -ENOMEM.
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_EDIT_H
#define SPROCKET_CONTROLLER_CHAIN_EDIT_H

#include <stddef.h>
#include <stdint.h>

/* The percentages of a function's two revisions, in the order of the file. Returns 0 and *ret,
 * the caller's, NUL-terminated. */
int chain_edit_traffic(const char *text, size_t len, const char *function,
		       const uint32_t percents[2], char **ret, size_t *ret_len);

#endif
