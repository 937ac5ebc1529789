/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - thread-local variables of programs that are loaded into another one.
 *
 * How: the linker fixes their distance from the thread pointer, as a program's variables come
 * first there. In the host these bytes are a reserve that nothing else uses: a thread belongs to
 * one function, whose initial values are copied there before its code runs. Threads that a
 * function makes with pthread_create() are its own as well: the host's definition of that call
 * comes before the C library's.
 * Thread-safety: each thread has its own.
 */
#ifndef SPROCKET_CONTROLLER_INLINE_TLS_H
#define SPROCKET_CONTROLLER_INLINE_TLS_H

#include <stddef.h>

#define INLINE_TLS_MAX 65536 /* bytes of a function's thread-local variables */
#define INLINE_TLS_ALIGN 64

struct inline_tls {
	const char *name; /* of the function; valid as long as its threads */
	const void *from; /* initial values */
	size_t from_size;
	size_t size; /* with what begins as zero */
	size_t align;
};

/* Makes the calling thread one of that function. `tls` must stay. */
void inline_tls_enter(const struct inline_tls *tls);
/* The function of the calling thread; NULL: none. */
const struct inline_tls *inline_tls_current(void);
/* True when the reserve is where the linker would put a program's variables. */
int inline_tls_works(void);

#endif
