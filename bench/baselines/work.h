/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h - what a function of every baseline does to a body: what `pass` of the examples' chain-n
 * does, which is nothing.
 *
 * For: all baselines have the same function body; what is measured is how a request gets there.
 * How: the compiler must assume that the body is read and written, so the call stays where it is.
 * Thread-safety: any.
 */
#ifndef SPROCKET_BENCH_WORK_H
#define SPROCKET_BENCH_WORK_H

#include <stddef.h>

static inline void work(char *data, size_t len)
{
	__asm__ volatile("" : : "r"(data), "r"(len) : "memory");
}

#endif
