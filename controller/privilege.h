/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privilege.h - the rights that a controller needs: CAP_BPF, CAP_PERFMON and
 * CAP_NET_ADMIN; and those that its children keep.
 */
#ifndef SPROCKET_CONTROLLER_PRIVILEGE_H
#define SPROCKET_CONTROLLER_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/capability.h>

/* Returns 0, or -EPERM with a sentence on `errors` that names what is missing and the fix. */
int privilege_check(FILE *errors);

/* True when the calling thread has capability `cap` (CAP_*) effectively. */
bool privilege_has(int cap);

/* Root's way to files: a user's home may be closed to others, also to a root without it. */
#define PRIVILEGE_FILES (UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_DAC_READ_SEARCH)

/* Of a child, before exec: nothing that it starts has a capability beyond `keep`, a mask of
 * 1 << CAP_*. System calls only. */
void privilege_bound(uint64_t keep);

#endif
