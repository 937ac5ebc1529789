/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_bytes.h - which bytes may stand where in HTTP/1, and the first that may not.
 *
 * For: h1_head.c, h1_target.c, h1_chunk.c. How: a table of classes; 16 bytes at once where the
 * bytes are long. Nothing at or behind `end` is read.
 * Thread-safety: pure.
 */
#ifndef SPROCKET_GATEWAY_H1_BYTES_H
#define SPROCKET_GATEWAY_H1_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	GW_H1_TOKEN = 1 << 0, /* RFC 9110, 5.6.2 */
	GW_H1_VALUE = 1 << 1, /* in a field value: no control character but HTAB */
	GW_H1_PATH = 1 << 2,  /* in a path, without "%" */
	GW_H1_QUERY = 1 << 3, /* in a query */
	GW_H1_HOST_ = 1 << 4, /* in a reg-name, without "%" (RFC 3986, 3.2.2) */
	GW_H1_HEX = 1 << 5,
	GW_H1_AUTHORITY = 1 << 6, /* in anything between "//" and what ends it */
};

extern const uint8_t gw_h1_classes[256];

static inline bool gw_h1_is(char c, unsigned classes)
{
	return gw_h1_classes[(unsigned char)c] & classes;
}

static inline const char *gw_h1_skip(const char *p, const char *end, unsigned classes)
{
	while (p < end && gw_h1_is(*p, classes))
		p++;
	return p;
}

/* The first byte that a field value cannot have, or `end`. */
static inline const char *gw_h1_value_end(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i space = _mm_set1_epi8(0x20), del = _mm_set1_epi8(0x7f),
		      tab = _mm_set1_epi8('\t');

	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i good = _mm_cmpeq_epi8(_mm_max_epu8(v, space), v);
		unsigned bad;

		good = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, del), good),
				    _mm_cmpeq_epi8(v, tab));
		bad = ~(unsigned)_mm_movemask_epi8(good) & 0xffff;
		if (bad)
			return p + __builtin_ctz(bad);
	}
#endif
	return gw_h1_skip(p, end, GW_H1_VALUE);
}

/* Behind letters, digits, "-" and `also`, as far as whole 16 bytes show: nearly all there is in
 * names and paths. */
static inline const char *gw_h1_words_end(const char *p, const char *end, char also)
{
#ifdef __SSE2__
	const __m128i lower = _mm_set1_epi8(0x20), a = _mm_set1_epi8('a' - 1),
		      z = _mm_set1_epi8('z' + 1), nil = _mm_set1_epi8('0' - 1),
		      nine = _mm_set1_epi8('9' + 1), dash = _mm_set1_epi8('-'),
		      more = _mm_set1_epi8(also);

	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i c = _mm_or_si128(v, lower);
		__m128i letter = _mm_and_si128(_mm_cmpgt_epi8(c, a), _mm_cmplt_epi8(c, z));
		__m128i digit = _mm_and_si128(_mm_cmpgt_epi8(v, nil), _mm_cmplt_epi8(v, nine));
		__m128i mark = _mm_or_si128(_mm_cmpeq_epi8(v, dash), _mm_cmpeq_epi8(v, more));
		__m128i good = _mm_or_si128(_mm_or_si128(letter, digit), mark);
		unsigned other = ~(unsigned)_mm_movemask_epi8(good) & 0xffff;

		if (other)
			return p + __builtin_ctz(other);
	}
#else
	(void)also;
	(void)end;
#endif
	return p;
}

/* The first byte that a token cannot have, or `end`. */
static inline const char *gw_h1_token_end(const char *p, const char *end)
{
	return gw_h1_skip(gw_h1_words_end(p, end, '-'), end, GW_H1_TOKEN);
}

/* Is it `name`, of lower-case letters and "-", but for case? `text` is a token. */
__attribute__((always_inline)) static inline bool gw_h1_same(const char *text, const char *name,
							     size_t len)
{
	const uint64_t lower = 0x2020202020202020;
	uint64_t a, b;

	for (size_t i = 0; len < 8 && i < len; i++)
		if ((text[i] | 0x20) != name[i])
			return false;
	/* Eight at a time; the last eight may be some that were compared. */
	for (size_t i = 0; len >= 8; i = i + 16 < len ? i + 8 : len - 8) {
		memcpy(&a, text + i, 8);
		memcpy(&b, name + i, 8);
		if ((a | lower) != b)
			return false;
		if (i + 8 == len)
			break;
	}
	return true;
}

#endif
