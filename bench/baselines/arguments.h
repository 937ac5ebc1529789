/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arguments.h - what each peer is told: the contract in README.md.
 *
 * Thread-safety: for main(), before there are threads. Failure modes: wrong ones end the process
 * with status 2 and the usage.
 */
#ifndef SPROCKET_BENCH_ARGUMENTS_H
#define SPROCKET_BENCH_ARGUMENTS_H

#include <netinet/in.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PEER_FUNCTIONS_MAX 64U
#define PEER_BODY_MAX (16UL << 20)

struct arguments {
	unsigned functions;
	struct sockaddr_in address; /* port 0: a free one */
	size_t body_max;
};

/* `name`: the program's; `least`: functions, 0: it can have none. */
void arguments_read(struct arguments *ret, const char *name, unsigned least, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
