/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field.h - which response header fields a function may set.
 *
 * For: the SDK, which tells the function at once; the gateway, which checks again, because
 * what lies in a shared buffer may have been written by anything.
 * How: a name is an RFC 9110 token, a value has no control characters but the tab, and
 * fields that frame the message or belong to the gateway are refused.
 * Thread-safety: pure.
 */
#ifndef SPROCKET_SHM_FIELD_H
#define SPROCKET_SHM_FIELD_H

#include "shm/buffer.h"

/* Returns 0; -EPERM for a field that belongs to the gateway or is hop by hop, names in any
 * case; -EINVAL for a name that is no token, a value with control characters, or lengths
 * above SHM_NAME_MAX or SHM_VALUE_MAX. */
int shm_field_check(const struct shm_field *field);

#endif
