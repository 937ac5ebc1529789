/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runstate_file.h - the record's file format; between runstate.c, which writes it, and
 * runstate_clean.c, which reads what killed runs left.
 *
 * A record is lines of RECORD_WIDTH bytes, padded with spaces; an empty line is nothing:
 *
 *     run PID START BOOT_ID
 *     overcommit PAGES       or, while it is changed, overcommit PAGES above LIMIT
 *     child PID START        or        path /ABSOLUTE/PATH        (any number, any order)
 *
 * Thread-safety: the functions keep no state.
 */
#ifndef SPROCKET_CONTROLLER_RUNSTATE_FILE_H
#define SPROCKET_CONTROLLER_RUNSTATE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNSTATE_FOLDER_MAX 512
#define RECORD_WIDTH 128
#define BOOT_ID_SIZE 40

enum { RECORD_RUN, RECORD_OVERCOMMIT, RECORD_ENTRIES };

/* When process `pid` was started, in ticks since boot. Returns 0 and *ret, or -ESRCH when
 * there is none, or only its unreaped remains. */
int runstate_process_start(pid_t pid, uint64_t *ret);

/* The machine's boot; "" when it cannot be read. */
void boot_id_read(char ret[BOOT_ID_SIZE]);

/* The n-th folder that records may be in. Returns 0 and its path, -ENOENT after the last. */
int runstate_folder(unsigned int n, char ret[RUNSTATE_FOLDER_MAX]);

/* Gives back what the killed run of the record at `path` left, without a report. Returns
 * true when the record is gone. */
bool runstate_clean_file(const char *path);

#endif
