/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h - the API's JSON objects, looked into and printed.
 *
 * How: a place is written as "status.buffers.total". What is not there, or of another type,
 * is NULL: the daemon's words are input.
 * Ownership: what is returned belongs to the object. Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_CLI_OBJECT_H
#define SPROCKET_CONTROLLER_CLI_OBJECT_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "controller/cli/options.h"

#define OBJECT_NUMBER_MAX 24 /* bytes of a number's text */

json_t *object_get(const json_t *object, const char *place);
const char *object_text(const json_t *object, const char *place);
/* A whole number as text, in buf (OBJECT_NUMBER_MAX bytes); NULL when it is none. */
const char *object_number(const json_t *object, const char *place, char *buf);

/* Why a chain is not as it should be; "" when it is. */
const char *object_reason(const json_t *chain);

/* Prints a value as YAML, or 0 when it has: -EIO, -ENOMEM. */
int object_print_yaml(const json_t *value, FILE *out);
/* As JSON with indent, or on one line. */
int object_print_json(const json_t *value, bool one_line, FILE *out);

#endif
