/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_target.h - what a request is for: targets (RFC 9112, 3.2) and hosts.
 *
 * For: h1_head.c. Thread-safety: pure.
 */
#ifndef SPROCKET_GATEWAY_H1_TARGET_H
#define SPROCKET_GATEWAY_H1_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* The first byte behind the target of a request with that method, NULL when what is there can be
 * the beginning of none, `end` when its end is not there yet. */
const char *gw_h1_target_end(const char *p, const char *end, const char *method, size_t len);

/* RFC 9110, 7.2: uri-host [ ":" port ]; also nothing at all. */
bool gw_h1_host_valid(const char *text, size_t len);

#endif
