/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_head.h - heads of HTTP/1 requests, by the letter of RFC 9112.
 *
 * For: request smuggling needs a message that two parsers end in two places. This one takes only
 * what the grammar allows, and of that only what says in one way where the message ends.
 * How: the request line is judged byte by byte as it comes, field lines when their end is there:
 * the verdict on some bytes is the same however they were cut into reads. Nothing is copied.
 * Not by the letter: bytes that browsers leave in a query ("|", "{", "\") are taken in the target;
 * of an Upgrade nothing is passed on, nor is an Expect of HTTP/1.0.
 * Thread-safety: pure.
 * Failure modes: a fault has a number; what has one is never taken in part.
 */
#ifndef SPROCKET_GATEWAY_H1_HEAD_H
#define SPROCKET_GATEWAY_H1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "gateway/strict.h"

#define GW_H1_HEAD_MAX (64U << 10)   /* bytes of a head */
#define GW_H1_TARGET_MAX (16U << 10) /* bytes of a request target */
#define GW_H1_FIELDS_MAX 100         /* fields of a head, as libh2o has it */
#define GW_H1_LENGTH_DIGITS 18       /* more would not fit the 63 bits of a size */

enum gw_h1_fault {
	GW_H1_LINE,        /* the request line has not the form that it must have */
	GW_H1_TARGET,      /* the target is of no form, or not of one for this method */
	GW_H1_TARGET_SIZE, /* it is too long */
	GW_H1_VERSION,     /* neither HTTP/1.1 nor HTTP/1.0 */
	GW_H1_CONNECT,     /* a tunnel is asked for */
	GW_H1_FIELD,       /* a field line has not the form that it must have */
	GW_H1_SIZE,        /* the head is too long, or has too many fields */
	GW_H1_HOST,        /* two Host fields, or one that names no host */
	GW_H1_FRAMING,     /* it is open, or not to be known, where the message ends */
	GW_H1_CODING,      /* a transfer coding besides chunked */
	GW_H1_LENGTH,      /* a Content-Length beyond all numbers */
	GW_H1_FAULTS,
};

#define GW_H1_PREFACE (-1) /* HTTP/2 begins here */
#define GW_H1_MORE (-2)    /* not complete; what is there is good so far */
#define GW_H1_FAULT(r) (-3 - (r))

struct gw_h1_head {
	const char *method;
	size_t method_len;
	const char *target;
	size_t target_len;
	int minor; /* HTTP/1.minor: 0 or 1 */
	size_t count;
	struct phr_header *fields; /* room for `room` */
	size_t room;
};

/* True for a HEAD request: its refusal has no body. */
static inline bool gw_h1_is_head(const struct gw_h1_head *head)
{
	return head->method_len == 4 && memcmp(head->method, "HEAD", 4) == 0;
}

/* Bytes of the head that `buf` begins with, one of the words above, or a value of which
 * GW_H1_FAULT() is the fault; then the method is set when there was one. `last_len`: bytes that
 * were there at a call before, which answered GW_H1_MORE; 0: none. */
int gw_h1_head_parse(const char *buf, size_t len, size_t last_len, struct gw_h1_head *head);

#endif
