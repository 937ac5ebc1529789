// SPDX-License-Identifier: Apache-2.0
#include "controller/fdstore_start.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "controller/programs.h"

#define BACKLOG 16
#define LOCK_TRIES 200
#define LOCK_WAIT_NS 10000000
#define OOM_SCORE "-900"

/* Returns the lock's fd or -errno. The file goes when it is unlocked: whoever waited on a
 * file that is gone by then takes a new one. */
static int lock_take(const char *path)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_NS };

	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat st;

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
			return fd;
		close(fd);
		nanosleep(&wait, NULL);
	}
	return -EBUSY;
}

static int is_served(const struct sockaddr_un *addr)
{
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (sock < 0)
		return -errno;
	r = connect(sock, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ? 0 : errno;
	close(sock);
	return r != ECONNREFUSED && r != ENOENT;
}

/* Returns the listening socket or -errno. */
static int listener_open(const struct sockaddr_un *addr)
{
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (sock < 0)
		return -errno;
	/* The mode of the socket file comes from the socket's own, whatever the umask is. */
	if (fchmod(sock, 0600) == 0 && (unlink(addr->sun_path) == 0 || errno == ENOENT) &&
	    bind(sock, (const struct sockaddr *)addr, sizeof(*addr)) == 0 &&
	    listen(sock, BACKLOG) == 0)
		return sock;
	r = -errno;
	close(sock);
	return r;
}

static void oom_spare(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* Without the right to it, it is as any other process. */
	if (fd >= 0 && write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

static _Noreturn void program_run(char *program, char *path, int listener)
{
	char *argv[] = { program, path, NULL }, *env[] = { NULL };
	sigset_t none;
	int null;

	if (chdir("/") < 0)
		_exit(1);
	if (dup2(listener, FDSTORE_LISTENER) < 0) /* clears close-on-exec */
		_exit(1);
	if (listener == FDSTORE_LISTENER && fcntl(listener, F_SETFD, 0) < 0)
		_exit(1);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < FDSTORE_LISTENER; fd++)
		dup2(null, fd);
	close_range(FDSTORE_LISTENER + 1, ~0U, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	oom_spare();
	execve(program, argv, env);
	_exit(127);
}

static int spawn(char *program, char *path, int listener)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		setsid();
		pid = fork();
		if (pid == 0)
			program_run(program, path, listener);
		_exit(pid < 0 ? 1 : 0);
	}
	/* Whoever reaps all children may have been faster: then the status is not known. */
	for (int status = 0;;) {
		if (waitpid(pid, &status, 0) == pid)
			return status == 0 ? 0 : -EAGAIN;
		if (errno != EINTR)
			return 0;
	}
}

static int start_locked(const struct sockaddr_un *addr)
{
	char program[CHAIN_PATH_MAX], path[sizeof(addr->sun_path)];
	int r = programs_fdstore(program), listener;

	if (r < 0)
		return r;
	r = is_served(addr);
	if (r != 0)
		return r < 0 ? r : -EEXIST;
	listener = listener_open(addr);
	if (listener < 0)
		return listener;
	memcpy(path, addr->sun_path, sizeof(path));
	r = spawn(program, path, listener);
	close(listener);
	return r;
}

int fdstore_start(const struct sockaddr_un *addr)
{
	char path[sizeof(addr->sun_path) + sizeof(".lock")];
	int lock, r;

	snprintf(path, sizeof(path), "%s.lock", addr->sun_path);
	lock = lock_take(path);
	if (lock < 0)
		return lock;
	r = start_locked(addr);
	unlink(path);
	close(lock);
	return r;
}
