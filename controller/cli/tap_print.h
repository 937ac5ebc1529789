/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap_print.h - the lines of `sprocket tap`.
 *
 * Thread-safety: no state but the struct's.
 */
#ifndef SPROCKET_CONTROLLER_CLI_TAP_PRINT_H
#define SPROCKET_CONTROLLER_CLI_TAP_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define TAP_PRINT_ENOUGH 0x100 /* no exit code: `count` lines are written */

struct tap_print {
	FILE *out;
	bool json;
	uint64_t slower_us; /* only these and slower ones */
	uint32_t count;     /* lines to write; 0: no end */
	uint32_t written;
};

void tap_print_title(const struct tap_print *print);

/* Returns CLI_OK, TAP_PRINT_ENOUGH, or CLI_FAILED after a sentence (the output is gone). */
int tap_print_object(struct tap_print *print, const json_t *object);

#endif
