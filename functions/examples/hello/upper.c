/* SPDX-License-Identifier: Apache-2.0 */
/* upper.c - a whole function: the body in capitals. */
#include <ctype.h>

#include <sprocket.h>

static sp_verdict upper(sp_request *req, void *state)
{
	sp_buf body = sp_body(req);

	(void)state;
	if (body.len == 0)
		return sp_fail(req, SP_EINPUT, "empty body");
	for (size_t i = 0; i < body.len; i++)
		body.data[i] = (char)toupper((unsigned char)body.data[i]);
	return SP_NEXT;
}

SP_FUNCTION(.name = "upper", .on_request = upper);
