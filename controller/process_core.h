/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_core.h - core dumps of functions: found, named, and not too many.
 *
 * For: the runtime, after a child with a core_folder (process.h) has died.
 * How: the kernel names a core as kernel.core_pattern says, by default "core" in the folder
 * the process ran in. Which of the files there is a process's core is read from the file
 * itself (its NT_PRPSINFO note bears the pid), so that any pattern without a folder will do.
 * Taken over it is called NAME-PID-TIME.core; of each NAME the newest PROCESS_CORE_KEPT stay.
 * A pattern that names an absolute path or a program keeps the core elsewhere; a second core
 * of the same name ("core", without kernel.core_uses_pid) replaces one not yet taken.
 * Trust: whoever may write to the folder may put files there; they are read within bounds.
 * Thread-safety: none needed.
 */
#ifndef SPROCKET_CONTROLLER_PROCESS_CORE_H
#define SPROCKET_CONTROLLER_PROCESS_CORE_H

#include <sys/types.h>

#define PROCESS_CORE_KEPT 5
#define PROCESS_CORE_PATH_MAX 512

/* Takes over the core of process `pid` that `folder` has, for function `name`. Returns 0 and
 * its path; -ENOENT when there is none; other -errno of the system. */
int process_core_take(const char *folder, const char *name, pid_t pid,
		      char ret_path[PROCESS_CORE_PATH_MAX]);

#endif
