/* SPDX-License-Identifier: Apache-2.0 */
/* The fdstore when something goes wrong: killed clients and programs, garbage, races. */
#include "tests/unit/controller/fdstore_rig.h"

#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "controller/fdstore_wire.h"

/* Puts one entry again and again, its data naming what its fds hold, until killed. */
static _Noreturn void child_put(const char *path)
{
	struct fdstore *store;

	if (fdstore_open(path, false, &store) < 0)
		_exit(1);
	for (int i = 0;; i++) {
		char text[16];
		int fds[2];

		snprintf(text, sizeof(text), "%d", i);
		fds[0] = fdstore_rig_file(text);
		fds[1] = fdstore_rig_file(text);
		if (fdstore_put(store, "entry", text, strlen(text), fds, 2) < 0)
			_exit(1);
		close(fds[0]);
		close(fds[1]);
	}
}

static int on_whole(struct fdstore_entry *entry, void *arg)
{
	(void)arg;
	assert_int_equal(entry->fd_count, 2);
	fdstore_rig_file_check(entry->fds[0], entry->data);
	fdstore_rig_file_check(entry->fds[1], entry->data);
	return 0;
}

static void test_killed_client_leaves_whole_entries(void **state)
{
	struct fdstore_rig *f = *state;
	int before = fdstore_rig_fds(f->pid);

	for (int i = 0; i < 20; i++) {
		const struct timespec some = { .tv_nsec = 1000000 + i * 137000 };
		pid_t pid = fork();

		if (pid == 0)
			child_put(f->path);
		nanosleep(&some, NULL); /* another moment each time */
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		fdstore_rig_reopen(f);
		assert_int_equal(fdstore_list(f->store, on_whole, NULL), 0);
	}
	assert_int_equal(fdstore_remove(f->store, "entry"), 0);
	assert_int_equal(fdstore_rig_fds(f->pid), before);
}

static int connect_raw(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return sock;
}

/* Sends raw bytes with fds and checks the answer's result. */
static void garbage(int sock, const void *bytes, size_t len, int fd_count, int expected)
{
	struct fdstore_message answer;
	struct fdstore_fds fds;
	char control[CMSG_SPACE(sizeof(int) * 253)] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count > 0) { /* all of them fd 0 */
		struct cmsghdr *c = (struct cmsghdr *)control;

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
	}
	assert_int_equal(sendmsg(sock, &m, MSG_NOSIGNAL), len);
	assert_int_equal(fdstore_receive(sock, &answer, &fds), 0);
	assert_int_equal(answer.result, expected);
}

static void test_garbage_is_answered(void **state)
{
	static char large[sizeof(struct fdstore_message) + 1];
	struct fdstore_rig *f = *state;
	struct fdstore_message m = { .magic = FDSTORE_MAGIC, .op = FDSTORE_PUT, .name = "n" };
	int before = fdstore_rig_fds(f->pid), sock = connect_raw(f->path);

	garbage(sock, "x", 1, 3, -EBADMSG);
	garbage(sock, large, sizeof(large), 3, -E2BIG);
	garbage(sock, large, FDSTORE_HEAD_SIZE, 253, -E2BIG);
	garbage(sock, large, FDSTORE_HEAD_SIZE, 1, -EBADMSG);
	m.op = 77;
	garbage(sock, &m, FDSTORE_HEAD_SIZE, 5, -ENOSYS);
	m.op = FDSTORE_NEXT;
	m.slot = UINT32_MAX;
	garbage(sock, &m, FDSTORE_HEAD_SIZE, 5, -ENOENT);
	m.op = FDSTORE_PUT;
	m.name[0] = '\0';
	garbage(sock, &m, FDSTORE_HEAD_SIZE, 5, -EINVAL);
	memset(m.name, 'n', sizeof(m.name));
	garbage(sock, &m, FDSTORE_HEAD_SIZE, 5, -EBADMSG);
	assert_int_equal(fdstore_rig_fds(f->pid), before);
	close(sock);

	/* An empty message passes for the end; nothing else does. */
	sock = connect_raw(f->path);
	assert_int_equal(send(sock, "", 0, 0), 0);
	assert_int_equal(recv(sock, large, 1, 0), 0);
	close(sock);
	/* Requests without end whose answers nobody reads end the connection, not the program. */
	sock = connect_raw(f->path);
	while (send(sock, "x", 1, MSG_NOSIGNAL) == 1)
		;
	assert_true(errno == EPIPE || errno == ECONNRESET);
	close(sock);
	fdstore_rig_reopen(f);
	assert_int_equal(fdstore_put(f->store, "n", NULL, 0, NULL, 0), 0);
	assert_int_equal(fdstore_rig_fds(f->pid), before);
}

