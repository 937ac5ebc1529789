/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h - what each function of each peer does with a body.
 *
 * For: that all peers do the same work, which is that of the function `pass` of the chain that
 * they are compared with (functions/examples/chain-n): none. What remains is the way from
 * function to function. Who wants to compare work as well changes it here, for all.
 */
#ifndef SPROCKET_BENCH_WORK_H
#define SPROCKET_BENCH_WORK_H

#include <stddef.h>

static inline void work(char *data, size_t len)
{
	(void)data;
	(void)len;
}

#endif
