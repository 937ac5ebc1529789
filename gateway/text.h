/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - small text that the gateway writes: JSON strings, HTTP reason phrases.
 *
 * Thread-safety: pure.
 */
#ifndef SPROCKET_GATEWAY_TEXT_H
#define SPROCKET_GATEWAY_TEXT_H

#include <stddef.h>

/* Copies a string without its NUL; returns the end. */
char *gw_text_put(char *to, const char *text);

/*
 * Copies bytes as the inside of a JSON string: quotes, backslashes and control characters
 * escaped, what is not UTF-8 replaced by U+FFFD. At most six bytes for each. Returns the end.
 */
char *gw_text_escape(char *to, const char *text, size_t len);

/* Bytes of the valid UTF-8 sequence that `text` begins with, or 0. */
size_t gw_text_utf8(const char *text, size_t len);

/* The reason phrase of an HTTP status. */
const char *gw_text_status(int status);

#endif
