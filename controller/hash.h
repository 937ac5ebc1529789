/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - FNV-1a, 64 bits: whether something is what it was.
 *
 * For: revisions of functions, and what a sandbox was made from. It tells apart what one operator
 * makes, not what an attacker makes. Revisions are shown and kept: what is hashed keeps its order.
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_HASH_H
#define SPROCKET_CONTROLLER_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_START 0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

static inline void hash_add(uint64_t *hash, const void *data, size_t len)
{
	for (const unsigned char *at = data; len > 0; len--, at++)
		*hash = (*hash ^ *at) * HASH_PRIME;
}

/* With its NUL, so that "ab" "c" and "a" "bc" differ. NULL is as "". */
static inline void hash_text(uint64_t *hash, const char *text)
{
	hash_add(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

#endif
