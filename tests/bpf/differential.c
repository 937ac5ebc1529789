// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/differential.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/bpf/differential_run.h"

static int differ(struct run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(run->why, sizeof(run->why), format, args);
	va_end(args);
	return -EBADMSG;
}

/* ---- tables ---- */

static void owner_write(struct sp_owner *o, const struct model_buffer *b)
{
	o->home = b->home;
	o->leased = b->leased;
	o->hops = b->hops;
	o->refs = b->refs;
	o->ref = b->ref;
	__atomic_store_n(&o->word, SP_OWNER_WORD(b->gen, b->holder), __ATOMIC_SEQ_CST);
}

/* What gateway and controller write. */
static void tables_write(struct run *run)
{
	const struct model *m = &run->model;

	for (uint32_t i = 0; i < MODEL_BUFFERS; i++)
		owner_write(&run->side.owners[i], &m->buffers[i]);
	for (uint32_t s = 1; s < MODEL_SLOTS - 1; s++) {
		struct sp_instance *i = &run->side.instances[s];

		i->in_flight = m->slots[s].in_flight;
		i->refill = m->slots[s].refill;
		i->cancels = m->slots[s].cancels;
		i->life = m->slots[s].life;
		i->limit = m->slots[s].limit;
		i->watch = m->slots[s].watch;
		i->probes = m->slots[s].probes;
	}
}

static int owner_check(struct run *run, uint32_t i)
{
	const struct sp_owner *o = &run->side.owners[i];
	const struct model_buffer *b = &run->model.buffers[i];
	const struct sp_hop *hop = &o->hop[o->hops ? o->hops - 1 : 0];

	if (o->word == SP_OWNER_WORD(b->gen, b->holder) && o->home == b->home &&
	    o->leased == b->leased && o->hops == b->hops && o->refs == b->refs &&
	    o->ref == b->ref && o->tag == b->tag && o->life == b->life &&
	    (o->hops == 0 || (hop->fn == b->last.fn && hop->slot == b->last.slot)))
		return 0;
	return differ(run,
		      "buffer %u: gen %u holder %u home %u leased %u hops %u refs %u ref %u tag %u "
		      "life %u hop %u/%u; model: gen %u holder %u home %u leased %u hops %u refs "
		      "%u ref %u tag %u life %u hop %u/%u",
		      i, (uint32_t)(o->word >> 32), (uint32_t)o->word, o->home, o->leased, o->hops,
		      o->refs, o->ref, o->tag, o->life, hop->fn, hop->slot, b->gen, b->holder,
		      b->home, b->leased, b->hops, b->refs, b->ref, b->tag, b->life, b->last.fn,
		      b->last.slot);
}

static int instance_check(struct run *run, uint32_t s)
{
	const struct sp_instance *i = &run->side.instances[s];
	const struct model_slot *w = &run->model.slots[s];

	if (i->in_flight == w->in_flight && i->refill == w->refill && i->in == w->in &&
	    i->out == w->out && i->wake == w->wake && i->cancels == w->cancels &&
	    i->watch == w->watch && i->probes == w->probes)
		return 0;
	return differ(
		run,
		"slot %u: in_flight %u refill %u in %llu out %llu wake %u cancels %u watch %u "
		"probes %u; model: in_flight %u refill %u in %llu out %llu wake %u cancels %u "
		"watch %u probes %u",
		s, i->in_flight, i->refill, (unsigned long long)i->in, (unsigned long long)i->out,
		i->wake, i->cancels, i->watch, i->probes, w->in_flight, w->refill,
		(unsigned long long)w->in, (unsigned long long)w->out, w->wake, w->cancels,
		w->watch, w->probes);
}

static int tables_check(struct run *run)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < MODEL_BUFFERS; i++)
		r = owner_check(run, i);
	for (uint32_t s = 1; r == 0 && s < MODEL_SLOTS - 1; s++)
		r = instance_check(run, s);
	return r;
}

/* ---- counters, as they grew since the run began ---- */

static uint64_t histogram_count(const struct sp_histogram *h)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SP_HIST_BUCKETS; i++)
		sum += h->count[i];
	return sum;
}

static int fn_check(struct run *run, uint32_t fn)
{
	const struct sp_function_counts *was = &run->fns[0][fn], *is = &run->fns[1][fn];
	const struct model_fn *f = &run->model.fns[fn];

#define SAME(field) (is->stats.field - was->stats.field == f->field)
	if (!SAME(in) || !SAME(out) || !SAME(failed) || !SAME(dropped) || !SAME(undeliverable))
		return differ(run, "function %u: its statistics", fn);
#undef SAME
	if (is->faults - was->faults != f->faults)
		return differ(run, "function %u: its count of faults", fn);
	for (uint32_t e = 0; e <= SP_EDGE_MAX; e++)
		if (is->edges[e] - was->edges[e] != f->edges[e])
			return differ(run, "function %u: its count of edge %u", fn, e);
	if (fn != SP_GATEWAY_FN &&
	    histogram_count(&is->stats.run) - histogram_count(&was->stats.run) != f->out)
		return differ(run, "function %u: as many run times as requests", fn);
	return 0;
}

