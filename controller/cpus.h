/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpus.h - the CPUs that a chain may use, as the commands' --cpus names them.
 *
 * For: `sprocket run` and sprocketd. Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_CPUS_H
#define SPROCKET_CONTROLLER_CPUS_H

#include <stddef.h>
#include <stdint.h>

/* The CPUs of `list`; without one all that this process may use, last ones first (interrupts
 * tend to be on the first). Returns how many; -EINVAL when `list` names one it may not use. */
int cpus_choose(const char *list, uint32_t *ret, size_t max);

#endif
