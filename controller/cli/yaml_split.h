/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_split.h - the documents of a YAML text, each with the line numbers of the whole.
 *
 * How: YAML gives "---" and "..." at the beginning of a line, followed by a space or the
 * line's end, to document boundaries alone, even inside of block scalars; so a look at the
 * lines is enough. What goes before a document is made up by as many empty lines. Documents
 * of only comments and blanks are left out.
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_CLI_YAML_SPLIT_H
#define SPROCKET_CONTROLLER_CLI_YAML_SPLIT_H

#include <stddef.h>

/* Finds the first document at or after byte *at; *at moves behind it. Returns the text (the
 * caller frees it) and *ret_len, or NULL: with *at == len there is none, else no memory. */
char *yaml_split_next(const char *text, size_t len, size_t *at, size_t *ret_len);

#endif
