/* SPDX-License-Identifier: Apache-2.0 */
/* assets.h - files that are part of the program: templates, pictures, the style sheet. */
#ifndef BOUTIQUE_ASSETS_H
#define BOUTIQUE_ASSETS_H

#include <sprocket.h>

struct asset {
	const char *name; /* path from the folder that was embedded */
	sp_str data;
};

/* Made by embed.py. */
extern const struct asset assets[];
extern const size_t asset_count;

#endif
