/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - lines of a function's log.
 *
 * How: a line is made on the stack and written with one write(), so that lines of several
 * threads and processes do not mix. At most SDK_LOG_RATE a second; the first line of a
 * later second says how many were dropped, and `log_dropped` counts them.
 * Nobody waits for the log's reader: where stderr is non-blocking and full, a line is lost and
 * counted likewise, and the next one that fits says how many were.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_SDK_LOG_H
#define SPROCKET_SDK_LOG_H

#include <stddef.h>

#define SDK_LOG_RATE 100 /* lines a second */
#define SDK_LOG_MAX 1024 /* bytes of a line */

/* What is used as stderr, from the start on. */
void sdk_log_fd(int fd);
/* Where lines go instead of stderr; NULL: stderr again. Starts the rate anew. */
typedef void sdk_log_sink(void *arg, const char *line, size_t len);
void sdk_log_to(sdk_log_sink *sink, void *arg);
/* Says what was dropped and not yet said. */
void sdk_log_flush(void);

#endif
