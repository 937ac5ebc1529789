// SPDX-License-Identifier: Apache-2.0
/*
 * host.c - sprocket-inline: all functions of a chain in one process, each in its own thread.
 *
 * For: `sprocket run --inline`, and a debugger that is to see every hop of a request.
 * How: see inline.h. A thread is to its function what a process would be: it has the same wiring
 * and runs the same loop, on sockets of its own. When all have ended, so does the host.
 * Thread-safety: the main thread loads and joins; others touch their own struct thread.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/inline/load.h"
#include "sproxy/wiring.h"

enum { EXIT_DONE = 0, EXIT_WRONG = 1, EXIT_USAGE = 2 };

struct thread {
	struct inline_function from;
	struct inline_program program;
	int wiring, log; /* the function's, once it runs */
	bool loaded;
	pthread_t id;
};

static struct thread threads[SP_FN_MAX];
static uint32_t count;
static int control = -1;
static bool over; /* every thread has ended: exit() is in order */

static void tell(uint32_t type, uint32_t slot, uint32_t number, const char *text)
{
	struct wiring_msg msg = { .type = type, .slot = slot, .count = number };

	strncpy(msg.text, text, sizeof(msg.text) - 1);
	send(control, &msg, sizeof(msg), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- how it ends when it should not ---- */

static void on_death(int signal, siginfo_t *info, void *context)
{
	const struct inline_tls *current = inline_tls_current();
	int error = errno;

	(void)context;
	tell(INLINE_DIED, 0, (uint32_t)signal, current ? current->name : "");
	errno = error;
	/* Now by default: what was not the processor's doing is raised again. */
	if (info->si_code <= 0)
		raise(signal);
}

static void on_exit_call(void)
{
	const struct inline_tls *current = inline_tls_current();

	if (!over)
		tell(INLINE_DIED, 0, 0, current ? current->name : "");
}

static void deaths_watch(void)
{
	static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
	struct sigaction action = { .sa_sigaction = on_death,
				    .sa_flags =
					    SA_SIGINFO | SA_RESETHAND | SA_NODEFER | SA_ONSTACK };

	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		sigaction(deadly[i], &action, NULL);
	atexit(on_exit_call);
}

/* ---- functions ---- */

static void function_add(const struct inline_function *from, const int fds[INLINE_FDS])
{
	struct thread *thread = &threads[count++];
	struct wiring_msg failed = { .type = WIRING_FAILED, .slot = from->slot };

	thread->from = *from;
	thread->wiring = fds[INLINE_FD_WIRING];
	thread->log = fds[INLINE_FD_LOG];
	if (inline_load(&thread->from, fds[INLINE_FD_EXEC], &thread->program, failed.text,
			sizeof(failed.text)) == 0)
		thread->loaded = true;
	else
		wiring_send(thread->wiring, &failed, sizeof(failed), NULL, 0);
	close(fds[INLINE_FD_EXEC]);
}

static void *thread_run(void *arg)
{
	struct thread *thread = arg;
	const struct inline_entry *entry = thread->program.entry;
	char wiring[16], log[16], name[16];
	char wiring_is[] = "--wiring", log_is[] = "--log";
	char *argv[] = { thread->from.name, wiring_is, wiring, log_is, log, NULL };
	cpu_set_t set;
	int code;

	CPU_ZERO(&set);
	CPU_SET(thread->from.cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	snprintf(name, sizeof(name), "%.15s", thread->from.name);
	prctl(PR_SET_NAME, name);
	snprintf(wiring, sizeof(wiring), "%d", thread->wiring);
	snprintf(log, sizeof(log), "%d", thread->log);
	code = entry->main(5, argv, entry->function);
	tell(INLINE_ENDED, thread->from.slot, (uint32_t)code, thread->from.name);
	close(thread->log);
	return NULL;
}

/* False when one could not be loaded, which was told. That word would be lost with the socket if
 * the wiring lay unread in it. */
static bool all_loaded(void)
{
	bool all = true;
	char byte;

	for (uint32_t i = 0; i < count; i++) {
		if (!threads[i].loaded)
			recv(threads[i].wiring, &byte, sizeof(byte), MSG_DONTWAIT);
		all &= threads[i].loaded;
	}
	return all;
}

static int threads_run(void)
{
	for (uint32_t i = 0; i < count; i++) {
		int r;

		inline_tls_enter(&threads[i].program.tls); /* the new thread's, by its maker */
		r = pthread_create(&threads[i].id, NULL, thread_run, &threads[i]);
		if (r != 0) {
			fprintf(stderr, "cannot make a thread: %s\n", strerror(r));
			return EXIT_WRONG;
		}
	}
	for (uint32_t i = 0; i < count; i++)
		pthread_join(threads[i].id, NULL);
	return EXIT_DONE;
}

/* Until all functions are here; returns 0 and whether to wait for a debugger, or -1. */
static int functions_take(bool *ret_stop)
{
	static union {
		uint32_t type;
		struct inline_function function;
		struct wiring_msg order;
	} m;

	for (;;) {
		int fds[INLINE_FDS];
		size_t fd_count;
		ssize_t n = wiring_receive(control, &m, sizeof(m), fds, INLINE_FDS, &fd_count);

		if (n == sizeof(m.function) && m.type == INLINE_FUNCTION &&
		    fd_count == INLINE_FDS && count < SP_FN_MAX) {
			function_add(&m.function, fds);
			continue;
		}
		if (n != sizeof(m.order) || m.type != INLINE_GO)
			return -1;
		*ret_stop = m.order.count;
		return 0;
	}
}

int main(int argc, char **argv)
{
	bool stop;
	int code;

	control = wiring_inherited();
	if (argc > 1 || control < 0) {
		fprintf(stderr, "%s: started by `sprocket run --inline`, and not by hand\n",
			argv[0]);
		return EXIT_USAGE;
	}
	deaths_watch();
	if (functions_take(&stop) < 0)
		return EXIT_WRONG;
	if (!all_loaded()) {
		over = true;
		return EXIT_WRONG;
	}
	tell(INLINE_LOADED, 0, count, "");
	if (stop)
		raise(SIGSTOP);
	code = threads_run();
	over = true;
	return code;
}
