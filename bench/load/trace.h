/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - arrivals read from a file.
 *
 * Three forms, told apart by the first line that is neither empty nor a comment (#):
 *   t_us chain path bytes         a request each line: its time in µs since the start, the
 *                                 chain's host ("-": none), the path, the size of its body
 *   HashOwner,HashApp,HashFunction,Trigger,1,2,...,1440
 *                                 Azure Functions 2019: invocations per minute
 *   app,func,end_timestamp,duration
 *                                 Azure Functions 2021: one invocation a line; it arrived at
 *                                 end_timestamp - duration (s), counted from the earliest
 * The lines need not be in order of time. Of the Azure forms each function is the path /f/HASH,
 * without a body; invocations of a minute are spread over it evenly at random, by the seed.
 * A request with a body is a POST of letters, one without a GET.
 */
#ifndef SPROCKET_BENCH_TRACE_H
#define SPROCKET_BENCH_TRACE_H

#include "bench/load/schedule.h"

/* Requests that `mix` does not have yet (method, host, path, length of the body) are added to it.
 * Arrivals after `duration_ns` (0: no limit) are left out, and requests that only they ask for. A
 * shorter trace makes a shorter schedule. Returns 0 or as bench_schedule_make; `error` names the
 * line; the mix is as before then. */
int bench_trace_read(const char *path, uint64_t duration_ns, uint64_t seed, struct bench_mix *mix,
		     struct bench_schedule *ret, char error[BENCH_ERROR_TEXT]);

#endif
