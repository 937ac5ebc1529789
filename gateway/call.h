/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - calls that functions make of each other, where the gateway has to end one.
 *
 * For: a caller that would wait for an answer which its callee cannot give any more: the
 * callee died, or let go of the call.
 * How: the buffer is sent home as a failed reply with a header of its own: the old one is
 * what the callee left. When the caller is gone, too, the kernel program gives the buffer to
 * the worker that lends to the caller, as undeliverable, and it is freed there.
 * Thread-safety: for the worker that holds the buffer.
 */
#ifndef SPROCKET_GATEWAY_CALL_H
#define SPROCKET_GATEWAY_CALL_H

#include <stdbool.h>
#include <stdint.h>

struct gateway;
struct gw_worker;

/* True when an instance waits for the answer in a buffer that was leased. */
bool gw_call_is(const struct gateway *g, uint32_t index);

/* Answers the call in the buffer, which the worker holds: function `fn` did `what`. */
void gw_call_fail(struct gw_worker *worker, uint32_t index, uint32_t fn, const char *what,
		  uint8_t again);

#endif
