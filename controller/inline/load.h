/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - brings a function's program into the host.
 *
 * How: a position-independent program is a shared object that the dynamic linker refuses for one
 * bit; a copy without the bit is loaded. A libsprocket.so that it needs is loaded for it alone,
 * from a copy with a name of its own, so that each function has its own counts and log. Where
 * its entry is stands in its section "sprocket_entry", which SP_FUNCTION makes.
 *   The copies are named after their functions: a debugger finds code and symbols in them.
 * Failure modes: a program that is not such a one is told in a sentence that names the fix.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_INLINE_LOAD_H
#define SPROCKET_CONTROLLER_INLINE_LOAD_H

#include <stddef.h>

#include "controller/inline/inline.h"
#include "controller/inline/tls.h"

/* As functions/sdk/sprocket.h has it (struct sp_entry_). */
struct inline_entry {
	const void *function;
	int (*main)(int argc, char **argv, const void *function);
};

struct inline_program {
	const struct inline_entry *entry;
	struct inline_tls tls;
};

/* Returns 0 and *ret, or -1 and why. */
int inline_load(const struct inline_function *from, int exec_fd, struct inline_program *ret,
		char *why, size_t why_size);

#endif
