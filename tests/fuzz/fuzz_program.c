// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_program.c - any sends through the kernel program, compiled for this machine, beside its
 * model: a difference is a crash, and so is a byte read outside a message or a table.
 *
 * How: an input is a list of steps of four bytes: what, slot, a, b. A send has b descriptors, as
 * steps.h reads them. What 0x80 has the generator of the differential test invent `a` steps from
 * seed b.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bpf/differential_run.h"
#include "tests/fuzz/steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP = 4, INVENT = 0x80, INVENTED_MAX = 64, LEN_OFF_BY = 40 };

static void perform(struct run *run, const struct step *s)
{
	if (run_perform(run, s) == -EBADMSG) {
		fprintf(stderr, "difference: %s\n", run->why);
		step_print(s);
		abort();
	}
}

static size_t step_read(const struct model *m, const uint8_t *data, size_t size, struct step *s)
{
	size_t used = STEP;
	uint32_t count = data[3];

	*s = (struct step){ .kind = data[0] % STEP_KINDS,
			    .slot = (uint8_t)(1 + data[1] % 6),
			    .a = data[2],
			    .b = data[3] };
	if (s->kind == STEP_SEND) {
		for (; used + STEPS_DESC <= size && count > 0 && s->len + 16U <= STEP_BYTES_MAX;
		     count--) {
			const struct sp_desc d = steps_desc(m, data + used);

			memcpy(s->data + s->len, &d, sizeof(d));
			s->len += sizeof(d);
			used += STEPS_DESC;
		}
		if (s->a < LEN_OFF_BY) /* not whole descriptors */
			s->len = (uint16_t)(s->len > s->a ? s->len - s->a : s->a);
	}
	return used;
}

/* What gateway and controller do not do: it would be no test of the program. */
static bool sensible(const struct model *m, struct step *s)
{
	uint32_t fn = m->slots[s->slot].fn;

	if (s->kind == STEP_REUSE) {
		const struct model_buffer *b = &m->buffers[s->a %= MODEL_BUFFERS];

		s->slot = s->slot == 2 ? 2 : 1;
		s->b %= 2;
		return m->slots[b->holder].fn == SP_GATEWAY_FN && b->refs == 0;
	}
	if (s->kind == STEP_ENABLE || s->kind == STEP_RECEIVE || s->kind == STEP_WATCH)
		s->a &= 1;
	else if (s->kind == STEP_GATE)
		s->a %= SP_GATE_AJAR + 1;
	else if (s->kind == STEP_SPLIT)
		return m->fns[fn].routes[s->a %= MODEL_EDGES].fn != SP_GATEWAY_FN;
	return s->kind == STEP_SEND || s->kind == STEP_RECEIVE || fn != SP_GATEWAY_FN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;
	struct step s;

	if (!run.side.owners && chain_side_open(&run.side) < 0)
		abort();
	run_begin(&run);
	run.careful = true;
	while (size >= STEP) {
		struct random random = { data[3] * 0x9e3779b97f4a7c15ULL | 1 };
		size_t used = STEP;

		if (data[0] & INVENT) {
			for (int i = 0; i < data[2] % INVENTED_MAX; i++) {
				step_invent(&s, &run.model, &random);
				perform(&run, &s);
			}
		} else {
			used = step_read(&run.model, data, size, &s);
			if (sensible(&run.model, &s))
				perform(&run, &s);
		}
		data += used;
		size -= used;
	}
	if (run_end(&run) < 0) {
		fprintf(stderr, "difference: %s\n", run.why);
		abort();
	}
	return 0;
}