/* Which of two revisions nobody was found of only the counts tell. */
static int revision_check(struct run *run, const struct model *before)
{
	int r = 0;

	if (run->model.counters[SP_COUNT_UNDELIVERABLE] == before->counters[SP_COUNT_UNDELIVERABLE])
		return 0;
	r = run->side.counts(run->side.arg, run->counters[1], run->fns[1]);
	for (uint32_t fn = 0; r == 0 && fn < MODEL_FNS; fn++)
		if (run->fns[1][fn].stats.undeliverable - run->fns[0][fn].stats.undeliverable !=
		    run->model.fns[fn].undeliverable)
			r = differ(run, "function %u: its count of undeliverable ones", fn);
	return r;
}

static int counts_check(struct run *run)
{
	int r = run->side.counts(run->side.arg, run->counters[1], run->fns[1]);

	for (uint32_t i = 0; r == 0 && i < SP_COUNT_MAX; i++)
		if (run->counters[1][i] - run->counters[0][i] != run->model.counters[i])
			r = differ(run, "counter %u: %llu, model: %llu", i,
				   (unsigned long long)(run->counters[1][i] - run->counters[0][i]),
				   (unsigned long long)run->model.counters[i]);
	for (uint32_t fn = 0; r == 0 && fn < MODEL_FNS; fn++)
		r = fn_check(run, fn);
	return r;
}

/* ---- sends ---- */

struct sent {
	const struct step *step;
	int n, reason;
	uint32_t looked; /* bit s: what waited at slot s is known */
	size_t got_len[MODEL_SLOTS];
	struct sp_desc got[MODEL_SLOTS][SP_BATCH_MAX + 1];
};

static void look(struct run *run, struct sent *t, uint32_t slot)
{
	if (t->looked & 1U << slot)
		return;
	t->looked |= 1U << slot;
	t->got_len[slot] =
		run->side.receive(run->side.arg, slot, t->got[slot], sizeof(t->got[slot]));
}

/* What the kernel drew is taken as it is: but it has to be another one. */
static int generations_take(struct run *run, struct model_result *result)
{
	for (uint64_t left = result->drawn; left; left &= left - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(left);
		uint32_t gen = (uint32_t)(run->side.owners[i].word >> 32);

		if (run->model.buffers[i].gen == gen && ++run->repeats > REPEATS_MAX)
			return differ(run, "buffer %u: came home with the generation it had", i);
		run->model.buffers[i].gen = gen;
	}
	for (uint32_t i = 0; i < result->count && result->to != SP_SLOT_NONE; i++)
		if (result->drawn & 1ULL << result->descs[i].buf % MODEL_BUFFERS)
			result->descs[i].gen =
				run->model.buffers[result->descs[i].buf % MODEL_BUFFERS].gen;
	return 0;
}

static int send_compare(struct run *run, struct sent *t, struct model_result *result)
{
	size_t len = result->count * sizeof(struct sp_desc);

	if (t->n < 0 && t->n != -EACCES)
		return differ(run, "send: %s", strerror(-t->n));
	if (result->reason != t->reason)
		return differ(run, "verdict %d, model: %d (-1: passed)", t->reason, result->reason);
	if (result->renewed)
		run->model.slots[t->step->slot].wake = run->side.instances[t->step->slot].wake;
	if (generations_take(run, result) < 0)
		return -EBADMSG;
	if (result->to == SP_SLOT_NONE)
		return 0;
	look(run, t, result->to);
	if (result->renewed)
		result->descs[0].gen = run->model.slots[t->step->slot].wake;
	if (t->got_len[result->to] == len && !memcmp(t->got[result->to], result->descs, len))
		return 0;
	for (uint32_t i = 0; i < result->count && t->got_len[result->to] == len; i++) {
		const struct sp_desc *g = &t->got[result->to][i], *w = &result->descs[i];

		if (memcmp(g, w, sizeof(*g)) != 0)
			return differ(
				run,
				"slot %u reads buf %u gen %u len %u edge 0x%x flags 0x%x home "
				"%u; model: buf %u gen %u len %u edge 0x%x flags 0x%x home %u",
				result->to, g->buf, g->gen, g->len, g->edge, g->flags, g->home,
				w->buf, w->gen, w->len, w->edge, w->flags, w->home);
	}
	return differ(run, "slot %u reads %zu bytes, model: %zu", result->to,
		      t->got_len[result->to], len);
}

/* An event for each that was watched, and no other. */
static int told_check(struct run *run)
{
	uint32_t told = run->side.told(run->side.arg), wanted = run->told;

	run->told = 0;
	return told == wanted ? 0 : differ(run, "told of slots 0x%x, model: 0x%x", told, wanted);
}

