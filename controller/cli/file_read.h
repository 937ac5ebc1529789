/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_read.h - a whole file, as it was at one moment.
 *
 * For: chain files, which editors and deployment tools may be writing just now.
 * How: what fstat() tells must be the same after reading as before, else the file is read
 * again. Pipes and the like are read to their end; they cannot change.
 * Failure modes: -EBUSY: changed during each of FILE_READ_TRIES; -EFBIG: above `max` bytes;
 * -EISDIR; -ENOMEM; what open() and read() say. Outputs are untouched then.
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_CLI_FILE_READ_H
#define SPROCKET_CONTROLLER_CLI_FILE_READ_H

#include <stddef.h>

#define FILE_READ_TRIES 3

/* *ret_text is NUL-terminated; the caller frees it. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len);

/* The same, from where fd is now to its end, once. */
int file_read_fd(int fd, size_t max, char **ret_text, size_t *ret_len);

#endif
