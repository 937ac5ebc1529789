/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutator.h - a thread that writes to shared memory while others read it.
 *
 * For: fuzz targets of what functions share: a value that is read twice is not the same twice.
 * How: between mutator_begin() and mutator_end() it changes bytes at random; otherwise there is none.
 * What it writes is not poisoned away from it: another process has no such marks either.
 * Thread-safety: begin and end from one thread.
 */
#ifndef SPROCKET_TESTS_FUZZ_MUTATOR_H
#define SPROCKET_TESTS_FUZZ_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

void mutator_begin(void *at, size_t size, uint32_t seed);
void mutator_end(void);

#endif
