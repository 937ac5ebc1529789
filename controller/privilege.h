/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privilege.h - the rights that a controller needs: CAP_BPF, CAP_PERFMON and
 * CAP_NET_ADMIN.
 */
#ifndef SPROCKET_CONTROLLER_PRIVILEGE_H
#define SPROCKET_CONTROLLER_PRIVILEGE_H

#include <stdbool.h>
#include <stdio.h>

/* Returns 0, or -EPERM with a sentence on `errors` that names what is missing and the fix. */
int privilege_check(FILE *errors);

/* True when the calling thread has capability `cap` (CAP_*) effectively. */
bool privilege_has(int cap);

#endif
