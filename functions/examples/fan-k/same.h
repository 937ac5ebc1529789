/* SPDX-License-Identifier: Apache-2.0 */
/*
 * same.h - is an answer what was sent?
 *
 * For: gather and caller. How: a figure counts only when every branch has answered, and right;
 * comparing is cheap beside that.
 * Thread-safety: no state.
 */
#ifndef FAN_K_SAME_H
#define FAN_K_SAME_H

#include <stdint.h>
#include <string.h>

#include <sprocket.h>

#define BRANCH_MAX 32U

static inline int same(sp_str a, sp_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Config `branches`: returns 1 to BRANCH_MAX, or 0 after saying what is wrong. */
static inline unsigned branches_config(sp_worker *worker)
{
	sp_str text = sp_config(worker, "branches");
	unsigned count = 0;

	for (size_t i = 0; i < text.len && count <= BRANCH_MAX; i++)
		count = text.data[i] >= '0' && text.data[i] <= '9' ?
				count * 10 + (unsigned)(text.data[i] - '0') :
				BRANCH_MAX + 1;
	if (count >= 1 && count <= BRANCH_MAX)
		return count;
	sp_log(NULL, SP_ERROR, "branches %.*s: expected a number from 1 to %u", SP_ARG(text),
	       BRANCH_MAX);
	return 0;
}

#endif
