/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_fill.h - fills the root of a new mount namespace, and makes it the root.
 *
 * For: the child of sandbox_root.c. How: the root is built on a folder that every machine has
 * and nobody keeps programs in, and then takes the old root's place, which is let go.
 * Failure modes: -errno and a sentence; the namespace is of no use then.
 */
#ifndef SPROCKET_CONTROLLER_SANDBOX_FILL_H
#define SPROCKET_CONTROLLER_SANDBOX_FILL_H

#include "controller/sandbox_root.h"

int sandbox_fill(const struct sandbox_plan *plan, char why[SANDBOX_WHY_MAX]);

/* sandbox_secrets.c: puts the secrets into the root at `base`. The same. */
int sandbox_secrets_fill(const struct sandbox_plan *plan, const char *base,
			 char why[SANDBOX_WHY_MAX]);

/* `base` and `path` as one; false: too long. */
bool sandbox_path_join(char ret[CHAIN_PATH_MAX], const char *base, const char *path);

#endif
