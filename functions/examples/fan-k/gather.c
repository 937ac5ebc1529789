/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather.c - at the join of a fan-out: replies with the body as it came, when config
 * `branches` functions have answered with just that.
 */
#include <errno.h>
#include <stddef.h>

#include <sprocket.h>

#include "same.h"

static const char *const config[] = { "branches!", NULL };

static int init(sp_worker *worker, void **state)
{
	unsigned branches = branches_config(worker);

	*state = (void *)(uintptr_t)branches;
	return branches > 0 ? 0 : -EINVAL;
}

static sp_verdict gather(sp_request *req, void *state)
{
	unsigned branches = (unsigned)(uintptr_t)state, good = 0;
	sp_str body = sp_view(req);
	sp_part part;

	for (size_t i = 0; sp_part_at(req, i, &part) == 0; i++)
		good += part.error == SP_OK && same(part.body, body);
	if (good != branches || sp_part_count(req) != branches)
		return sp_fail(req, SP_EUPSTREAM, "%u good answers of %zu, %u expected", good,
			       sp_part_count(req), branches);
	return SP_REPLY;
}

SP_FUNCTION(.name = "gather", .init = init, .on_request = gather, .config = config);
