// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/model_route.h"

static const struct sp_route *route_of(const struct model *m, uint32_t fn, uint32_t edge)
{
	static const struct sp_route none;

	return edge < MODEL_EDGES ? &m->fns[fn].routes[edge] : &none;
}

bool model_is_worker(const struct model *m, uint32_t slot)
{
	return slot < MODEL_SLOTS && m->slots[slot].fn == SP_GATEWAY_FN &&
	       m->slots[slot].lender != SP_SLOT_NONE;
}

bool model_is_function(const struct model *m, uint32_t slot)
{
	return slot < MODEL_SLOTS && m->slots[slot].fn != SP_GATEWAY_FN;
}

bool model_reachable(const struct model *m, uint32_t slot)
{
	return slot < MODEL_SLOTS && m->slots[slot].reachable;
}

static bool has_instance(const struct model *m, uint32_t fn)
{
	for (uint32_t s = 1; s < MODEL_SLOTS; s++)
		if (m->slots[s].enabled && m->slots[s].fn == fn)
			return true;
	return false;
}

static uint32_t instance_choices(const struct model *m, uint32_t fn)
{
	uint32_t mask = 0, local = 0, least = UINT32_MAX;

	for (uint32_t s = 1; s < MODEL_SLOTS; s++) {
		const struct model_slot *i = &m->slots[s];

		if (!i->enabled || i->fn != fn)
			continue;
		mask = i->in_flight < least ? 0 : mask;
		least = i->in_flight < least ? i->in_flight : least;
		mask |= i->in_flight == least ? 1U << s : 0;
		local = i->cpu == m->cpu ? s : local;
	}
	if (local && (m->slots[local].in_flight < m->fns[fn].behind || mask & 1U << local))
		return 1U << local;
	return mask ? mask : 1U << (MODEL_SLOTS + fn);
}

uint32_t model_choices(const struct model *m, uint32_t slot, const struct sp_desc *first)
{
	const struct sp_route *r = route_of(m, m->slots[slot].fn, first->edge);
	uint32_t other = SP_SPLIT_FN(r->split), share = SP_SPLIT_SHARE(r->split), mask = 0;

	if (r->kind != SP_ROUTE_FUNCTION && r->kind != SP_ROUTE_CALL)
		return 0;
	if (r->split == 0)
		return instance_choices(m, r->fn);
	/* A revision without an instance gets nothing while the other one has any. */
	if (share < SP_SPLIT_ALL)
		mask |= instance_choices(m, has_instance(m, r->fn) || !has_instance(m, other) ?
						    r->fn :
						    other);
	if (share > 0)
		mask |= instance_choices(m, has_instance(m, other) || !has_instance(m, r->fn) ?
						    other :
						    r->fn);
	return mask;
}

void model_watched(struct model_sending *s, uint32_t slot)
{
	s->ret->told |= s->m->slots[slot].watch ? 1U << slot : 0;
	s->m->slots[slot].watch = 0;
}

/* What was chosen, unless a gate or a limit keeps it out. */
static void pick(struct model_sending *s, const struct sp_route *r, uint32_t choice)
{
	struct model_slot *to;
	uint8_t gate;

	s->meant = r->fn;
	s->to = choice < MODEL_SLOTS ? choice : SP_SLOT_NONE;
	s->to_fn = s->to ? s->m->slots[s->to].fn : choice - MODEL_SLOTS;
	gate = s->m->fns[s->to_fn].gate;
	to = &s->m->slots[s->to];
	if (gate == SP_GATE_AJAR && s->to && to->probes > 0) {
		to->probes--;
		model_watched(s, s->to);
	} else if (gate != SP_GATE_OPEN) {
		s->to = SP_SLOT_NONE;
		s->shut = SP_DESC_FAILED;
	}
	if (s->to && to->limit && to->in_flight + s->ret->count > to->limit) {
		s->to = SP_SLOT_NONE;
		s->full = SP_DESC_FULL;
	}
}

int model_way(struct model_sending *s, uint32_t choice)
{
	const struct model *m = s->m;
	const struct sp_route *r = route_of(m, s->fn, s->edge);

	s->to = s->home;
	s->to_fn = s->meant = SP_GATEWAY_FN;
	if (s->edge < SP_EDGE_MAX && (r->kind == SP_ROUTE_FUNCTION || r->kind == SP_ROUTE_CALL)) {
		s->way = r->kind == SP_ROUTE_CALL ? CALL : FUNCTION;
		if (s->way == CALL && s->fn == SP_GATEWAY_FN)
			return SP_VIOLATION_EDGE;
		pick(s, r, choice);
		if (s->way == CALL) {
			s->home = s->slot;
			s->life = m->slots[s->slot].life;
		}
		return -1;
	}
	if (s->edge == SP_EDGE_RELEASE || s->edge == SP_EDGE_REFILL) {
		s->way = s->edge == SP_EDGE_RELEASE ? RELEASE : REFILL;
		if (s->way == REFILL && (s->fn == SP_GATEWAY_FN || s->ret->count != 1))
			return SP_VIOLATION_REFILL;
		return model_is_worker(m, s->home) ? -1 : SP_VIOLATION_HOME;
	}
	if (s->edge == SP_EDGE_GRANT && s->fn == SP_GATEWAY_FN)
		s->way = GRANT;
	else if (s->edge == SP_EDGE_REPLY || r->kind == SP_ROUTE_REPLY)
		s->way = REPLY;
	else
		return SP_VIOLATION_EDGE;
	if (s->home >= SP_INST_MAX)
		return s->way == GRANT ? SP_VIOLATION_EDGE : SP_VIOLATION_HOME;
	s->to_fn = s->home < MODEL_SLOTS ? m->slots[s->home].fn : SP_GATEWAY_FN;
	s->meant = s->to_fn;
	s->life = s->home < MODEL_SLOTS ? m->slots[s->home].life : 0;
	s->homecoming = s->way == REPLY && model_is_function(m, s->home);
	return -1;
}

void model_undeliverable(struct model_sending *s)
{
	const struct model *m = s->m;

	s->flag = SP_DESC_UNDELIVERABLE | s->shut;
	s->homecoming = false;
	s->to = s->way == GRANT ? s->slot : s->home;
	if (s->way > REPLY || !model_is_function(m, s->home)) {
		s->flag |= s->full;
		return;
	}
	if (s->way != REPLY && model_reachable(m, s->home)) {
		s->homecoming = true;
		s->life = m->slots[s->home].life;
		s->flag |= s->way == FUNCTION ? SP_DESC_FAILED : 0;
	} else {
		s->to = m->slots[s->home].lender;
	}
}
