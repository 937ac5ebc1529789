/* SPDX-License-Identifier: Apache-2.0 */
/* logstore_text.h - what a stranger wrote, in a form that harms no terminal; and whose
 * log a source is. Keeps no state. */
#ifndef SPROCKET_CONTROLLER_LOGSTORE_TEXT_H
#define SPROCKET_CONTROLLER_LOGSTORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies `len` bytes to `ret`, which has room for four times as many: printing characters of
 * UTF-8 and tabs as they are, every other byte as \xNN. Returns the bytes written. */
size_t logstore_text(const char *text, size_t len, char *ret);

/* Makes `text` a line of ASCII: control characters become spaces, other bytes "?". */
void logstore_text_line(char *text);

/* True when `source` ("detect-0") is `wanted`, or an instance of the function `wanted`. */
bool logstore_source_is(const char *source, const char *wanted);

#endif
