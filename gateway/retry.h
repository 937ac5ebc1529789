/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.h - a request whose instance died, sent again.
 *
 * For: functions declared idempotent: what one of their instances had not answered is nobody's
 * loss.
 * How: a function may have written to the buffer already, and what it got from the function
 * before it is not kept: so a request begins anew, as it came from its client, when every
 * function that has had it is idempotent. Its bytes are in libh2o's memory until it ends. Its
 * deadline stays, and so does the number of instances that one request may take with it: one
 * that kills whoever has it must not kill them all for ever.
 * Thread-safety: runs in the request's worker.
 */
#ifndef SPROCKET_GATEWAY_RETRY_H
#define SPROCKET_GATEWAY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define GW_DEATHS_MAX 3 /* of instances that had the same request; then it is answered */

struct gateway;
struct gw_request;
struct gw_worker;

/* Whether function `fn` may do the same again. */
bool gw_retry_idempotent(const struct gw_worker *worker, uint32_t fn);

/* Remembers where the request's bytes are, which move with what its client sends ahead. */
void gw_retry_note(struct gw_request *r);

/* Sends a request of a client again, whose buffer was taken back from an instance that is gone.
 * False: it may not be, or cannot. */
bool gw_retry(struct gw_worker *worker, struct gw_request *r);

#endif
