/* SPDX-License-Identifier: Apache-2.0 */
/* The page of an instance: routes that are written while they are read. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sproxy/wiring.h"

#define CHANGES 200000

static struct wiring_page page;

static int match(const struct wiring_page *in)
{
	struct shm_header header = { 0 };

	struct rule_way way;

	return wiring_page_find(in, 0, &header, &header, &way) < 0 ? -ENOENT : way.edge;
}

/* Edge 0 is decided by rule `at`, the others are of an edge nobody asks for. */
static struct rule_table rules_make(uint32_t at, uint8_t wire)
{
	struct rule_table rules = { .count = RULE_MAX };

	for (uint32_t i = 0; i < RULE_MAX; i++)
		rules.rules[i] = (struct rule){ .from_edge = i == at ? 0 : 9,
						.wire_edge = wire,
						.kind = RULE_ALWAYS };
	return rules;
}

static void test_rules_take_turns(void **state)
{
	struct rule_table rules;

	(void)state;
	memset(&page, 0, sizeof(page));
	assert_int_equal(match(&page), -ENOENT);
	for (uint8_t wire = 1; wire < 6; wire++) {
		rules = rules_make(3, wire);
		wiring_page_rules(&page, &rules);
		assert_int_equal(match(&page), wire);
	}
}

/* A function may write anything to its page; only itself may suffer. */
static void test_garbage_stays_inside(void **state)
{
	struct {
		struct wiring_page page;
		char after[4096];
	} hit;
	struct rule_table rules = rules_make(0, 4);

	(void)state;
	memset(&hit, 0xff, sizeof(hit));
	wiring_page_rules(&hit.page, &rules);
	for (size_t i = 0; i < sizeof(hit.after); i++)
		assert_int_equal((unsigned char)hit.after[i], 0xff);
	memset(&page, 0, sizeof(page));
	page.active = UINT32_MAX;
	wiring_page_rules(&page, &rules);
	assert_int_equal(match(&page), 4);
	page.rules[0].count = UINT32_MAX;
	page.rules[0].rules[0].from_edge = 9;
	assert_int_equal(match(&page), -ENOENT);
}

static _Noreturn void change(struct wiring_page *shared)
{
	const struct rule_table rules[] = { rules_make(0, 5), rules_make(RULE_MAX - 1, 6) };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < CHANGES; i++)
		wiring_page_rules(shared, &rules[i % 3 == 0]);
	_exit(0);
}

/* Half of one table with half of another would have no rule for the edge, or a foreign one. */
static void test_reader_sees_whole_tables(void **state)
{
	struct wiring_page *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rule_table first = rules_make(0, 5);
	int status = -1;
	pid_t pid;

	(void)state;
	assert_true(shared != MAP_FAILED);
	wiring_page_rules(shared, &first);
	pid = fork();
	if (pid == 0)
		change(shared);
	assert_true(pid > 0);
	while (waitpid(pid, &status, WNOHANG) == 0)
		for (int i = 0; i < 1000; i++)
			assert_in_range(match(shared), 5, 6);
	assert_int_equal(status, 0);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_take_turns),
		cmocka_unit_test(test_garbage_stays_inside),
		cmocka_unit_test(test_reader_sees_whole_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
