// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sdk/step.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const edges[] = { "found", "none", NULL };
static const char *const calls[] = { "catalog", "currency", NULL };

sp_verdict (*step)(sp_request *req);

static sp_verdict on_request(sp_request *req, void *state)
{
	(void)state;
	return step(req);
}

const sp_function step_function = {
	.abi = SP_ABI, .name = "fn", .on_request = on_request, .edges = edges, .calls = calls
};

int step_open(void **state)
{
	*state = sp_test_new(&step_function, NULL);
	return *state ? 0 : -1;
}

int step_close(void **state)
{
	*state = sp_test_free(*state);
	return 0;
}

sp_str step_str(sp_buf b)
{
	return (sp_str){ b.data, b.len };
}

void step_echo(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	(void)arg;
	reply->room.len = (size_t)snprintf(reply->room.data, reply->room.cap, "%s %.*s: %.*s",
					   call->call, SP_ARG(call->topic), SP_ARG(call->body));
	reply->body = step_str(reply->room);
	reply->status = 201;
}

static void child(void (*fn)(sp_test *t), sp_test *t, int sig, int err)
{
	dup2(err, STDERR_FILENO);
	signal(sig, SIG_DFL); /* a sanitizer would report it and exit instead */
	fn(t);
	_exit(0);
}

void step_expect_end(void (*fn)(sp_test *t), sp_test *t, int sig, const char *says)
{
	char text[4096] = "";
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(fn, t, sig, fds[1]);
	close(fds[1]);
	while (len < sizeof(text) - 1 && (n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), sig);
	assert_non_null(strstr(text, says));
}
