// SPDX-License-Identifier: Apache-2.0
/* Usage as JSON, the record of the machine, and a session of one's own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/target/usage.h"

static void test_json(void **state)
{
	struct bench_usage u = { .count = 1 };
	struct bench_component *c = &u.components[0];
	json_t *all, *json;

	(void)state;
	*c = (struct bench_component){ .name = "gateway",
				       .processes = 1,
				       .threads = 2,
				       .cpu_ns = 5000000,
				       .user_ns = 2000000,
				       .system_ns = 3000000,
				       .switches_voluntary = 500,
				       .syscalls = -1,
				       .cycles = -1,
				       .instructions = 7,
				       .cache_misses = -1,
				       .rss_bytes = 4096 };
	all = bench_usage_json(&u, 1000);
	json = json_object_get(all, "gateway");
	assert_int_equal(json_integer_value(json_object_get(json, "processes")), 1);
	assert_int_equal(json_integer_value(json_object_get(json, "rss_bytes")), 4096);
	assert_true(json_real_value(json_object_get(json, "cpu_us")) == 5.0);
	assert_true(json_real_value(json_object_get(json, "user_us")) == 2.0);
	assert_true(json_real_value(json_object_get(json, "switches_voluntary")) == 0.5);
	assert_null(json_object_get(json, "syscalls"));
	assert_non_null(json_object_get(json, "instructions"));
	json_decref(all);
}

static void test_environment(void **state)
{
	static const char *const texts[] = { "kernel",      "cpu",         "mitigations",
					     "governor",    "hypervisor",  "hugepages",
					     "commit",      "build",       "compiler",
					     "h2o",         "date",        "command",
					     "server_cpus", "client_cpus", "autogroup" };
	char run[] = "run", cpu[] = "--server-cpu=3", client[] = "--client-cpu", one[] = "1,2",
	     blank[] = "a b";
	char *const argv[] = { run, run, cpu, client, one, blank, NULL };
	json_t *json = bench_environment(6, argv);

	(void)state;
	assert_non_null(json);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (json_string_length(json_object_get(json, texts[i])) == 0)
			fail_msg("no %s", texts[i]);
	assert_true(json_integer_value(json_object_get(json, "cpus")) > 0);
	assert_true(json_integer_value(json_object_get(json, "memory_kib")) > 1024);
	assert_true(json_is_real(json_object_get(json, "load")));
	assert_string_equal(json_string_value(json_object_get(json, "server_cpus")), "3");
	assert_string_equal(json_string_value(json_object_get(json, "client_cpus")), "1,2");
	assert_string_equal(json_string_value(json_object_get(json, "command")),
			    "run run --server-cpu=3 --client-cpu 1,2 'a b'");
	json_decref(json);
}

/* Who measures has a session of its own; signals reach it, and its status comes back. */
static void test_quiet(void **state)
{
	int status, told[2];
	pid_t child, session;

	(void)state;
	for (int by_signal = 0; by_signal < 2; by_signal++) {
		assert_int_equal(pipe(told), 0);
		child = fork();
		if (child == 0) {
			sigset_t set;
			int number;

			bench_environment_quiet(); /* it may not be allowed to raise its group */
			sigemptyset(&set);
			sigaddset(&set, SIGINT);
			sigprocmask(SIG_BLOCK, &set, NULL);
			session = getsid(0);
			if (write(told[1], &session, sizeof(session)) < 0)
				_exit(1);
			if (by_signal && sigwait(&set, &number) == 0)
				_exit(number == SIGINT ? 42 : 1);
			_exit(41);
		}
		assert_int_equal(read(told[0], &session, sizeof(session)), sizeof(session));
		assert_int_not_equal(session, getsid(0));
		if (by_signal)
			assert_int_equal(kill(child, SIGINT), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 41 + by_signal);
		close(told[0]);
		close(told[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
