/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h - posts as the client sees them: JSON.
 *
 *     {"id":"4194304","author":"ada","text":"Hello, @grace","mentions":["grace"],"media":[]}
 *
 * For: timelines. How: out of the records of form.h. An id is a string: it has more digits
 * than many readers of JSON keep.
 * Thread-safety: no state.
 */
#ifndef SOCIAL_RENDER_H
#define SOCIAL_RENDER_H

#include "out.h"
#include "users.h"

#define RENDER_EXTRA 512U /* bytes of JSON that a post needs besides its record */

/* A record; one that cannot be read is left out. */
void render_post(struct out *out, const struct users *users, sp_str record);

/* Somebody's timeline, out of records, one a line. */
void render_timeline(struct out *out, const struct users *users, sp_str name, sp_str records);

#endif
