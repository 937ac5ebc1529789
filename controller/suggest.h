/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest.h - "Did you mean ...?": the known word nearest to a mistyped one.
 *
 * For: error messages about names that a person wrote.
 * How: edit distance with neighbouring letters swapped counted as one step, case ignored.
 * A third of the letters may differ, three at most, and never all of them.
 * Thread-safety: no state.
 * Failure modes: words above SUGGEST_WORD_MAX bytes are near to nothing.
 */
#ifndef SPROCKET_CONTROLLER_SUGGEST_H
#define SPROCKET_CONTROLLER_SUGGEST_H

#include <stddef.h>

#define SUGGEST_WORD_MAX 63
#define SUGGEST_TEXT_MAX 96

/* Index of the candidate nearest to `word` (the first of equals), or -1. Entries may be
 * NULL. */
int suggest_index(const char *word, const char *const *candidates, size_t count);

/* Puts `. Did you mean "candidate"?` into `buf` (SUGGEST_TEXT_MAX bytes), or "" when
 * nothing is near. Returns buf. */
const char *suggest_text(char *buf, const char *word, const char *const *candidates, size_t count);

#endif
