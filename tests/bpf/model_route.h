/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_route.h - the model's first half: who is to get a send.
 *
 * For: model.c. How: model_way() understands the first descriptor and picks; what then finds no
 * receiver model_undeliverable() sends home. Thread-safety: as model.h.
 */
#ifndef SPROCKET_TESTS_BPF_MODEL_ROUTE_H
#define SPROCKET_TESTS_BPF_MODEL_ROUTE_H

#include "tests/bpf/model.h"

enum way { FUNCTION, CALL, REPLY, RELEASE, GRANT, REFILL };

/* A send, as far as it is understood. */
struct model_sending {
	struct model *m;
	struct model_result *ret;
	enum way way;
	uint32_t slot, fn, home, edge, to, to_fn, flag;
	uint32_t meant;      /* the function that the edge names; to_fn may be its other revision */
	uint32_t shut, full; /* flags that say why nobody was picked, or 0 */
	bool homecoming, stray;
	uint16_t life;
	uint32_t turns_ended, turns_begun, parts, failed, dropped, faults;
	uint8_t was[SP_BATCH_MAX];
};

bool model_is_worker(const struct model *m, uint32_t slot);
bool model_is_function(const struct model *m, uint32_t slot);
bool model_reachable(const struct model *m, uint32_t slot);

/* Whose the send would be: a violation, or -1. */
int model_way(struct model_sending *s, uint32_t choice);

/* Nobody is there: home, and when that is a caller that is gone, its lender. */
void model_undeliverable(struct model_sending *s);

/* Of `slot` there is an event, if it is watched. */
void model_watched(struct model_sending *s, uint32_t slot);

#endif
