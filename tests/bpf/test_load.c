// SPDX-License-Identifier: Apache-2.0
/* What loading costs: a chain waits for it when it starts, and its functions when the program
 * is replaced. Told by the steps of the verifier, which no other load of the machine changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "sproxy/state.h"
#include "tests/bpf/chain.h"

enum { STEPS_MAX = 6000, ENTRY_STEPS_MAX = 100 };

static uint32_t verified_steps(uint32_t program_id)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(program_id);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.verified_insns;
}

static void test_verifier_takes_few_steps(void **state)
{
	struct fixture *f = *state;
	uint32_t id, slot = 0;

	assert_int_equal(bpf_map_lookup_elem(f->proxy->maps[MAP_programs], &slot, &id), 0);
	assert_in_range(verified_steps(id), 1, STEPS_MAX);
}

static void test_verifier_takes_few_steps_for_the_entry(void **state)
{
	struct fixture *f = *state;
	uint32_t id, count = 1;

	assert_int_equal(bpf_prog_query(f->proxy->maps[MAP_senders], BPF_SK_MSG_VERDICT, 0, NULL,
					&id, &count),
			 0);
	assert_int_equal(count, 1);
	assert_in_range(verified_steps(id), 1, ENTRY_STEPS_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_verifier_takes_few_steps),
		CASE(test_verifier_takes_few_steps_for_the_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
