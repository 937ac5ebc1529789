/* SPDX-License-Identifier: Apache-2.0 */
/*
 * declared.h - the chains that -f names: files, folders, standard input.
 *
 * How: a folder stands for its *.yaml and *.yml, sorted; "-" for standard input. Each document
 * of a file is a chain. Only its name is looked for here: the rest is sprocketd's to judge.
 * Failure modes: errors are printed, as FILE:LINE:COLUMN where there is a place, and the other
 * files are read nevertheless; `code` tells the exit code that they come to.
 * Ownership: declared_done(). Thread-safety: one owner.
 */
#ifndef SPROCKET_CONTROLLER_CLI_DECLARED_H
#define SPROCKET_CONTROLLER_CLI_DECLARED_H

#include <stddef.h>

#define DECLARED_MAX 4096       /* chains of one command */
#define DECLARED_TARGET_MAX 256 /* -f of one command */

struct declared {
	char *shown; /* the file as the user named it */
	char *path;  /* absolute */
	char *name;  /* of the chain */
	char *text;  /* lines are numbered as in the file */
	size_t len;
};

struct declared_list {
	const char *command;
	struct declared *items;
	size_t count;
	int code; /* CLI_OK: no error yet */
};

/* Adds what one -f names. */
void declared_read(struct declared_list *list, const char *target);
void declared_done(struct declared_list *list);

#endif
