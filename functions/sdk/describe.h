/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h - what a function declares, as one line of JSON: for `--describe`, which the
 * controller reads when it checks a chain file. Single-threaded. */
#ifndef SPROCKET_SDK_DESCRIBE_H
#define SPROCKET_SDK_DESCRIBE_H

#include <stdio.h>

#include "functions/sdk/sprocket.h"

/* Returns 0, or -errno when it cannot be written. */
int sdk_describe(const sp_function *function, FILE *out);

#endif
