/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_errors.h - the errors of one chain file, kept until all of them are known.
 *
 * For: chain_*.c, which add; chain_load.c, which prints them in the order of the file.
 * How: each error has a place (line and column from 1) or speaks of the whole file. What
 * was quoted from the file is made safe for a terminal: control characters are escaped.
 * Thread-safety: one owner.
 * Failure modes: after CHAIN_ERROR_MAX errors the rest is dropped, and one line says so;
 * an error that finds no memory is remembered in `failed`.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_ERRORS_H
#define SPROCKET_CONTROLLER_CHAIN_ERRORS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CHAIN_ERROR_MAX 100
#define CHAIN_ERROR_TEXT_MAX 512

struct chain_place {
	uint32_t line; /* from 1; 0: the file as a whole */
	uint32_t column;
};

struct chain_error {
	struct chain_place at;
	uint32_t number; /* in the order they were found */
	char *text;
};

struct chain_errors {
	struct chain_error items[CHAIN_ERROR_MAX];
	unsigned count;
	bool more;  /* some were dropped */
	int failed; /* -ENOMEM: the list is not complete */
};

void chain_errors_add(struct chain_errors *errors, struct chain_place at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* True when nothing more will be kept, so that looking for more is wasted work. */
bool chain_errors_full(const struct chain_errors *errors);

/* Prints `FILE:LINE:COL: text` in the order of the file. */
void chain_errors_print(struct chain_errors *errors, const char *file, FILE *out);

void chain_errors_done(struct chain_errors *errors);

#endif
