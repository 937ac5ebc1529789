/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - bytes of unknown origin as a JSON string.
 *
 * For: what functions print and clients send. Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_UTF8_H
#define SPROCKET_CONTROLLER_DAEMON_UTF8_H

#include <jansson.h>
#include <stddef.h>

/* The text; when it is no UTF-8, every byte above ASCII becomes a question mark. NULL without
 * memory. */
json_t *utf8_json(const char *text, size_t len);

#endif
