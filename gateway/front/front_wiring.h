/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front_wiring.h - what the controller hands to a front.
 *
 * For: the controller, and sprocket-front, which has no rights to bind or to read files.
 * How: over the inherited SEQPACKET socket of sproxy/wiring.h. The first message is
 * FRONT_START with the listeners; the front answers FRONT_READY, and accepts once it has
 * routes (and, for TLS, a certificate). Every FRONT_ROUTES and FRONT_CERTIFICATE has a number,
 * other than that of the one before, and is
 * answered by FRONT_DONE with the number of the last one that all workers use, or by
 * FRONT_REFUSED with a sentence; what held before then holds on. Tables and files are the
 * bytes of memfds. EOF is the order to drain and end.
 * Trust: the front trusts the controller, but refuses what does not fit.
 */
#ifndef SPROCKET_GATEWAY_FRONT_WIRING_H
#define SPROCKET_GATEWAY_FRONT_WIRING_H

#include <stdint.h>

#include "sproxy/wiring.h"

#define FRONT_ABI 1U
#define FRONT_ROUTE_MAX 8192U
#define FRONT_FILE_MAX (1U << 20) /* bytes of a certificate file */
#define FRONT_FD_MAX (2 * WIRING_WORKER_MAX)

enum front_type {
	FRONT_START = 1,   /* controller -> front: flags, workers, cpus; a listener for each
			    * worker if FRONT_PLAIN, then one for each if FRONT_TLS */
	FRONT_ROUTES,      /* controller -> front: a memfd of `count` struct front_route */
	FRONT_CERTIFICATE, /* controller -> front: memfds of certificate chain and key (PEM),
			    * and of the authorities of clients if FRONT_CLIENT_CA */
	FRONT_READY,       /* front -> controller */
	FRONT_DONE,        /* front -> controller: all up to `number` is in use */
	FRONT_REFUSED,     /* front -> controller: `number` is not; text says why */
	FRONT_FAILED,      /* front -> controller: cannot start; text says why */
};

enum front_flags {
	FRONT_PLAIN = 1,
	FRONT_TLS = 2,
	FRONT_CLIENT_CA = 4,
};

struct front_msg {
	uint32_t abi;
	uint32_t type; /* enum front_type */
	uint32_t flags;
	uint32_t number;
	uint32_t count; /* workers, or routes */
	uint32_t cpus[WIRING_WORKER_MAX];
	char text[256]; /* NUL-terminated */
};

/* All strings are NUL-terminated. */
struct front_route {
	char chain[64];
	char socket[108];  /* where the chain's gateway listens for the front */
	char host[256];    /* "": any; "*.x": subdomains of x */
	char path[1032];   /* exact, or a prefix when it ends in "/" followed by "*" */
	uint32_t max_body; /* bytes */
};

#endif