/* Nothing is anywhere that was not expected there. */
static int rest_check(struct run *run, const struct sent *t, uint32_t to)
{
	struct sp_desc d;

	for (uint32_t s = 1; s < MODEL_SLOTS - 1; s++)
		if (s != to &&
		    (t->looked & 1U << s ? t->got_len[s] :
					   run->side.receive(run->side.arg, s, &d, sizeof(d))) > 0)
			return differ(run, "slot %u reads what is for slot %u", s, to);
	return told_check(run);
}

static int send_perform(struct run *run, const struct step *s)
{
	struct sent t = { .step = s, .reason = -1 };
	struct model_result result = { 0 };
	struct sp_desc first = { .edge = SP_EDGE_REPLY };
	uint32_t choices;
	int r = -EBADMSG;

	if (s->len >= sizeof(first))
		memcpy(&first, s->data, sizeof(first));
	choices = model_choices(&run->model, s->slot, &first);
	t.n = run->side.send(run->side.arg, s->slot, s->data, s->len, &t.reason);
	if ((choices & (choices - 1)) == 0) {
		model_send(&run->model, s->slot, s->data, s->len,
			   choices ? (uint32_t)__builtin_ctz(choices) : 0, &result);
		r = send_compare(run, &t, &result);
	}
	/* The program may choose any of them: one must explain what happened. */
	for (uint32_t left = choices; r < 0 && (choices & (choices - 1)) && left;
	     left &= left - 1) {
		const struct model before = run->model;

		model_send(&run->model, s->slot, s->data, s->len, (uint32_t)__builtin_ctz(left),
			   &result);
		r = send_compare(run, &t, &result);
		if (r == 0)
			r = tables_check(run);
		if (r == 0)
			r = revision_check(run, &before);
		if (r < 0 && (left & (left - 1)))
			run->model = before;
	}
	run->verdicts[t.reason + 1]++;
	run->told |= result.told;
	if (r == 0 && (run->careful || run->sends % 64 == 0))
		r = rest_check(run, &t, result.to);
	return r;
}

/* ---- runs ---- */

int run_perform(struct run *run, const struct step *s)
{
	int r;

	if (s->kind != STEP_SEND) {
		step_apply(s, &run->model);
		r = run->side.table(run->side.arg, s, &run->model);
		tables_write(run);
		return r;
	}
	run->sends++;
	r = send_perform(run, s);
	return r < 0 ? r : tables_check(run);
}

int run_begin(struct run *run)
{
	int r;

	model_init(&run->model, run->cpu);
	r = run->side.reset(run->side.arg, &run->model);
	for (uint32_t i = 0; i < MODEL_BUFFERS; i++) {
		uint32_t cap = run->model.buffers[i].cap;

		memset(&run->side.owners[i], 0, sizeof(run->side.owners[i]));
		run->side.owners[i].cap = cap;
	}
	for (uint32_t s = 1; s < MODEL_SLOTS - 1; s++) {
		struct sp_instance *i = &run->side.instances[s];

		i->in = i->out = i->last_out_ns = 0;
		i->wake = 0;
	}
	tables_write(run);
	run->told = 0;
	run->side.told(run->side.arg);
	return r < 0 ? r : run->side.counts(run->side.arg, run->counters[0], run->fns[0]);
}

int run_end(struct run *run)
{
	const struct sent nothing = { 0 };
	int r = rest_check(run, &nothing, SP_SLOT_NONE);

	return r < 0 ? r : counts_check(run);
}

int run_replay(struct run *run, const struct step *steps, uint32_t count)
{
	int r = run_begin(run);

	run->careful = true;
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = run_perform(run, &steps[i]);
	if (r == 0)
		r = run_end(run);
	run->careful = false;
	return r;
}

/* Leaves out what the difference does not need: halves first, then single steps, then single
 * descriptors. */
uint32_t run_shrink(struct run *run, struct step *steps, uint32_t count)
{
	static struct step tried[EPISODE_STEPS];
	uint32_t replays = 0;

	for (uint32_t size = count / 2; size > 0; size /= 2)
		for (uint32_t at = 0; at + size <= count && replays < REPLAYS_MAX;) {
			memcpy(tried, steps, at * sizeof(*steps));
			memcpy(tried + at, steps + at + size, (count - at - size) * sizeof(*steps));
			replays++;
			if (run_replay(run, tried, count - size) == -EBADMSG) {
				count -= size;
				memcpy(steps, tried, count * sizeof(*steps));
			} else {
				at += size;
			}
		}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t at = 0; (at + 1) * sizeof(struct sp_desc) <= steps[i].len &&
				      steps[i].len > sizeof(struct sp_desc) &&
				      replays < REPLAYS_MAX;) {
			const struct step whole = steps[i];
			size_t from = (at + 1) * sizeof(struct sp_desc);

			memmove(steps[i].data + at * sizeof(struct sp_desc), whole.data + from,
				whole.len - from);
			steps[i].len -= sizeof(struct sp_desc);
			replays++;
			if (run_replay(run, steps, count) != -EBADMSG) {
				steps[i] = whole;
				at++;
			}
		}
	run_replay(run, steps, count);
	return count;
}
