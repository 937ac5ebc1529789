// SPDX-License-Identifier: Apache-2.0
/* test_process_worker.c - the threads of a process: each with a state, a start and an end of its
 * own; and stacks, of which an overflow harms nobody else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

#define WORKERS 3

SP_COUNTER(begun);
SP_COUNTER(finished);

struct own {
	unsigned index;
	unsigned handled;
};

static int begin(sp_worker *worker, void **state)
{
	struct own *own = calloc(1, sizeof(*own));

	own->index = sp_worker_index(worker);
	*state = own;
	sp_count(&begun, 1);
	return 0;
}

static void end(void *state)
{
	free(state);
	sp_count(&finished, 1);
}

static sp_verdict tell(sp_request *req, void *state)
{
	struct own *own = state;

	if (sp_view(req).data[0] == 'f')
		return sp_fail(req, SP_EINPUT, "worker %u", own->index);
	own->handled++;
	if (sp_print(req, "worker %u: %u", own->index, own->handled) < 0)
		return SP_DROP;
	return SP_REPLY;
}

static void each_has_its_own(void **state)
{
	const sp_function function = {
		.abi = SP_ABI, .name = "tell", .on_request = tell, .init = begin, .fini = end
	};
	struct rig rig;
	char text[32];

	(void)state;
	rig_init(&rig);
	rig.table.worker_count = WORKERS;
	assert_int_equal(rig_launch(&rig, &function).type, WIRING_READY);
	assert_int_equal(rig_counter(&rig, "begun"), WORKERS);
	for (uint32_t round = 1; round < 50; round++) {
		struct sp_desc d[WORKERS];

		for (uint32_t i = 0; i < WORKERS; i++) { /* all at the same time */
			rig_use(&rig, i);
			d[i] = rig_request(&rig, i, round % 2 ? "tell" : "fail");
			rig_send(&rig, &d[i], 1);
		}
		for (uint32_t i = 0; i < WORKERS; i++) {
			rig_use(&rig, i);
			snprintf(text, sizeof(text), round % 2 ? "worker %u: %u" : "worker %u", i,
				 round / 2 + 1);
			if (round % 2)
				caller_expect(&rig, i, text);
			else
				caller_expect_failed(&rig, i, SP_EINPUT, text);
		}
	}
	rig_use(&rig, 0);
	assert_int_equal(rig_counter(&rig, "error_input"), WORKERS * 24);
	rig_eof(&rig);
	rig_drain(&rig);
	assert_int_equal(rig_wait(&rig), 0);
	assert_int_equal(rig_counter(&rig, "finished"), WORKERS);
	assert_string_equal(rig_log(&rig), "");
}

static int begin_but_not_last(sp_worker *worker, void **state)
{
	if (sp_worker_index(worker) == WORKERS - 1)
		return -ENODEV;
	return begin(worker, state);
}

static void one_that_cannot_begin_ends_all(void **state)
{
	const sp_function function = { .abi = SP_ABI,
				       .name = "tell",
				       .on_request = tell,
				       .init = begin_but_not_last,
				       .fini = end };
	struct wiring_msg msg;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.table.worker_count = WORKERS;
	msg = rig_launch(&rig, &function);
	assert_int_equal(msg.type, WIRING_FAILED);
	assert_string_equal(msg.text, "init failed: No such device");
	assert_int_equal(rig_wait(&rig), 1);
	assert_int_equal(rig_counter(&rig, "begun"), WORKERS - 1);
	assert_int_equal(rig_counter(&rig, "finished"), WORKERS - 1);
	assert_string_equal(rig_log(&rig), "error cannot start: init failed: No such device\n");
}

static void wrong_numbers_of_workers_are_refused(void **state)
{
	const sp_function function = { .abi = SP_ABI, .name = "tell", .on_request = tell };
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.table.workers[0].slot = SP_INST_MAX;
	assert_int_equal(rig_launch(&rig, &function).type, WIRING_FAILED);
	assert_int_equal(rig_wait(&rig), 1);
	rig_init(&rig);
	rig.table.worker_count = 0;
	assert_int_equal(rig_launch(&rig, &function).type, WIRING_FAILED);
	assert_int_equal(rig_wait(&rig), 1);
}

/* ---- stacks ---- */

static __attribute__((noinline)) unsigned deep(unsigned depth)
{
	volatile char frame[4096];

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (char)depth;
	return depth == 0 ? 0 : deep(depth - 1) + (unsigned char)frame[depth % sizeof(frame)];
}

/* The body says how deep; a call comes first, so that another's stack lies beside. */
static sp_verdict dive(sp_request *req, void *state)
{
	unsigned depth = (unsigned)strtoul(sp_view(req).data, NULL, 10);
	sp_call call = { .fn = ALPHA };

	(void)state;
	if (depth == 0)
		return sp_call_one(req, &call) == SP_OK ? SP_REPLY : SP_DROP;
	return deep(depth) > 0 ? SP_REPLY : SP_DROP;
}

static void an_overflow_ends_the_process(void **state)
{
	struct rig rig;

	(void)state;
	caller_open(&rig, dive);
	caller_ask(&rig, 0, "0");
	rig_expect(&rig, ALPHA_EDGE);
	caller_ask(&rig, 1, "20"); /* of 64 pages */
	caller_expect(&rig, 1, "20");
	caller_ask(&rig, 2, "1000");
	rig_expect_fault(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_own),
		cmocka_unit_test(one_that_cannot_begin_ends_all),
		cmocka_unit_test(wrong_numbers_of_workers_are_refused),
		cmocka_unit_test(an_overflow_ends_the_process),
	};

	return cmocka_run_group_tests_name("process_worker", tests, NULL, NULL);
}
