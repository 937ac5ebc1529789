/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunked.h - picohttpparser's decoder of chunked bodies, as libh2o 2.2.5 exports it.
 *
 * For: the front's relay; libh2o installs no header of it.
 */
#ifndef SPROCKET_GATEWAY_FRONT_CHUNKED_H
#define SPROCKET_GATEWAY_FRONT_CHUNKED_H

#include <stddef.h>
#include <sys/types.h>

struct phr_chunked_decoder {
	size_t bytes_left_in_chunk;
	char consume_trailer;
	char _hex_count;
	char _state;
};

/* Decodes in place. Bytes behind the body's end, -1 for garbage, -2 when more is to come. */
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

#endif
