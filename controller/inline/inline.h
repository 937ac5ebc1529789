/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inline.h - between the controller and the host, the one process that has all functions of a
 * chain as threads (`sprocket run --inline`).
 *
 * How: the host inherits its end of a SEQPACKET pair as every child does (sproxy/wiring.h). For
 * each function it is sent a struct inline_function with fds; then INLINE_GO. It answers with
 * struct wiring_msg of the types below. A function's own socket is the one it would have in a
 * process of its own: what could not be loaded is told there, by WIRING_FAILED.
 * Thread-safety: none needed; one owner per socket.
 */
#ifndef SPROCKET_CONTROLLER_INLINE_INLINE_H
#define SPROCKET_CONTROLLER_INLINE_INLINE_H

#include <limits.h>
#include <stdint.h>

#include "bpf/wire.h"

#define INLINE_NAME_MAX 64
#define INLINE_FOLDER_MAX 96 /* bytes of the copies' folder, NUL included */

/* The copy of libsprocket.so that function number N uses, as long as the name it replaces. */
#define INLINE_SDK_FORMAT "libsprock%02u.so.1"

enum inline_type {
	INLINE_FUNCTION = 0x100, /* to the host: struct inline_function */
	INLINE_GO,               /* to the host: all were sent; count 1: stop for a debugger */
	INLINE_LOADED,           /* from the host: every program is loaded, none has begun */
	INLINE_ENDED,            /* from the host: the thread of `slot` ended with code `count` */
	INLINE_DIED,             /* from the host: it dies by signal `count` (0: exit() was called)
				  * in a thread of function `text`, "" when that is not known */
};

/* fds of a function. */
enum { INLINE_FD_WIRING, INLINE_FD_LOG, INLINE_FD_EXEC, INLINE_FDS };

struct inline_function {
	uint32_t type; /* INLINE_FUNCTION */
	uint32_t slot;
	uint32_t cpu;
	uint32_t fn; /* tells functions apart */
	char name[INLINE_NAME_MAX];
	char folder[INLINE_FOLDER_MAX]; /* where copies go that can be loaded */
	char path[PATH_MAX];            /* of the program, for messages and its libraries */
};

#endif
