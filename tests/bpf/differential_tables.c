// SPDX-License-Identifier: Apache-2.0
/* What gateway and controller write into the tables: as it is at first, and step by step. */
#include "tests/bpf/differential.h"

void model_init(struct model *m, uint32_t cpu)
{
	static const uint32_t fn_of[MODEL_SLOTS] = { 0, 0, 0, 1, 1, 2, 2, 0 };

	*m = (struct model){ .cpu = cpu };
	for (uint32_t s = 1; s < MODEL_SLOTS - 1; s++)
		m->slots[s] =
			(struct model_slot){ .fn = fn_of[s],
					     .cpu = s % 2,
					     .lender = fn_of[s] ? 1 : s,
					     .life = 1,
					     /* near to the most there are */
					     .cancels = s % 2 && fn_of[s] ? MODEL_BUFFERS - 4 : 0,
					     .reachable = true,
					     .enabled = fn_of[s] != 0 };
	for (uint32_t i = 0; i < MODEL_BUFFERS; i++)
		m->buffers[i] = (struct model_buffer){ .gen = 7,
						       .holder = 1 + i % 2,
						       .home = (uint16_t)(1 + i % 2),
						       .cap = i % 4 ? 1000 : 100 };
	for (uint32_t fn = 1; fn < MODEL_FNS; fn++) {
		struct sp_route *r = m->fns[fn].routes;

		m->fns[fn].behind = 8;
		m->fns[0].routes[fn] = (struct sp_route){ SP_ROUTE_FUNCTION, (uint16_t)fn, 0 };
		if (fn == 3)
			continue; /* nobody is there to use its edges */
		for (uint16_t to = 1; to < MODEL_FNS; to++) {
			r[2 * to] = (struct sp_route){ SP_ROUTE_FUNCTION, to, 0 };
			r[2 * to + 1] = (struct sp_route){ SP_ROUTE_CALL, to, 0 };
		}
		r[1] = (struct sp_route){ SP_ROUTE_REPLY, 0, 0 };
	}
	m->fns[0].routes[9] =
		(struct sp_route){ SP_ROUTE_CALL, 1, 0 }; /* not the gateway's to use */
}

static void reuse(struct model *m, struct model_buffer *b, const struct step *s)
{
	if (b->ref)
		m->buffers[b->ref - 1].refs--;
	b->ref = 0;
	b->gen++;
	b->holder = s->slot;
	b->home = s->slot;
	b->leased = s->b;
	b->hops = 0;
}

uint32_t step_split(uint8_t b)
{
	static const uint32_t shares[] = { 1, SP_SPLIT_ALL / 4, SP_SPLIT_ALL / 2, SP_SPLIT_ALL };

	return b % MODEL_FNS ? SP_SPLIT(b % MODEL_FNS, shares[b / MODEL_FNS % 4]) : 0;
}

void step_apply(const struct step *s, struct model *m)
{
	struct model_slot *slot = &m->slots[s->slot];

	switch (s->kind) {
	case STEP_REUSE:
		reuse(m, &m->buffers[s->a], s);
		break;
	case STEP_RECLAIM:
		for (uint32_t i = 0; i < MODEL_BUFFERS; i++)
			if (m->buffers[i].holder == s->slot) {
				m->buffers[i].holder = 1;
				m->buffers[i].gen++;
			}
		slot->in_flight = 0;
		break;
	case STEP_ENABLE:
		slot->enabled = s->a;
		slot->limit = 0;
		break;
	case STEP_RECEIVE:
		slot->reachable = s->a;
		break;
	case STEP_LIFE:
		slot->life++;
		slot->cancels = 0;
		slot->refill = 0;
		break;
	case STEP_BEHIND:
		m->fns[slot->fn].behind = s->a;
		break;
	case STEP_SPLIT:
		m->fns[slot->fn].routes[s->a].split = step_split(s->b);
		break;
	case STEP_GATE:
		m->fns[slot->fn].gate = s->a;
		for (uint32_t i = 1; i < MODEL_SLOTS; i++)
			if (m->slots[i].enabled && m->slots[i].fn == slot->fn)
				m->slots[i].probes = s->b;
		break;
	case STEP_LIMIT:
		slot->limit = s->a;
		break;
	case STEP_WATCH:
		slot->watch = s->a;
		break;
	}
}

bool step_invent_table(struct step *s, const struct model *m, struct random *r)
{
	uint32_t buf = random_below(r, MODEL_BUFFERS);
	const struct model_buffer *b = &m->buffers[buf];
	bool function;

	*s = (struct step){ .slot = (uint8_t)(1 + random_below(r, 6)) };
	function = m->slots[s->slot].fn != SP_GATEWAY_FN;
	switch (random_below(r, 20)) {
	case 0:
		s->kind = STEP_ENABLE;
		s->a = !m->slots[s->slot].enabled;
		return function;
	case 1:
		s->kind = STEP_RECEIVE;
		s->a = !m->slots[s->slot].reachable;
		return s->a || random_one_in(r, 3);
	case 2:
		s->kind = STEP_LIFE;
		return function && random_one_in(r, 4);
	case 3:
		s->kind = STEP_BEHIND;
		s->a = (uint8_t)random_below(r, 12);
		return function;
	case 4:
		s->kind = STEP_RECLAIM;
		return function && random_one_in(r, 8);
	case 5:
		s->kind = STEP_SPLIT;
		s->a = (uint8_t)random_below(r, 8);
		s->b = (uint8_t)(random_one_in(r, 2) ? 0 : random_below(r, 16));
		return m->fns[m->slots[s->slot].fn].routes[s->a].fn != SP_GATEWAY_FN;
	case 6:
		s->kind = STEP_GATE;
		s->a = (uint8_t)(random_one_in(r, 2) ? SP_GATE_OPEN : random_below(r, 3));
		s->b = (uint8_t)random_below(r, 4);
		return function;
	case 7:
		s->kind = STEP_LIMIT;
		s->a = (uint8_t)(random_one_in(r, 2) ? 0 : random_below(r, 16));
		return function && m->slots[s->slot].enabled;
	case 8:
		s->kind = STEP_WATCH;
		s->a = !m->slots[s->slot].watch;
		return function;
	default:
		s->kind = STEP_REUSE;
		s->slot = (uint8_t)(1 + random_below(r, 2));
		s->a = (uint8_t)buf;
		s->b = random_one_in(r, 2) ? SP_LEASE_STOCK : SP_LEASE_NONE;
		return m->slots[b->holder].fn == SP_GATEWAY_FN && b->refs == 0;
	}
}
