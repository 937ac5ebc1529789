/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_chunk.h - decodes chunked bodies, by the letter of RFC 9112, 7.1.
 *
 * For: libh2o's reader of bodies and the front's relay, which find it by its name; libh2o has one
 * of the same name that takes bare newlines, endless extensions and anything for a trailer.
 * How: a byte at a time, chunk data in one move; the verdict is the same however bytes arrive.
 * Trailer fields are checked and dropped.
 * Thread-safety: pure.
 */
#ifndef SPROCKET_GATEWAY_H1_CHUNK_H
#define SPROCKET_GATEWAY_H1_CHUNK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GW_H1_CHUNK_MAX UINT32_MAX     /* bytes of a chunk */
#define GW_H1_CHUNK_DIGITS 15          /* of a chunk's size */
#define GW_H1_CHUNK_LINE_MAX 256       /* bytes of a chunk's size and extensions */
#define GW_H1_CHUNK_EXCESS (16U << 10) /* bytes of such lines beyond what the data excuse */
#define GW_H1_TRAILER_MAX (16U << 10)  /* bytes of a trailer section */
#define GW_H1_TRAILER_FIELDS_MAX 100

/* Of the size of picohttpparser's, whose users allocate it, zeroed. */
struct phr_chunked_decoder {
	size_t bytes_left_in_chunk;
	char consume_trailer; /* 0: the trailer section is not the decoder's */
	uint8_t state;
	uint16_t line;   /* bytes of this line, or of the trailer section */
	uint16_t excess; /* bytes of lines, less what the data excuse */
	uint8_t fields;  /* of the trailer section */
};

_Static_assert(sizeof(struct phr_chunked_decoder) == 16, "libh2o allocates 16 bytes");

typedef ssize_t gw_h1_decode_fn(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

/* Decodes in place. Bytes behind the body's end, -1 for what is refused, -2 when more is to come;
 * *bufsz: in, bytes at `buf`, out, those of the body. What is behind the end follows them. */
__attribute__((visibility("default"))) gw_h1_decode_fn phr_decode_chunked;

#endif
