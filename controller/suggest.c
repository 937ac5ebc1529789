/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest.c - see suggest.h. Three rows of the distance table are kept: the row being
 * filled, the one above, and the one above that for swapped neighbours.
 */
#include "controller/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ROW (SUGGEST_WORD_MAX + 1)

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][ROW];
	unsigned *old = rows[0], *above = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= b_len; j++)
		above[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *spare = old;

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) && old[j - 2] + 1 < row[j])
				row[j] = old[j - 2] + 1;
		}
		old = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

int suggest_index(const char *word, const char *const *candidates, size_t count)
{
	size_t len = strnlen(word, SUGGEST_WORD_MAX + 1);
	unsigned limit = (unsigned)(len + 2) / 3;
	int best = -1;

	if (len == 0 || len > SUGGEST_WORD_MAX)
		return -1;
	if (limit > 3)
		limit = 3;
	if (limit >= len)
		limit = (unsigned)len - 1;
	for (size_t i = 0; i < count; i++) {
		size_t other = candidates[i] ? strnlen(candidates[i], SUGGEST_WORD_MAX + 1) : 0;
		unsigned d;

		if (other == 0 || other > SUGGEST_WORD_MAX || other > len + limit ||
		    len > other + limit)
			continue;
		d = distance(word, len, candidates[i], other);
		if (d < limit || (d == limit && best < 0)) {
			best = (int)i;
			if (d == 0)
				break;
			limit = d;
		}
	}
	return best;
}

const char *suggest_text(char *buf, const char *word, const char *const *candidates, size_t count)
{
	int index = suggest_index(word, candidates, count);

	buf[0] = '\0';
	if (index >= 0)
		snprintf(buf, SUGGEST_TEXT_MAX, ". Did you mean \"%s\"?", candidates[index]);
	return buf;
}
