/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rounds.c - bench-rounds: sends a request on until it has passed config `hops` functions, and
 * then answers it with nothing.
 *
 * For: the cost of a hop in a row of many, whatever the body: nobody looks at it.
 * Thread-safety: one thread.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <sprocket.h>

static const char *const config[] = { "hops!", NULL };

static int init(sp_worker *worker, void **state)
{
	uintptr_t hops = strtoul(sp_config(worker, "hops").data, NULL, 10);

	*state = (void *)hops;
	return hops >= 1 && hops <= 200 ? 0 : -EINVAL;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	if (sp_meta_of(req)->hop + 1U < (uintptr_t)state)
		return SP_NEXT;
	return sp_set_body(req, NULL, 0) < 0 ? sp_fail(req, SP_ETOOBIG, "no room") : SP_REPLY;
}

SP_FUNCTION(.name = "rounds", .init = init, .on_request = on_request, .config = config);
