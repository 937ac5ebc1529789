/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_tables.h - heads and chunked bodies, good and bad, for test_strict.c.
 */
#ifndef SPROCKET_TESTS_H1_TABLES_H
#define SPROCKET_TESTS_H1_TABLES_H

#include <stddef.h>

#include "gateway/h1_head.h"

struct h1_bad {
	const char *text;
	size_t len; /* some have a NUL in them */
	enum gw_h1_fault fault;
};

struct h1_chunked {
	const char *text;
	int result;       /* bytes behind it, -1 refused, -2 incomplete */
	const char *body; /* NULL: does not matter */
};

/* The first h1_plain_count of them mean the same to libh2o's parser, byte for byte. */
extern const char *const h1_good[];
extern const size_t h1_good_count, h1_plain_count;
extern const struct h1_bad h1_bad[];
extern const size_t h1_bad_count;
extern const struct h1_chunked h1_chunked[];
extern const size_t h1_chunked_count;

#endif
