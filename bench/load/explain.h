/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h - what is wrong and how to mend it, in the `error` of a caller.
 * Thread-safety: functions of their arguments. */
#ifndef SPROCKET_BENCH_EXPLAIN_H
#define SPROCKET_BENCH_EXPLAIN_H

#include "bench/load/schedule.h"

/* Writes the message, cut at BENCH_ERROR_TEXT, and returns `r`: `return bench_explain(...)`. */
int bench_explain(char error[BENCH_ERROR_TEXT], int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same about a line of a file: "FILE:LINE: ..." (of a long path its end). */
int bench_explain_line(char error[BENCH_ERROR_TEXT], int r, const char *path, unsigned long line,
		       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
