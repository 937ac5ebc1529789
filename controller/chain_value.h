/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_value.h - the small texts of a chain file: numbers, sizes, durations, names.
 *
 * For: chain_node.c and the readers of the file's sections.
 * How: strict: no spaces, no signs, no leading zeros, nothing after the unit.
 * Thread-safety: no state.
 * Failure modes: -EINVAL for what is no such text, -ERANGE for what does not fit 64 bits;
 * outputs are untouched then.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_VALUE_H
#define SPROCKET_CONTROLLER_CHAIN_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_SIZE_TEXT_MAX 24
#define CHAIN_METHODS 7
extern const char *const chain_methods[CHAIN_METHODS];

/* "32" */
int chain_value_number(const char *text, uint64_t *ret);
/* "16", "64Ki", "1Mi", "2Gi": bytes */
int chain_value_size(const char *text, uint64_t *ret);
/* "20us", "50ms", "2s", "1m", "1h": nanoseconds */
int chain_value_duration(const char *text, uint64_t *ret_ns);

/* "50ms" for 50000000. Returns buf (CHAIN_SIZE_TEXT_MAX bytes). */
const char *chain_value_duration_text(uint64_t ns, char *buf);

/* "64Ki" for 65536; sizes that no unit divides are rounded up to the largest unit that
 * keeps three digits. Returns buf (CHAIN_SIZE_TEXT_MAX bytes). */
const char *chain_value_size_text(uint64_t size, char *buf);

/* A DNS label: 1 to 63 of a-z, 0-9 and inner dashes. */
bool chain_value_is_label(const char *text);
/* A host of HTTP, without a port: DNS labels, the first may be a star; 1 to 253 bytes. */
bool chain_value_is_host(const char *text);
/* An edge: 1 to 63 letters, digits, dashes, underscores. */
bool chain_value_is_edge(const char *text);
/* A header field's name (RFC 9110 token). */
bool chain_value_is_token(const char *text);
/* An HTTP path: begins with a slash, printable ASCII, no query; a star only as the last
 * character and after a slash. */
bool chain_value_is_path(const char *text);

#endif
