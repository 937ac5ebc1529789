/* SPDX-License-Identifier: Apache-2.0 */
/* echo.c - answers with what it was sent, wherever in a chain it stands. */
#include <sprocket.h>

static sp_verdict echo(sp_request *req, void *state)
{
	(void)req;
	(void)state;
	return SP_REPLY;
}

SP_FUNCTION(.name = "echo", .on_request = echo);
