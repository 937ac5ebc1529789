/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timing.h - the path a request took, as a Server-Timing header.
 *
 * For: `sprocket run` and whoever asks for it: which function, in which instance, how long.
 * How: from the stamps that the kernel program wrote into the ownership table at each
 * hand-over; functions have no hand in them.
 * Thread-safety: runs in the request's worker, which holds the buffer.
 */
#ifndef SPROCKET_GATEWAY_TIMING_H
#define SPROCKET_GATEWAY_TIMING_H

struct gw_request;

/* Adds the header to the response of a request whose buffer came back. */
void gw_timing_put(const struct gw_request *r);

#endif
