// SPDX-License-Identifier: Apache-2.0
/* Targets that behave and that do not: each is a program in the place of `sprocket run`. */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/mix.h"
#include "bench/process.h"
#include "bench/target.h"

#define READY "echo 'ready http://127.0.0.1:8080/in'\n"
#define GOOD "trap 'kill $!; exit 0' INT TERM\n" READY "sleep 1000 & wait\n"
#define POLL_S 20

static char folder[] = "/tmp/test target-XXXXXX"; /* with a blank */
static char chain[64];

static void path_of(char path[128], const char *file)
{
	snprintf(path, 128, "%s/%s", folder, file);
}

static void file_write(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *file;

	path_of(path, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* A line that the server wrote into a file of the folder. */
static void file_read(const char *name, char text[256])
{
	char path[128];

	path_of(path, name);
	assert_true(bench_proc_read(path, text, 256) > 0);
	text[strcspn(text, "\n")] = '\0';
}

static bool file_there(const char *name)
{
	char path[128];

	path_of(path, name);
	return access(path, F_OK) == 0;
}

/* Servers that are left of those that this process has started. */
static unsigned left_running(void)
{
	char command[256], line[32] = "";
	FILE *list;

	snprintf(command, sizeof(command),
		 "grep -lz '^" BENCH_MARK "=%d-' /proc/[0-9]*/environ 2>/dev/null | wc -l",
		 (int)getpid());
	list = popen(command, "r");
	assert_non_null(list);
	assert_non_null(fgets(line, sizeof(line), list));
	pclose(list);
	return (unsigned)atoi(line);
}

static int setup(void **state)
{
	char path[128];

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	path_of(path, "controller");
	mkdir(path, 0755);
	file_write("chain.yaml", "# read by nobody\n", 0644);
	snprintf(chain, sizeof(chain), "%s/chain.yaml", folder);
	return setenv("SPROCKET_BUILD", folder, 1);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

/* Starts what the script says. Its folder is $F, and its arguments are those of `sprocket`. */
static int start(const char *script, const struct bench_target_options *options,
		 struct bench_target *ret, char error[BENCH_ERROR_TEXT])
{
	char text[2048];

	snprintf(text, sizeof(text), "#!/bin/sh\nF='%s'\n%s", folder, script);
	file_write("controller/sprocket", text, 0755);
	return bench_target_start(chain, options, ret, error);
}

static void start_good(const char *script, struct bench_target *ret)
{
	struct bench_target_options options = { .stop_timeout_s = 1 };
	char error[BENCH_ERROR_TEXT];

	if (start(script, &options, ret, error) < 0)
		fail_msg("%s", error);
}

/* It does not start, tells why, and leaves nothing. */
static void start_bad(const char *script, int code, const char *words)
{
	struct bench_target_options options = { .start_timeout_s = 1 };
	struct bench_target t = { .pid = 1 };
	char error[BENCH_ERROR_TEXT];

	assert_int_equal(start(script, &options, &t, error), code);
	if (!strstr(error, words))
		fail_msg("expected \"%s\" in \"%s\"", words, error);
	assert_int_equal(t.pid, 1); /* untouched */
	assert_int_equal(left_running(), 0);
}

static void stop_bad(struct bench_target *t, int code, const char *words)
{
	char error[BENCH_ERROR_TEXT];

	assert_int_equal(bench_target_stop(t, error), code);
	if (!strstr(error, words))
		fail_msg("expected \"%s\" in \"%s\"", words, error);
	assert_int_equal(left_running(), 0);
}

static void stop_good(struct bench_target *t)
{
	char error[BENCH_ERROR_TEXT];

	if (bench_target_stop(t, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(left_running(), 0);
}

static void test_good(void **state)
{
	char error[BENCH_ERROR_TEXT], args[256];
	struct bench_target_options options = { .cpu_count = 1,
						.trace = true,
						.sprocket_args = "  --workers 2 --verbose " };
	struct bench_target t;
	cpu_set_t cpus, mine;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(mine), &mine), 0);
	while (!CPU_ISSET((size_t)options.cpus[0], &mine))
		options.cpus[0]++;
	assert_int_equal(start("echo \"$*\" >\"$F/args\"\n" GOOD, &options, &t, error), 0);
	assert_string_equal(t.url, "http://127.0.0.1:8080/in");
	assert_string_equal(t.host, "127.0.0.1:8080");
	assert_string_equal(t.path, "/in");
	assert_true(t.started);
	assert_true(t.ready_s > 0 && t.ready_s < 10);
	assert_int_equal(getpgid(t.pid), t.pid);
	assert_int_equal(sched_getaffinity(t.pid, sizeof(cpus), &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 1);
	assert_true(CPU_ISSET((size_t)options.cpus[0], &cpus));
	assert_true(left_running() >= 1); /* so it finds them when they are there */
	file_read("args", args);
	snprintf(error, sizeof(error),
		 "run %s --listen 127.0.0.1:0 --workers 1 --cpus %d --trace --workers 2 --verbose",
		 chain, options.cpus[0]);
	assert_string_equal(args, error);
	stop_good(&t);
	assert_int_equal(bench_target_stop(&t, error), 0); /* once more: nothing to do */
}

static void test_two_at_once(void **state)
{
	struct bench_target one, two;

	(void)state;
	start_good(GOOD, &one);
	start_good(GOOD, &two);
	assert_true(one.pid != two.pid);
	assert_string_not_equal(one.mark, two.mark);
	assert_int_equal(bench_target_stop(&one, one.url), 0);
	assert_int_equal(kill(two.pid, 0), 0); /* the other's end is nothing to it */
	stop_good(&two);
}

static void test_end_by_the_signal(void **state)
{
	struct bench_target t;

	(void)state;
	start_good(READY "exec sleep 1000\n", &t);
	stop_good(&t);
	start_good("trap 'kill $!; exit 130' INT\n" READY "sleep 1000 & wait\n", &t);
	stop_good(&t);
}

/* Lines before, a long one too, in pieces, none at the end. */
static void test_what_is_printed_before(void **state)
{
	struct bench_target t;

	(void)state;
	start_good("echo readily; head -c 100000 /dev/zero | tr '\\0' x; echo\n"
		   "printf 're'; sleep 0.05; printf 'ady http://[::1]:81/a?b=c and more\\r\\n'\n"
		   "exec sleep 1000\n",
		   &t);
	assert_string_equal(t.url, "http://[::1]:81/a?b=c");
	assert_string_equal(t.path, "/a?b=c");
	stop_good(&t);
}

/* Nobody reads what it prints, and still it is never held up. */
static void test_chatty(void **state)
{
	struct timespec nap = { .tv_nsec = 10000000 };
	struct bench_target t;

	(void)state;
	start_good("trap 'exit 0' INT\n" READY
		   "head -c 30000000 /dev/zero\nhead -c 3000000 /dev/zero >&2\n"
		   "touch \"$F/printed\"\nwhile :; do sleep 0.01; done\n",
		   &t);
	for (int i = 0; i < POLL_S * 100 && !file_there("printed"); i++)
		nanosleep(&nap, NULL);
	assert_true(file_there("printed"));
	stop_good(&t);
}

static void test_not_ready(void **state)
{
	(void)state;
	start_bad("echo no pool of 64Mi: free some memory >&2; exit 3\n", -ECHILD,
		  "ended with status 3 before it was ready; its last words: no pool of 64Mi");
	start_bad("kill -9 $$\n", -ECHILD, "signal 9 (Killed)");
	start_bad("echo one >&2; echo two >&2; exec sleep 1000\n", -ETIMEDOUT,
		  "did not print `ready URL` within 1 s; its last words: one|two");
	start_bad("sleep 1000 & exec sleep 1001\n", -ETIMEDOUT, "within 1 s");
	start_bad("exec >&-; exec sleep 1000\n", -EPIPE, "closed its output");
	start_bad("echo ready soon; exec sleep 1000\n", -EINVAL, "soon: only http is spoken");
	start_bad("printf 'ready http://127.0.0.1:1/'; exec sleep 1000\n", -ETIMEDOUT, "within");
	/* A child that has gone its own way is found by its mark. */
	start_bad("setsid sh -c 'sleep 1000' </dev/null >/dev/null 2>&1 &\nsleep 0.2; exit 4\n",
		  -ECHILD, "status 4");
}

/* Forks, and is gone: then nobody can be told to end. */
static void test_daemon(void **state)
{
	(void)state;
	start_bad("sh -c 'sleep 0.3; "
		  "echo ready http://127.0.0.1:8080/; exec sleep 1000' &\n"
		  "exit 0\n",
		  -ECHILD, "ended with status 0 before it was ready");
}

static void test_no_program(void **state)
{
	struct bench_target_options options = { 0 }, nowhere = { .cpus = { 1023 }, .cpu_count = 1 };
	char error[BENCH_ERROR_TEXT];
	struct bench_target t;

	(void)state;
	file_write("controller/sprocket", "#!/no/such/shell\n", 0755);
	assert_int_equal(bench_target_start(chain, &options, &t, error), -ENOENT);
	assert_non_null(strstr(error, "is it built"));
	file_write("controller/sprocket", "", 0644);
	assert_int_equal(bench_target_start(chain, &options, &t, error), -EACCES);
	assert_int_equal(start(GOOD, &nowhere, &t, error), -EINVAL);
	assert_non_null(strstr(error, "--server-cpu"));
	assert_int_equal(bench_target_start("ring-6", &options, &t, error), -ENOENT);
	assert_non_null(strstr(error, "peer-ring"));
	assert_int_equal(left_running(), 0);
}

static void test_stops_badly(void **state)
{
	struct bench_target t;
	int status;

	(void)state;
	start_good("trap '' INT\n" READY "while :; do sleep 0.01; done\n", &t);
	stop_bad(&t, -ETIMEDOUT, "still running 1 s after SIGINT");
	start_good("trap 'kill $!; echo the pool is damaged >&2; exit 3' INT\n" READY
		   "sleep 1000 & wait\n",
		   &t);
	stop_bad(&t, -EPROTO, "status 3 after SIGINT, expected status 0; its last words: the pool");
	start_good("trap 'exit 0' INT\n" READY "sleep 1000 & wait\n", &t);
	stop_bad(&t, -EBUSY, "left behind, and killed now: sleep (");
	start_good("trap 'exit 0' INT\nsetsid sh -c 'sleep 1000; :' &\n" READY
		   "while :; do sleep 0.01; done\n",
		   &t);
	stop_bad(&t, -EBUSY, "left behind");
	start_good(READY "echo out of memory >&2\nexit 7\n", &t);
	assert_int_equal(waitid(P_PID, (id_t)t.pid, NULL, WEXITED | WNOWAIT), 0);
	stop_bad(&t, -ECHILD, "ended by itself with status 7; its last words: out of memory");
	start_good(READY "kill -11 $$\n", &t);
	assert_int_equal(waitid(P_PID, (id_t)t.pid, NULL, WEXITED | WNOWAIT), 0);
	stop_bad(&t, -ECHILD, "ended by itself with signal 11");
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1); /* no zombie either */
	assert_int_equal(errno, ECHILD);
}

/* What is killed ends with its parent: that is no process left behind. */
static void test_ends_with_its_parent(void **state)
{
	struct bench_target t;

	(void)state;
	start_good("mkfifo \"$F/life\"\nsh -c 'read end' <\"$F/life\" &\nexec 3>\"$F/life\"\n"
		   "trap 'exit 0' INT\n" READY "while :; do sleep 0.01; done\n",
		   &t);
	stop_good(&t);
}

static void on_alarm(int number)
{
	(void)number;
}

static void test_interrupted(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct bench_target_options options = { 0 };
	char error[BENCH_ERROR_TEXT];
	struct bench_target t;
	time_t began = time(NULL);

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	assert_int_equal(start("exec sleep 1000\n", &options, &t, error), -EINTR);
	assert_non_null(strstr(error, "interrupted"));
	assert_true(time(NULL) - began < 10);
	assert_int_equal(left_running(), 0);
}

/* Signals that we ignore or block are its own again; what we have open is nothing to it. */
static void test_inherits_nothing(void **state)
{
	struct bench_target t;
	sigset_t set, old;
	char text[256];

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(dup2(STDERR_FILENO, 200), 200);
	start_good("grep -h -e SigBlk -e SigIgn /proc/self/status | tr -d '\\n' >\"$F/signals\"\n"
		   "ls /proc/self/fd | tr '\\n' ' ' >\"$F/fds\"\n" GOOD,
		   &t);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(200);
	file_read("signals", text);
	assert_string_equal(text, "SigBlk:\t0000000000000000SigIgn:\t0000000000000000");
	file_read("fds", text);
	assert_null(strstr(text, "200"));
	stop_good(&t);
}

/* When we are killed the server ends, too. */
static void test_dies_with_us(void **state)
{
	struct timespec nap = { .tv_nsec = 10000000 };
	struct bench_target_options options = { 0 };
	char error[BENCH_ERROR_TEXT], mark[64];
	struct bench_processes *found = calloc(1, sizeof(*found));
	struct bench_target t;
	int pipe_fds[2];
	pid_t child;

	(void)state;
	assert_non_null(found);
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion must not leave us */
		if (start(GOOD, &options, &t, error) < 0)
			_exit(1);
		if (write(pipe_fds[1], t.mark, sizeof(t.mark)) < 0)
			_exit(1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(pipe_fds[0], mark, sizeof(mark)), sizeof(mark));
	bench_processes_marked(-1, mark, found);
	assert_true(found->count > 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	for (int i = 0; i < POLL_S * 100 && found->count > 0; i++) {
		nanosleep(&nap, NULL);
		found->count = 0;
		bench_processes_marked(-1, mark, found);
	}
	assert_int_equal(found->count, 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_end_by_the_signal),
		cmocka_unit_test(test_what_is_printed_before),
		cmocka_unit_test(test_chatty),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_stops_badly),
		cmocka_unit_test(test_ends_with_its_parent),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_inherits_nothing),
		cmocka_unit_test(test_dies_with_us),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
