// SPDX-License-Identifier: Apache-2.0
/* upper.c - a whole function as a user writes it, for test_upper.c. */
#include <ctype.h>

#include "functions/sdk/sprocket.h"

static const char *const edges[] = { "empty", "quo\"te\\\n\x01\xc3\xa4\xff", NULL };
static const char *const config[] = { "mode=upper", "key!", "plain", NULL };

static sp_verdict upper(sp_request *req, void *state)
{
	sp_buf body = sp_body(req);

	(void)state;
	if (body.len == 0)
		return 0;
	for (size_t i = 0; i < body.len; i++)
		body.data[i] = (char)toupper((unsigned char)body.data[i]);
	return SP_NEXT;
}

SP_FUNCTION(.name = "upper", .version = "1.2", .on_request = upper, .edges = edges,
	    .config = config);
