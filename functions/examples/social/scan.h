/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.h - URLs and mentions in a text.
 *
 *     "Look, @grace: https://example.org/a." has the mention "grace" and the URL up to "a"
 *
 * For: text. How: a URL begins with http:// or https:// and ends before a blank, or before the
 * punctuation that ends a sentence. A mention is an @ that does not follow a letter or digit,
 * and the name behind it.
 * Thread-safety: no state.
 */
#ifndef SOCIAL_SCAN_H
#define SOCIAL_SCAN_H

#include <stddef.h>

#include <sprocket.h>

#include "post.h"

struct scan {
	sp_str urls[POST_LINK_COUNT]; /* slices of the text, in its order */
	size_t url_count;
	sp_str names[POST_MENTION_COUNT]; /* without the @; each once */
	size_t name_count;
};

/* Returns 0 and *ret, or -E2BIG when there are more than these. */
SP_MUST_USE int scan_text(sp_str text, struct scan *ret);

#endif
