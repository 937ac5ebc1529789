/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller.c - calls config `branches` functions at once, and replies with the body as it came
 * when all have answered with just that.
 *
 * Config `body`: "reference", and they read the body where it lies; "copy", and each gets one.
 * It declares 32 calls; the chain file says which functions those are, see fan.sh.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sprocket.h>

#include "same.h"

static const char *const calls[] = { "b1",  "b2",  "b3",  "b4",  "b5",  "b6",  "b7",  "b8",  "b9",
				     "b10", "b11", "b12", "b13", "b14", "b15", "b16", "b17", "b18",
				     "b19", "b20", "b21", "b22", "b23", "b24", "b25", "b26", "b27",
				     "b28", "b29", "b30", "b31", "b32", NULL };
static const char *const config[] = { "branches!", "body=reference", NULL };

struct fan {
	unsigned branches;
	int by_reference;
};

static int init(sp_worker *worker, void **state)
{
	sp_str body = sp_config(worker, "body");
	struct fan *fan = calloc(1, sizeof(*fan));

	if (!fan)
		return -ENOMEM;
	fan->branches = branches_config(worker);
	fan->by_reference = same(body, SP_S("reference"));
	if (!fan->by_reference && !same(body, SP_S("copy"))) {
		sp_log(NULL, SP_ERROR, "body %.*s: expected reference or copy", SP_ARG(body));
		fan->branches = 0;
	}
	if (fan->branches == 0) {
		free(fan);
		return -EINVAL;
	}
	*state = fan;
	return 0;
}

static sp_verdict caller(sp_request *req, void *state)
{
	const struct fan *fan = state;
	sp_str body = sp_view(req);
	sp_call batch[BRANCH_MAX];

	memset(batch, 0, fan->branches * sizeof(batch[0]));
	for (unsigned i = 0; i < fan->branches; i++) {
		batch[i].fn = (int)i;
		batch[i].by_reference = fan->by_reference;
		batch[i].body = fan->by_reference ? (sp_str){ NULL, 0 } : body;
	}
	if (sp_call_all(req, batch, fan->branches) != SP_OK)
		for (unsigned i = 0; i < fan->branches; i++)
			if (batch[i].error != SP_OK)
				return sp_fail(req, batch[i].error, "%s: %.*s", calls[i],
					       SP_ARG(batch[i].reply));
	for (unsigned i = 0; i < fan->branches; i++)
		if (!same((sp_str){ batch[i].reply.data, batch[i].reply.len }, body))
			return sp_fail(req, SP_EUPSTREAM, "%s did not answer with the body",
				       calls[i]);
	return SP_REPLY;
}

SP_FUNCTION(.name = "caller", .init = init, .fini = free, .on_request = caller, .calls = calls,
	    .config = config);
