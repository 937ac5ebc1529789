/* SPDX-License-Identifier: Apache-2.0 */
/*
 * khash.h - reads the hash tables of klib, of which libh2o keeps a connection's streams.
 *
 * For: http2.h. libh2o's http2_internal.h includes a khash.h that Debian installs nowhere; this
 * one has no more than what that header and its users need: maps by a 64-bit integer, looked up
 * and walked over, never changed.
 * Thread-safety: as the table. Source: klib's khash.h 0.2.8, as in libh2o 2.2.5.
 */
#ifndef SPROCKET_GATEWAY_KHASH_H
#define SPROCKET_GATEWAY_KHASH_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t khint_t;
typedef khint_t khiter_t;

/* Two bits for each bucket: empty, and deleted. */
static inline uint32_t kh_bucket_flags(const uint32_t *flags, khint_t i)
{
	return flags[i >> 4] >> ((i & 15U) << 1) & 3;
}

static inline khint_t kh_bucket_first(uint64_t key, khint_t mask)
{
	return (khint_t)(key >> 33 ^ key ^ key << 11) & mask;
}

#define khash_t(name) kh_##name##_t
#define kh_end(h) ((h)->n_buckets)
#define kh_val(h, i) ((h)->vals[i])
#define kh_get(name, h, key) kh_get_##name(h, key)

#define KHASH_MAP_INIT_INT64(name, type)                                          \
	typedef struct {                                                          \
		khint_t n_buckets, size, n_occupied, upper_bound;                 \
		uint32_t *flags;                                                  \
		uint64_t *keys;                                                   \
		type *vals;                                                       \
	} kh_##name##_t;                                                          \
                                                                                  \
	static inline khint_t kh_get_##name(const kh_##name##_t *h, uint64_t key) \
	{                                                                         \
		khint_t mask = h->n_buckets - 1, i, last, step = 0;               \
                                                                                  \
		if (h->n_buckets == 0)                                            \
			return 0;                                                 \
		i = last = kh_bucket_first(key, mask);                            \
		while (!(kh_bucket_flags(h->flags, i) & 2) &&                     \
		       (kh_bucket_flags(h->flags, i) & 1 || h->keys[i] != key)) { \
			i = (i + ++step) & mask;                                  \
			if (i == last)                                            \
				return h->n_buckets;                              \
		}                                                                 \
		return kh_bucket_flags(h->flags, i) ? h->n_buckets : i;           \
	}

#define kh_foreach_value(h, var, code)                       \
	do {                                                 \
		for (khint_t i_ = 0; i_ < kh_end(h); i_++) { \
			if (kh_bucket_flags((h)->flags, i_)) \
				continue;                    \
			(var) = kh_val(h, i_);               \
			code;                                \
		}                                            \
	} while (0)

#endif