static void test_second_client_replaces_the_first(void **state)
{
	struct fdstore_rig *f = *state;
	struct fdstore *second;
	struct fdstore_rig_seen seen = { 0 };

	assert_int_equal(fdstore_put(f->store, "of-first", NULL, 0, NULL, 0), 0);
	assert_int_equal(fdstore_open(f->path, true, &second), 0);
	assert_int_equal(fdstore_put(second, "of-second", NULL, 0, NULL, 0), 0);
	assert_true(fdstore_rig_readable(fdstore_fd(f->store)));
	assert_int_equal(fdstore_put(f->store, "late", NULL, 0, NULL, 0), -EPIPE);
	assert_int_equal(fdstore_list(second, fdstore_rig_count, &seen), 0);
	assert_int_equal(seen.entries, 2);
	fdstore_close(f->store);
	f->store = second;
}

static void test_killed_program(void **state)
{
	struct fdstore_rig *f = *state;

	assert_int_equal(fdstore_put(f->store, "n", NULL, 0, NULL, 0), 0);
	assert_int_equal(kill(f->pid, SIGKILL), 0);
	assert_true(fdstore_rig_readable(fdstore_fd(f->store)));
	assert_int_equal(fdstore_put(f->store, "n", NULL, 0, NULL, 0), -EPIPE);
	assert_int_equal(fdstore_list(f->store, fdstore_rig_remove, f->store), -EPIPE);
	assert_int_equal(fdstore_quit(f->store), -EPIPE);
	fdstore_close(f->store);
	f->store = NULL;
	assert_int_equal(fdstore_open(f->path, false, &f->store), -ECONNREFUSED);
	assert_int_equal(fdstore_open(f->path, true, &f->store), 0); /* a new, empty one */
	assert_int_equal(fdstore_remove(f->store, "n"), 0);
}

/* A program that stands still is an error, not a hang. */
static void test_stopped_program(void **state)
{
	struct fdstore_rig *f = *state;
	int64_t began = fdstore_rig_now_ms();

	assert_int_equal(kill(f->pid, SIGSTOP), 0);
	assert_int_equal(fdstore_put(f->store, "n", NULL, 0, NULL, 0), -ETIMEDOUT);
	assert_in_range(fdstore_rig_now_ms() - began, FDSTORE_ANSWER_MS - 100,
			FDSTORE_ANSWER_MS + 5000);
	assert_int_equal(kill(f->pid, SIGCONT), 0);
	assert_int_equal(fdstore_put(f->store, "n", NULL, 0, NULL, 0), -EPIPE);
	fdstore_rig_reopen(f);
	assert_int_equal(fdstore_remove(f->store, "n"), 0);
}

/* Many start at once: one program comes of it, and all reach it. */
static void test_starting_at_once(void **state)
{
	struct fdstore_rig *f = *state;
	enum { STARTERS = 8 };
	pid_t pids[STARTERS];
	int status;

	assert_int_equal(fdstore_quit(f->store), 0);
	fdstore_close(f->store);
	f->store = NULL;
	for (int i = 0; i < STARTERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(fdstore_open(f->path, true, &f->store) == 0 ? 0 : 1);
	}
	for (int i = 0; i < STARTERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(fdstore_open(f->path, false, &f->store), 0);
	assert_int_equal(fdstore_quit(f->store), 0);
	for (int64_t end = fdstore_rig_now_ms() + FDSTORE_RIG_WAIT_MS;
	     fdstore_rig_find(f->path) && fdstore_rig_now_ms() < end;)
		;
	assert_int_equal(fdstore_rig_find(f->path), 0);
	fdstore_close(f->store);
	f->store = NULL;
}

static void test_wrong_paths(void **state)
{
	struct fdstore_rig *f = *state;
	char path[200];
	struct fdstore *store;

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(fdstore_open(path, true, &store), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/none", f->folder);
	assert_int_equal(fdstore_open(path, false, &store), -ENOENT);
	snprintf(path, sizeof(path), "%s/none/s", f->folder);
	assert_int_equal(fdstore_open(path, true, &store), -ENOENT);
}

#define WITH_PROGRAM(test) \
	cmocka_unit_test_setup_teardown(test, fdstore_rig_setup, fdstore_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PROGRAM(test_killed_client_leaves_whole_entries),
		WITH_PROGRAM(test_garbage_is_answered),
		WITH_PROGRAM(test_second_client_replaces_the_first),
		WITH_PROGRAM(test_killed_program),
		WITH_PROGRAM(test_stopped_program),
		WITH_PROGRAM(test_starting_at_once),
		WITH_PROGRAM(test_wrong_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
