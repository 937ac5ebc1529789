/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_files.h - a folder of executables for chain files under test.
 *
 * For: the tests of controller/chain_*.c.
 * How: a fresh folder becomes the working directory; describe_fixture is linked into it
 * under every name that the files in tests/data/chains use.
 */
#ifndef SPROCKET_TESTS_UNIT_CONTROLLER_CHAIN_FILES_H
#define SPROCKET_TESTS_UNIT_CONTROLLER_CHAIN_FILES_H

#include <stddef.h>

#include "controller/chain.h"

/* Makes the folder and goes there. `fixture` is the path of describe_fixture. Exits the
 * program when that fails. */
void chain_files_enter(const char *fixture);
/* Removes the folder. */
void chain_files_leave(void);

/* Links the fixture under one more name. */
void chain_files_link(const char *name);

/* The whole file, NUL-terminated; NULL when there is none. The caller frees. */
char *chain_files_read(const char *path, size_t *ret_len);

/* A chain that was parsed, and what was said about it. */
struct chain_outcome {
	int err;
	struct chain *chain; /* NULL after an error */
	unsigned errors;
	char *text;
};

struct chain_outcome chain_files_parse(const char *path, const char *text, size_t len,
				       unsigned flags);
/* The file `name` of the folder; what was said about it is printed. */
struct chain_outcome chain_files_parse_data(const char *folder_of_data, const char *name);
void chain_outcome_done(struct chain_outcome *outcome);

/* Checks what every chain promises to those who build tables from it; ends the program otherwise. */
void chain_files_check(const struct chain *chain);

#endif
