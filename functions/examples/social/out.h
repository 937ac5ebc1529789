/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out.h - text that is put together in a buffer of fixed size.
 *
 * For: all functions of the chain. How: what does not fit is left out as a whole and `full`
 * is set, so that one look at the end is enough.
 * Thread-safety: one thread per struct out.
 */
#ifndef SOCIAL_OUT_H
#define SOCIAL_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sprocket.h>

#define NUMBER_TEXT_MAX 20U /* digits of the largest number */

struct out {
	char *data;
	size_t len;
	size_t size;
	bool full;
};

struct out out_start(char *data, size_t size);
sp_str out_str(const struct out *out);

void out_add(struct out *out, sp_str text);
void out_number(struct out *out, uint64_t number);
/* A JSON string, in quotes. The text must be UTF-8. */
void out_json(struct out *out, sp_str text);

/* Replaces the request's body by what is in `out`. Returns 0, or what sp_fail() returned. */
sp_verdict out_finish(const struct out *out, sp_request *req);

#endif
