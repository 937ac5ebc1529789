/* SPDX-License-Identifier: Apache-2.0 */
/*
 * next.h - the functions of libraries that those of this executable stand before.
 *
 * For: guard.c, headers.c, hpack.c, front/tls.c. libh2o calls some of its own functions, and
 * OpenSSL's, by their dynamic symbols; one of the same name that the executable exports is called
 * instead, and may call the library's.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_GATEWAY_NEXT_H
#define SPROCKET_GATEWAY_NEXT_H

/* The library's `name`, kept in *cache (NULL at first). Ends the process when there is none: then
 * libh2o is linked statically, or another version. A pointer to a function, as dlsym(3) has it. */
void *gw_next_find(void **cache, const char *name);

static inline void *gw_next(void **cache, const char *name)
{
	void *found = __atomic_load_n(cache, __ATOMIC_RELAXED);

	return found ? found : gw_next_find(cache, name);
}

#endif
